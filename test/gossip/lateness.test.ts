/** By how much a member's own loop is late, as a table of rows: when it was due, when it came. */
import { describe, expect, it } from "vitest";
import { Lateness } from "../../gossip/detection/lateness.js";

/** The lateness of each input in turn: `[deadline, now]`. */
function latenesses(...inputs: readonly (readonly [number | undefined, number])[]): number[] {
  const lateness = new Lateness();
  return inputs.map(([deadline, now]) => lateness.of(deadline, now));
}

describe("an input of a member's own loop", () => {
  it.each([
    ["before anything is due", undefined, 1000, 0],
    ["before the deadline", 1000, 900, 0],
    ["at the deadline", 1000, 1000, 0],
    ["as late as a timer may be", 1000, 1020, 0],
    ["later than a timer", 1000, 1021, 21],
    ["after a long stall", 1000, 9000, 8000],
  ])("%s", (_, deadline, now, late) => {
    expect(latenesses([deadline, now])).toEqual([late]);
  });

  it("stands for the whole stall, when it is the first of a row of late ones", () => {
    expect(latenesses([1000, 3000], [1000, 3001], [1000, 3010])).toEqual([2000, 0, 0]);
  });

  it("is late again, when the loop stood still between two late ones", () => {
    expect(latenesses([1000, 3000], [1000, 3500])).toEqual([2000, 500]);
  });
});
