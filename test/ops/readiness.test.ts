/** Whether a member may be given work, and what is said of it. */
import { expect, it } from "vitest";
import { readiness } from "../../ops/index.js";

const NOW = 1_800_000_000_000;
const HOUR = 3_600_000;
const WELL = {
  isStarted: true,
  isStopping: false,
  isolated: undefined,
  members: 3,
  certificateEnds: NOW + 2 * HOUR,
  clock: "steady",
};

it.each([
  ["one that is well", {}, true, []],
  ["one that is alone, as the first of a network is", { members: 0 }, true, ["It is alone in its view."]],
  ["one whose certificate ends soon", { certificateEnds: NOW + HOUR - 1 }, true, [/within an hour/]],
  ["one whose clock has stepped", { clock: "in-doubt" }, true, [/clock has stepped/]],
  ["one whose certificate has ended", { certificateEnds: NOW }, false, [/certificate has ended/]],
  ["one that the others do not have", { isolated: { reason: "removed" }, members: 0 }, false, [/removed/, /alone/]],
  ["one that has not started", { isStarted: false, members: 0 }, false, ["The member has not started yet."]],
  [
    "one that is stopping, whatever else",
    { isStopping: true, certificateEnds: 0, members: 0 },
    false,
    [/stopping/, /alone/],
  ],
])("%s", (_, facts, ok, reasons) => {
  const found = readiness({ ...WELL, ...facts }, NOW);
  expect(found.ok).toBe(ok);
  expect(found.reasons).toHaveLength(reasons.length);
  for (const [index, reason] of reasons.entries()) expect(found.reasons[index]).toMatch(reason);
});
