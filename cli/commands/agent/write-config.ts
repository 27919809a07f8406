/** `fireflies agent --write-config FILE`: the flags of a command line as a configuration file, which does the same. */
import { AGENT_KEYS, MEMBER_KEYS } from "../../../client/config/keys.js";
import { FLAG_SPELLING } from "../../../client/config/resolve.js";
import { yaml } from "../../../client/config/yaml.js";
import { KEY_FILE_MODE, writeOutput } from "../../../identity/index.js";
import { outputFile } from "../../output-file.js";

/** `flags` by their long names, as they were said and have been checked. Rejects for a file that exists. */
export async function writeConfig(file: string, flags: Readonly<Record<string, unknown>>): Promise<void> {
  const { output, print } = outputFile(file, { bytes: false });
  const settings = Object.fromEntries(Object.entries(flags).map(([flag, value]) => [keyOf(flag), plain(flag, value)]));
  // A token may be among them, so the file is for its owner alone.
  const text = `# Written by fireflies agent --write-config.\n${yaml().stringify(settings)}`;
  await writeOutput(output, Buffer.from(text), { mode: KEY_FILE_MODE, isNew: true });
  await print(false, undefined, `${file} is written. Start with it: fireflies agent --config ${file}`);
}

const KEY_OF_FLAG: ReadonlyMap<string, string> = new Map(
  Object.entries({ ...MEMBER_KEYS, ...AGENT_KEYS }).map(([setting, { file }]) => [
    FLAG_SPELLING.name(setting, file).replace(/^--/, ""),
    file,
  ]),
);

function keyOf(flag: string): string {
  return KEY_OF_FLAG.get(flag) ?? flag.replaceAll("-", "_");
}

/** Numbers, lists and facts as YAML has them, not as a shell does. */
function plain(flag: string, value: unknown): unknown {
  if (typeof value !== "string") return value;
  if (flag === "metadata") return JSON.parse(value);
  if (/^-?(0|[1-9]\d{0,14})(\.\d+)?$/.test(value)) return Number(value);
  if (value === "true" || value === "false") return value === "true";
  return value;
}
