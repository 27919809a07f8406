/** `fireflies sim --search` and `--program` as commands: where a search stands, one program, and what they say to wrong options. Needs a build. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { SEED_MAX } from "../../sim/limits.js";
import { TWO_FACED_LEAVER } from "../../sim/puppets/programs.js";
import { command } from "../support/command.js";
import { attackWith } from "../support/sim/attack.js";

const TIMEOUT_MS = 120_000;
const cwd = mkdtempSync(join(tmpdir(), "fireflies-search-"));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const sim = (...words: string[]) => command(["sim", ...words], { cwd });
const attack = JSON.stringify(attackWith(TWO_FACED_LEAVER));

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));

/** No seed is left. */
const AT_ITS_END = {
  version,
  rules: "",
  from: 100,
  next: SEED_MAX,
  coreMs: 120_000,
  population: [],
  found: [],
};
writeFileSync(join(cwd, "attack.json"), attack);

describe("fireflies sim --search", () => {
  it("goes on from its state, and only from its own", { timeout: TIMEOUT_MS }, async () => {
    writeFileSync(join(cwd, "state.json"), JSON.stringify(AT_ITS_END));
    const again = await sim("--search", "--state", "state.json", "--json");
    expect(again).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(again.stdout)).toEqual({
      from: 100,
      next: SEED_MAX,
      programs: SEED_MAX - 100,
      coreMinutes: 2,
      found: 0,
    });
    const other = await sim("--search", "--from", "0", "--state", "state.json");
    expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining("began at seed 100") });
  });

  it("ends with 1 while something is found", { timeout: TIMEOUT_MS }, async () => {
    const violation = { invariant: "S1", at: 1_000, member: "m1", text: "is out" };
    writeFileSync(join(cwd, "found.json"), JSON.stringify({ ...AT_ITS_END, found: [{ seed: 7, violation }] }));
    const { code, stderr } = await sim("--search", "--state", "found.json");
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining("Seed 7 found it") });
  });

  it.each([
    [["--generations", "2"], "--generations is about a search."],
    [["--search", "--members", "5"], "Leave out --members"],
    [["--search", "--report", "run.html"], "Leave out --search"],
    [["--search", "--state", "."], "cannot be read", 7],
    [["--search", "--state", "/dev/zero"], "has more than", 7],
    [["--search", "--state", "attack.json"], "holds no state"],
  ])("%j is refused", async (words, why, code = 2) => {
    expect(await sim(...words)).toMatchObject({ code, stderr: expect.stringContaining(why) });
  });
});

describe("fireflies sim --program", () => {
  it("plays it, from a file or as it is", { timeout: TIMEOUT_MS }, async () => {
    const [file, text] = [await sim("--program", "attack.json"), await sim("--program", attack)];
    expect(file).toEqual(text);
    expect(file).toMatchObject({ code: 0, stdout: expect.stringContaining("All invariants held.") });
    expect(file.stdout).toContain("accuser says accusation to others");
  });

  it.each([
    ["{}", "no valid"],
    ["nowhere.json", "cannot be read", 7],
  ])("%s is refused", async (given, why, code = 2) => {
    expect(await sim("--program", given)).toMatchObject({ code, stderr: expect.stringContaining(why) });
  });
});
