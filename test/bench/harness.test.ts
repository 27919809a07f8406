/**
 * The bench beside peers (bench/index.mjs): what it makes of a row's figures, what it keeps, and that docs/performance.md is what
 * it prints; the same of docs/claims.md. No figure is asserted here: speed is measured, not tested. Needs a build: `npm run build`.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { Simulation } from "../../sim/index.js";
import { ROOT, read, runNode } from "../support/tree.js";

interface Result {
  readonly row: string;
  readonly ours: number | null;
  readonly peer: number | null;
  readonly ratio: number | null;
}
interface Row {
  readonly name: string;
  readonly run: (options: { readonly runs: number; readonly quick: boolean }) => Promise<unknown>;
  readonly [word: string]: unknown;
}

interface Lively {
  kept(): { readonly kept: number; readonly of: number };
}

/** Modules of the bench are plain JavaScript. */
const load = (file: string) => import(join(ROOT, "bench/support", file));
const { measure } = (await load("measure.mjs")) as { measure(row: Row, options: object): Promise<Result> };
const { Skipped } = (await load("skipped.mjs")) as { Skipped: ErrorConstructor };
const { readKept, writeKept } = (await load("kept.mjs")) as {
  readKept(file?: string): Result[];
  writeKept(result: object, file: string): void;
};
const { plotsOf } = (await load("plots.mjs")) as { plotsOf(rows: Result[]): { file: string; svg: string }[] };

const WORDS = { name: "fake", what: "Nothing at all.", unit: "calls/s", aim: { atLeast: 8 }, peer: "a fake" };
const OPTIONS = { runs: 3, quick: true };

const directory = mkdtempSync(join(tmpdir(), "fireflies-harness-"));
afterAll(() => rmSync(directory, { recursive: true }));

describe("a row", () => {
  it("becomes one line: medians, their ratio, and the spread of the runs beside each other", async () => {
    const run = async () => ({ ours: [90, 100, 110], peer: [10, 5, 11], details: { more: 1 } });
    const result = await measure({ ...WORDS, run }, OPTIONS);
    expect(JSON.parse(JSON.stringify(result))).toMatchObject({
      row: "fake",
      ours: 100,
      peer: 10,
      ratio: 10,
      spread: [9, 20],
      aim: { atLeast: 8 },
      met: true,
      unit: "calls/s",
      runs: [90, 100, 110],
      peerRuns: [10, 5, 11],
      details: { more: 1 },
      node: process.version,
    });
  });

  it("misses an aim from above, too", async () => {
    const run = async () => ({ ours: [2], peer: [1] });
    expect(await measure({ ...WORDS, aim: { atMost: 1.3 }, run }, OPTIONS)).toMatchObject({ ratio: 2, met: false });
  });

  it("without a peer has no ratio", async () => {
    const run = async () => ({ ours: [3, 1] });
    expect(await measure({ ...WORDS, run }, OPTIONS)).toMatchObject({ ours: 2, peer: null, ratio: null });
  });

  it("whose peer is not installed is skipped, and says why", async () => {
    const run = () => Promise.reject(new Skipped("nothing to compare with"));
    const result = await measure({ ...WORDS, run }, OPTIONS);
    expect(result).toMatchObject({ row: "fake", ratio: null, skipped: "nothing to compare with" });
    expect(result).not.toHaveProperty("error");
  });

  it.each([
    ["that fails", () => Promise.reject(new Error("it broke")), /it broke/],
    ["with fewer runs of one side", async () => ({ ours: [1, 2], peer: [1] }), /2 runs of ours, 1 of the peer/],
    ["with a figure that is none", async () => ({ ours: [Number.NaN] }), /no median/],
  ])("%s says so", async (_, run, message) => {
    expect(await measure({ ...WORDS, run }, OPTIONS)).toMatchObject({ ratio: null, error: message });
  });
});

describe("what is kept", () => {
  it("is the last figure of each row, in the order of the table", () => {
    const file = join(directory, "kept.jsonl");
    const figures = { ours: 1, peer: 1, ratio: 1 };
    for (const row of ["other", "kill", "message-1"]) writeKept({ row, ...figures }, file);
    writeKept({ row: "kill", ...figures, ours: 2 }, file);
    writeKept({ row: "message-1", ours: null, peer: null, ratio: null, skipped: "away" }, file);
    expect(readKept(file).map(({ row, ours }) => [row, ours])).toEqual([
      ["message-1", 1],
      ["kill", 2],
      ["other", 1],
    ]);
  });
});

describe("the command", () => {
  it("refuses a row that there is not, and names those that there are", async () => {
    const { code, output } = await runNode([join(ROOT, "bench/index.mjs"), "--only", "kil"], ROOT);
    expect([code, output]).toEqual([1, expect.stringMatching(/no row kil; there are message-1, .*kill/)]);
  });
});

describe("the life of a network in the claims", () => {
  it("is a member that goes, one that joins and one that changes, at even steps", async () => {
    const { Life } = (await import(join(ROOT, "bench/claims/life.mjs"))) as {
      Life: new (...words: unknown[]) => Lively;
    };
    const simulation = new Simulation({ members: 12, rings: 5, seed: 1 });
    const turns: number[] = [];
    const life = new Life(simulation, { everyMs: 10_000, delayMs: 1000 }, () => turns.push(simulation.now));
    simulation.run(40_000);
    expect(turns).toEqual([6000, 16_000, 26_000, 36_000]);
    expect(simulation.members.filter(({ state }) => state === "up").length).toBe(12);
    expect(life.kept()).toEqual({ kept: 0, of: 2 });
  });
});

describe("the claim about members behind NATs", () => {
  it("holds in its short form, with a relay that dies, a NAT that forgets, and a crash that all notice", async () => {
    const { jobs, run } = (await import(join(ROOT, "bench/claims/nats.mjs"))) as {
      jobs(scale: number): readonly object[];
      run(job: object): Record<string, unknown>;
    };
    for (const job of jobs(0.01)) {
      const figures = run(job);
      const nobody = { removals: 0, removalsOfCutOff: 0, forPaths: 0, cutOff: 0 };
      expect(figures).toMatchObject({ ...nobody, died: 1, forgot: 1, crashes: [expect.any(Number)] });
      expect(Math.max(...(figures.crashes as number[]))).toBeLessThan(8_000);
    }
  });
});

describe("docs/claims.md", () => {
  it("is what the command prints from bench/claims/results.jsonl", async () => {
    const { output } = await runNode([join(ROOT, "bench/claims/index.mjs"), "--print"], ROOT);
    expect(read("docs/claims.md"), "npm run -s claims -- --print > docs/claims.md").toBe(output);
  });
});

describe("docs/performance.md", () => {
  it("is what the command prints from bench/performance.jsonl", async () => {
    const { output } = await runNode([join(ROOT, "bench/index.mjs"), "--print"], ROOT);
    expect(read("docs/performance.md"), "npm run -s bench -- --print > docs/performance.md").toBe(output);
  });

  it("shows plots of the same figures", () => {
    const shown = [...read("docs/performance.md").matchAll(/\]\(performance\/([\w.-]+)\)/g)].map(([, file]) => file);
    const plots = plotsOf(readKept());
    expect(plots.map(({ file }) => file)).toEqual(shown);
    for (const { file, svg } of plots) {
      const path = join(ROOT, "docs/performance", file);
      expect(existsSync(path) && readFileSync(path, "utf8") === svg, `${file}: npm run -s bench -- --plots`).toBe(true);
    }
  });
});
