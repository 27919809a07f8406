/** `ID@address` in entry_addrs: only the member that is meant counts as the contact. */
import { expect, it } from "vitest";
import { MemoryNetwork } from "../../net/index.js";
import { OfflineNetwork } from "../support/network.js";

it("is the contact that is meant, or none", async () => {
  await using network = await OfflineNetwork.create({ wires: new MemoryNetwork() });
  const ann = await network.start();
  const bob = await network.start({ entryAddrs: [`${ann.id.toUpperCase()}@${ann.address}`] });
  expect(bob.ids).toEqual([ann.id]); // `start` resolves when it is in.
  const eve = await network.start({ entryAddrs: [`${bob.id}@${ann.address}`] });
  expect(eve.ids).toEqual([]);
});
