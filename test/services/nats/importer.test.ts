/** What a bridge does when NATS sends faster than the overlay takes it. */
import { expect, it } from "vitest";
import type { FirefliesError } from "../../../identity/index.js";
import { Importer } from "../../../services/nats/bridge/importer.js";

/** More than may be under way. */
const FLOOD = 70_000;

it("leaves what has no room, and says so once a second, with how many they were", () => {
  let now = 0;
  const told: FirefliesError[] = [];
  let left = 0;
  const importer = new Importer({
    ...{ prefix: "ff.", network: "n", system: "s", roots: [], now: () => now },
    publish: () => new Promise(() => {}), // The overlay takes nothing more.
    onTrouble: (error) => told.push(error),
  });
  const take = () => {
    importer.take({
      ...{ subject: "ff.a", headers: {}, data: new Uint8Array(1), deliveries: 1 },
      ...{ done: () => {}, again: () => {}, refuse: () => {} },
      overflow: () => {
        left += 1;
      },
    });
  };
  for (let sent = 0; sent < FLOOD; sent++) take();
  expect(left).toBe(FLOOD - 65_536);
  expect(told).toMatchObject([{ code: "overloaded", message: expect.stringContaining("(1 without room)") }]);
  now = 1_000;
  take();
  expect(told).toHaveLength(2);
  expect(told[1]?.message).toContain(`(${FLOOD - 65_536} without room)`);
});
