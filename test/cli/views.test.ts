/** What people read: tables and sentences of the command. */
import { expect, it } from "vitest";
import { counted } from "../../cli/output.js";
import { infoTable } from "../../cli/views.js";

it("an agent's facts are for people: a date for a time, a dash for nothing", () => {
  const info = { id: "ab", certificateEnds: 0, disabledRings: [], others: [1, 3], rejected: { late: 2 } };
  expect(infoTable(info).split("\n")).toEqual([
    "id               ab",
    "certificateEnds  1970-01-01T00:00:00.000Z",
    "disabledRings    -",
    "others           1, 3",
    'rejected         {"late":2}',
  ]);
});

it("counts one as one", () => {
  expect([0, 1, 2].map((count) => counted(count, "crash", "crashes"))).toEqual(["0 crashes", "1 crash", "2 crashes"]);
});
