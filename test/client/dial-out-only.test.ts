/**
 * Members that can only dial out and have no UDP: nobody pings them, and nobody opens a connection to them. Whoever watches one
 * asks over the session that it has made, or through its relays.
 */
import { expect, it, vi } from "vitest";
import type { Change } from "../../client/types.js";
import { Machine } from "../../gossip/index.js";
import type { HostNetwork } from "../../net/index.js";
import { undialable } from "../support/nat.js";
import { OfflineNetwork, read, type TestClient, text, until, whole } from "../support/network.js";

/** Members that can be dialled: as many as relays are wanted at least. */
const OPEN = 3;
const HIDDEN = 3;
/** A try has as long as a round: time for a handshake through a relay on a busy machine. */
const PACE = { monitorIntervalMs: 1_000 };
/** Tries of hidden members that are watched: each is on nine rings, and has six members around it. */
const TRIES = 40;
const PATIENCE_MS = 60_000;

/** Dials out; what comes in is left in silence, and so is each datagram, either way. */
function dialOutOnly(): HostNetwork {
  const local = { host: "127.0.0.1", port: 1 };
  const bindDatagrams = async () => ({ local, send: () => {}, onDatagram: () => {}, close: () => {} });
  return { transports: [undialable()], bindDatagrams };
}

it("never accuse each other, and all reach all", async () => {
  await using network = await OfflineNetwork.create();
  const open = await network.startMany(OPEN, PACE);
  const hidden: TestClient[] = [];
  for (let count = 0; count < HIDDEN; count++) {
    const options = { entryAddrs: [open[0]!.address], behindNat: true, ...PACE };
    const client = await network.member(options, undefined, dialOutOnly());
    client.registerMessageHandler((data) => data);
    hidden.push(client);
    await client.start();
  }
  const all = [...open, ...hidden];
  await whole(all);
  const relaysOf = (witness: TestClient, { id }: TestClient) =>
    (witness.member(id)?.addresses ?? []).filter((address) => address.startsWith("relay:"));
  for (const witness of all)
    for (const each of hidden)
      if (witness !== each) await until(witness, () => relaysOf(witness, each).length === OPEN);

  const bad: Change[] = [];
  const watching = all.map(async (client) => {
    for await (const change of client.changes())
      if (change.kind === "suspected" || change.kind === "failed") bad.push(change);
  });
  const tried = vi.spyOn(Machine.prototype, "tried");
  const enough = () => expect(tried.mock.calls.length).toBeGreaterThanOrEqual(TRIES);
  await vi.waitFor(enough, { timeout: PATIENCE_MS, interval: 100 });
  expect(bad).toEqual([]);
  for (const from of all)
    for (const to of hidden) if (from !== to) expect(read(await from.sendToId(to.id, text("hello")))).toBe("hello");
  const kinds = (from: TestClient) => new Set(from.paths().map(({ path }) => path));
  const betweenHosts = new Set<string | undefined>(["direct", "reversed"]);
  for (const client of open) expect([...kinds(client)].filter((kind) => !betweenHosts.has(kind))).toEqual([]);
  for (const { path, via, whyNotBetter } of hidden[0]!
    .paths()
    .filter(({ id }) => hidden.some((each) => each.id === id)))
    expect([path, via.length, typeof whyNotBetter]).toEqual(["relayed", 1, "string"]);
  await Promise.all(all.map((client) => client.stop({ drain: 0 })));
  await Promise.all(watching);
});
