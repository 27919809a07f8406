/** A small real one: a key-value map that every member holds whole, kept equal by gossip (kv/map.ts). */

import { ReplicatedMap } from "./kv/map.js";
import { openNetwork } from "./network.js";

await using network = await openNetwork();
const maps = ["ada", "ben", "cleo"].map((name) => new ReplicatedMap(network.member(name)));
const [ada, ben, cleo] = maps as [ReplicatedMap, ReplicatedMap, ReplicatedMap];
await network.start();

ada.set("colour", "green");
ben.set("animal", "firefly");
cleo.set("season", "summer");
await untilEqual(3);
show("Each wrote one key; all hold all three:");

// Two write one key before either has heard of the other: the later write wins everywhere, the id decides a tie.
ada.set("colour", "yellow");
cleo.set("colour", "orange");
ben.delete("season");
await untilEqual(2);
show("Two wrote colour at once, and one deleted season; all agree:");

// Entries are signed by their authors, so a member can pass them on but not change them.
const [entry] = ada.entries();
if (entry) console.log(`A forged entry is taken: ${ben.merge({ ...entry, value: "forged", time: entry.time + 1 })}`);

/** Waits until all maps have this many keys and are equal. */
async function untilEqual(size: number): Promise<void> {
  const isEqual = () => maps.every((map) => map.size === size && ada.isEqual(map));
  while (!isEqual()) await Promise.race(maps.map((map) => map.changed()));
}

function show(title: string): void {
  console.log(title);
  for (const key of [...ada.keys()].sort()) {
    console.log(`  ${key}: ${maps.map((map) => map.get(key)).join(" ")}`);
  }
}
