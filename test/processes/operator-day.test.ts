/** A day in the life of an authority's operator, as `npm run -s operator-day` tells it. Needs a build: `npm run build`. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const SCRIPT = fileURLToPath(new URL("../../bench/operator-day.mjs", import.meta.url));
/** Members of the fleet whose morning ends the day; none in the suite, as it takes half of the time. Nightly there are eight. */
const FLEET = Number(process.env.FLEET ?? 0);
/** What the short form leaves out. */
const LONG = FLEET > 0 ? [] : ["renew", "rotate the intermediate"];
/** In its long form a minute on a machine with nothing else to do, most of it waiting for certificates to age. */
const DEADLINE_MS = 240_000;
const STEPS = [
  "init",
  "token",
  "three members join",
  "list",
  "renew",
  "rotate the intermediate",
  "revoke one",
  "audit verify",
  "backup",
  "kill",
  "restore",
  "join another",
  ...(FLEET > 0 ? ["a fleet's authority", `${FLEET} by one token`, "rotate under the fleet", "prune"] : []),
];

it("is lived from the first start to the restored backup, one line for each step", {
  timeout: DEADLINE_MS,
}, async () => {
  const lines = (await output()).trim().split("\n");
  expect(lines.filter((line) => !/ ok +\d+ ms/.test(line))).toEqual([]);
  for (const step of STEPS.filter((name) => !LONG.includes(name)))
    expect(
      lines.some((line) => line.startsWith(step)),
      step,
    ).toBe(true);
});

/** What it printed; rejects with all of that when it did not exit with 0. */
function output(): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [SCRIPT, "--fleet", String(FLEET), ...(FLEET > 0 ? [] : ["--short"])],
      (error, stdout, stderr) => {
        if (error) reject(new Error(`${error.message}\n${stdout}${stderr}`));
        else resolve(stdout);
      },
    );
  });
}
