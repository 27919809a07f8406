/**
 * `fireflies sim` as a command: its last line, its exit codes, and what it says to wrong options. Needs a build. Twice the same
 * once in this process and once in one of its own.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { command } from "../support/command.js";
import { typed } from "../support/typed.js";

const TIMEOUT_MS = 120_000;
const cwd = mkdtempSync(join(tmpdir(), "fireflies-sim-"));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const sim = (...words: string[]) => typed(["sim", ...words], { cwd });
const lastLine = (stdout: string) => JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Record<string, unknown>;
const SMALL = "--members 10 --byzantine 0.2 --rings auto --adversary false-accuser --seconds 10 --seed 3".split(" ");

describe("fireflies sim", () => {
  it("ends with one JSON object, the same digest for the same options", { timeout: TIMEOUT_MS }, async () => {
    const [first, again] = [await sim(...SMALL, "--json"), await command(["sim", ...SMALL, "--json"], { cwd })];
    expect(first).toMatchObject({ code: 0, stderr: "" });
    const result = lastLine(first.stdout);
    expect(result).toMatchObject({
      digest: expect.stringMatching(/^[0-9a-f]{16}$/),
      violations: [],
      falseRemovals: 0,
      falseAccusations: expect.any(Number),
      detectionFirst: { p50: expect.any(Number), p99: expect.any(Number) },
      detectionAll: { p50: expect.any(Number), p99: expect.any(Number) },
      bytesPerMemberSecond: expect.any(Number),
      rate: expect.any(Number),
      options: { members: 10, byzantine: 2, adversaries: ["false-accuser"], seconds: 10, seed: 3 },
    });
    expect(lastLine(again.stdout).digest).toBe(result.digest);
  });

  it("writes a page that needs nothing else", { timeout: TIMEOUT_MS }, async () => {
    const { code, stdout } = await sim(...SMALL, "--report", "run.html");
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining("All invariants held.") });
    const page = readFileSync(join(cwd, "run.html"), "utf8");
    for (const title of ["Views over time", "Detection of crashes", "Dissemination", "Bytes per member", "Repeat it"]) {
      expect(page).toContain(title);
    }
    expect(page).toContain("fireflies sim --members 10 --byzantine 0.2");
    const [, played = ""] = / srcdoc="([^"]*)"/.exec(page) ?? [];
    expect(played).toContain("&quot;recording&quot;:1");
    expect(page.replace(played, "")).not.toMatch(/<script|<link|src=|url\(|NaN|undefined|Infinity/);
  });

  it("puts a share of the members behind NATs, whose relays lie and die", { timeout: TIMEOUT_MS }, async () => {
    const words = "--members 20 --byzantine 0.2 --nat 0.5 --adversary relay-turncoat --seconds 15 --seed 2".split(" ");
    const { code, stdout } = await sim(...words, "--faults", "crash,relays,remap", "--json", "--report", "nat.html");
    expect(code).toBe(0);
    expect(lastLine(stdout)).toMatchObject({
      violations: [],
      falseRemovals: 0,
      options: { nat: 0.5, byzantine: 4, faults: 5 },
    });
    const page = readFileSync(join(cwd, "nat.html"), "utf8");
    for (const what of ["--nat 0.5", "relays", "remap", "behind NATs"]) expect(page).toContain(what);
    expect(await sim("--nat", "1")).toMatchObject({ code: 2 });
  });

  it("ends with 1 when an invariant is violated: smaller, traced, and with what repeats it", {
    timeout: TIMEOUT_MS,
  }, async () => {
    // Too few rings by far: half of the members lie, and one of the dead has liars alone before it.
    const words = "--members 12 --byzantine 0.5 --rings 3 --adversary keeper --faults crash --seconds 10".split(" ");
    const { code, stdout, stderr } = await sim(...words);
    expect(code).toBe(1);
    expect(stdout).toMatch(/L1 violated at [\d.]+ s: m\d+ still holds m\d+, which is down, as live/);
    expect(stdout).toMatch(/Made smaller in \d+ runs:/);
    expect(stdout).toMatch(/Trace of m\d+ and m\d+:/);
    expect(stderr).toMatch(/error: L1 violated .* Repeat it with `fireflies sim .*--rings 3 .*`\. \(sim-violated\)/);
    const plan = /--plan '(\{.*\})'/.exec(stdout)?.[1] ?? "";
    expect((await sim("--plan", plan, "--no-shrink", "--json")).code).toBe(1);
  });

  it("runs seeds, one line each, and what they come to", { timeout: TIMEOUT_MS }, async () => {
    const { code, stdout } = await sim("--seeds", "0..2", "--json");
    const lines = stdout.trim().split("\n");
    expect(lines).toHaveLength(4);
    expect(lastLine(stdout)).toMatchObject({ seeds: 3, failed: [] });
    expect(code).toBe(0);
    const replayed = lastLine((await sim("--replay", "2", "--json")).stdout);
    expect(replayed.digest).toBe((JSON.parse(lines[2] ?? "") as { digest: string }).digest);
  });

  it("signs with P-256 and still repeats", { timeout: TIMEOUT_MS }, async () => {
    const words = "--members 5 --seconds 5 --crypto p256 --faults crash,join,revoke --json".split(" ");
    const [first, again] = [await sim(...words), await sim(...words)];
    expect(first).toMatchObject({ code: 0 });
    expect(lastLine(again.stdout).digest).toBe(lastLine(first.stdout).digest);
  });

  it("lists the adversaries", async () => {
    const { code, stdout } = await sim("--adversary", "help");
    expect(code).toBe(0);
    expect(stdout).toContain("false-accuser");
  });

  it.each([
    ["--members 0", "It must be a whole number from 1 to 100000"],
    ["--byzantine 1.5", "It must be a share below 1 such as 0.2"],
    ["--members 3 --byzantine 3", "3 Byzantine members of 3 leave no correct one."],
    ["--members 4 --byzantine 3", "No ring count up to 1000"],
    ["--rings many", "It must be a whole number from 1 to 1000"],
    ["--adversary nobody", 'There is no adversary "nobody".'],
    ["--faults flood", 'There is no fault "flood". There are: all, none, crash'],
    ["--seed -1", "It must be a whole number from 0 to 4294967295"],
    ["--seeds 9..3", "It must be like 0..99"],
    ["--replay 3 --members 5", "--replay brings a plan of its own. Leave out --members."],
    ["--seeds 0..3 --report r.html", "--report is about one run of a plan. Leave out --seeds."],
    ["--size large", "--size is about the draws of seeds"],
    ["--plan {}", "The plan cannot be used: members must be a number"],
    ["--trace bob --members 3", 'There is no member "bob": they are called m0 to m2'],
    ["--trace m9 --members 3 --faults none", 'There is no member "m9": they are called m0 to m2'],
    ["--latency slow", "Allowed choices are lan, wan, spiky, steady."],
  ])("%s: says what is wrong", { timeout: TIMEOUT_MS }, async (words, message) => {
    const { code, stderr } = await sim(...words.split(" "));
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining(message) });
  });

  it("a plan that cannot be read is no mistake in the words", async () => {
    const { code, stderr } = await sim("--plan", "nowhere.json");
    expect([code, stderr]).toEqual([7, expect.stringContaining("nowhere.json cannot be read")]);
  });
});
