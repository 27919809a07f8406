/** Who hears what: each part its kinds, in the order of the parts, and nobody else. */
import { expect, it } from "vitest";
import { Switchboard } from "../../client/driver/switchboard.js";

it("an output goes to every part that brought its kind, in their order, and an output without a row to nobody", () => {
  const heard: string[] = [];
  const table = new Switchboard([
    { ready: () => heard.push("first"), back: ({ reason }) => heard.push(reason) },
    { departed: () => heard.push("gone") },
    { ready: () => heard.push("second") },
  ]);
  for (const kind of ["ready", "departed"] as const) table.dispatch({ kind });
  table.dispatch({ kind: "back", reason: "nobody" });
  table.dispatch({ kind: "alarm", what: "clock-stepped" });
  expect(heard).toEqual(["first", "second", "gone", "nobody"]);
});
