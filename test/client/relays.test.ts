/** Members that nobody can dial, reached through others that relay, over real sockets and TLS. */
import { describe, expect, it } from "vitest";

import { undialable } from "../support/nat.js";
import { OfflineNetwork, read, type TestClient, text, until, whole } from "../support/network.js";

/** `open` members that can be dialled, and `hidden` ones that cannot, once all see each other and the hidden have relays. */
async function scene(open: number, hidden: number) {
  const network = await OfflineNetwork.create();
  const relays = await network.startMany(open);
  const entryAddrs = [relays[0]!.address];
  const behind: TestClient[] = [];
  for (let index = 0; index < hidden; index++) {
    const client = await network.member({ entryAddrs, behindNat: true }, undefined, { transports: [undialable()] });
    behind.push(client);
    await client.start();
  }
  await whole([...relays, ...behind]);
  for (const client of behind) await until(relays[0]!, () => hasRelays(relays[0]!, client.id, Math.min(3, open)));
  return { network, relays, behind, [Symbol.asyncDispose]: () => network[Symbol.asyncDispose]() };
}

function hasRelays(client: TestClient, id: string, count: number): boolean {
  const { addresses = [] } = client.member(id) ?? {};
  return addresses.filter((address) => address.startsWith("relay://")).length === count;
}

describe("a member that nobody can dial", () => {
  it("is reached by one that can be dialled, and by one that cannot either", async () => {
    await using made = await scene(3, 2);
    const { relays, behind } = made;
    const [near, far] = behind as [TestClient, TestClient];
    far.registerMessageHandler((data) => text(`${read(data)}, too`));
    for (const caller of [relays[1]!, near]) {
      const answer = await caller.sendToId(far.id, text("hello"));
      expect(read(answer)).toBe("hello, too");
    }
  });
});
