/** `fireflies agent --write-config FILE`: the flags of a command line as a configuration file, which does the same. */
import { isDeepStrictEqual } from "node:util";
import { AGENT_KEYS, type Key, MEMBER_KEYS } from "../../../client/config/keys.js";
import { FLAG_SPELLING } from "../../../client/config/resolve.js";
import { yaml } from "../../../client/config/yaml.js";
import { KEY_FILE_MODE, writeOutput } from "../../../identity/index.js";
import { outputFile } from "../../output-file.js";

/** `flags` by their long names, as they were said and have been checked. Rejects for a file that exists. */
export async function writeConfig(file: string, flags: Readonly<Record<string, unknown>>): Promise<void> {
  const { output, print } = outputFile(file, { bytes: false });
  const settings = Object.fromEntries(Object.entries(flags).map(([flag, value]) => settingOf(flag, value)));
  // A token may be among them, so the file is for its owner alone.
  const text = `# Written by fireflies agent --write-config.\n${yaml().stringify(settings)}`;
  await writeOutput(output, Buffer.from(text), { mode: KEY_FILE_MODE, isNew: true });
  await print(false, undefined, `${file} is written. Start with it: fireflies agent --config ${file}`);
}

const KEY_OF_FLAG: ReadonlyMap<string, Key<unknown>> = new Map(
  Object.entries({ ...MEMBER_KEYS, ...AGENT_KEYS }).map(([setting, key]) => [
    FLAG_SPELLING.name(setting, key.file).replace(/^--/, ""),
    key,
  ]),
);

function settingOf(flag: string, value: unknown): readonly [string, unknown] {
  const key = KEY_OF_FLAG.get(flag);
  return key === undefined ? [flag.replaceAll("-", "_"), value] : [key.file, plain(key, value)];
}

/** Numbers, truth and facts as YAML has them where that means the same: a name of digits alone stays a text. */
function plain({ parse }: Key<unknown>, value: unknown): unknown {
  if (typeof value !== "string") return value;
  const said = parse(value, "text");
  const isSame = (other: unknown) => isDeepStrictEqual(parse(other, "text"), said);
  const written = jsonOf(value);
  return written !== undefined && isSame(written) ? written : value;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
