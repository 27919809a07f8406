/**
 * The scenarios of test/scenarios: what is said in each of them, word for word. After a change that is meant,
 * `UPDATE_SCENARIOS=1 npm run vitest -- test/sim/scenarios.test.ts` writes them anew: review the diff.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { play } from "../support/sim/scenario.js";

const FOLDER = new URL("../scenarios/", import.meta.url);
const names = readdirSync(FOLDER).filter((name) => name.endsWith(".txt"));

it.each(names)("%s", (name) => {
  const file = new URL(name, FOLDER);
  const text = readFileSync(file, "utf8");
  const played = play(text);
  if (process.env.UPDATE_SCENARIOS) writeFileSync(file, played);
  else expect(played).toBe(text);
});

it("an answer that differs is seen", () => {
  const text = "start 3\n----\n(nothing)\n\nviews\n----\nm0 m1 see m0 m1 m2\n";
  expect(play(text)).toBe("start 3\n----\n(nothing)\n\nviews\n----\nm0 m1 m2 see m0 m1 m2\n");
});
