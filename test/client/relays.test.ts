/** Members that nobody can dial, reached through others that relay, over real sockets and TLS. */
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import type { ClientOptions } from "../../client/config/index.js";
import { only, undialable } from "../support/nat.js";
import { codeOf, OfflineNetwork, read, type TestClient, text, until, whole } from "../support/network.js";

interface Cast {
  /** Options of members that can be dialled. */
  readonly open: readonly ClientOptions[];
  /** Members that cannot. */
  readonly hidden: number;
  /** Which of the open ones the hidden ones can dial; all by default. */
  readonly reaches?: (hidden: number, open: number) => boolean;
}

/** Once all see each other, and all see relays of those that cannot be dialled. */
async function scene({ open, hidden, reaches = () => true }: Cast) {
  const network = await OfflineNetwork.create();
  const relays: TestClient[] = [];
  for (const options of open) {
    const entryAddrs = relays.slice(0, 1).map(({ address }) => address);
    relays.push(await network.start({ entryAddrs, ...options }));
  }
  const behind: TestClient[] = [];
  for (let index = 0; index < hidden; index++) {
    const near = relays.filter((_, number) => reaches(index, number));
    const transport = only(undialable(), () => near.map(({ address }) => address));
    const options = { entryAddrs: [near[0]!.address], behindNat: true };
    behind.push(await network.member(options, undefined, { transports: [transport] }));
    await behind[index]!.start();
  }
  await whole([...relays, ...behind]);
  for (const client of behind) await until(relays[0]!, () => relaysOf(relays[0]!, client).length > 0);
  return { network, relays, behind, [Symbol.asyncDispose]: () => network[Symbol.asyncDispose]() };
}

/** Those that stand in the note of a member, as another one holds it. */
function relaysOf(witness: TestClient, { id }: TestClient): string[] {
  const { addresses = [] } = witness.member(id) ?? {};
  return addresses.flatMap((address) => /^relay:\/\/([0-9a-f]{64})$/.exec(address)?.[1] ?? []);
}

const idsOf = (clients: readonly TestClient[]) => clients.map(({ id }) => id);

describe("a member that nobody can dial", () => {
  it("is reached by one that can be dialled, and by one that cannot either, and the relays tell what they do", async () => {
    await using made = await scene({ open: [{}, {}, {}], hidden: 2 });
    const { relays, behind } = made;
    const [near, far] = behind as [TestClient, TestClient];
    far.registerMessageHandler((data) => text(`${read(data)}, too`));
    for (const caller of [relays[1]!, near]) {
      const answer = await caller.sendToId(far.id, text("hello"));
      expect(read(answer)).toBe("hello, too");
    }
    expect(relaysOf(near, far).sort()).toEqual(idsOf(relays).sort());
    const { relay: mine } = far.info();
    expect(mine).toMatchObject({ relays: false, wanted: 3, mine: [{ observed: expect.any(String) }, {}, {}] });
    expect(mine.mine.map(({ id }) => id)).toEqual(relaysOf(near, far));
    const doing = relays.map((relay) => relay.info().relay);
    expect(doing.every(({ relays: does, reservations }) => does && reservations === 2)).toBe(true);
    expect(doing.reduce((sum, { passed }) => sum + passed, 0)).toBeGreaterThan(0);
    expect(made.behind.flatMap(({ alarms }) => alarms)).toEqual([]);
  });

  it("is sent to by its address, too; a relay's address is none of it", async () => {
    await using made = await scene({ open: [{}], hidden: 1 });
    const [relay, far] = [made.relays[0]!, made.behind[0]!];
    far.registerMessageHandler(() => text("here"));
    expect(read(await relay.sendTo(relay.member(far.id)!.address, text("hello")))).toBe("here");
    expect(await codeOf(relay.sendTo(`relay://${relay.id}`, text("hello")))).toBe("address-invalid");
  });

  it("gets a conduit of its relay for a stream that carries much, and the stream goes over to it", async () => {
    await using made = await scene({ open: [{}], hidden: 1 });
    const [relay, far] = [made.relays[0]!, made.behind[0]!];
    const near = await made.network.start({ entryAddrs: [relay.address] });
    const hidden = () => near.paths().find(({ id }) => id === far.id);
    await until(near, () => relaysOf(near, far).length > 0);
    let received = 0;
    far.registerStreamHandler(async (stream) => {
      for await (const data of stream) received += data.length;
      stream.end();
    });
    const stream = await near.openStream(far.id, { reconnect: true });
    let isMoved = false;
    stream.once("reconnect", (why) => {
      isMoved = why === undefined;
    });
    let sent = 0;
    // On a busy machine it may go over to another relayed connection before: both ends make one.
    for (; !isMoved || !hidden()?.conduit; sent += 65_536)
      if (!stream.write(new Uint8Array(65_536))) await Promise.race([once(stream, "drain"), once(stream, "reconnect")]);
    stream.end();
    stream.resume();
    await once(stream, "close");
    expect(received).toBe(sent);
    expect(hidden()).toMatchObject({ path: "relayed", via: [relay.id], conduit: true });
    expect(relay.info().relay.conduits).toBeGreaterThan(0); // Either end may have made one.
  });

  it("moves to another relay when one of them is gone, and keeps the others", async () => {
    await using made = await scene({ open: [{}, {}, {}, {}], hidden: 1 });
    const { relays, behind } = made;
    const far = behind[0]!;
    const witness = () => relays.find((relay) => !gone.has(relay.id) && relaysOf(relay, far).length > 0)!;
    const gone = new Set<string>();
    await until(relays[0]!, () => relaysOf(relays[0]!, far).length === 3);
    const before = relaysOf(relays[0]!, far);
    const first = relays.find(({ id }) => id === before[0])!;
    gone.add(first.id);
    await first.stop();
    const spare = relays.find(({ id }) => !before.includes(id))!;
    await until(witness(), () => relaysOf(witness(), far).includes(spare.id));
    expect(relaysOf(witness(), far).sort()).toEqual([spare.id, ...before.slice(1)].sort());
    far.registerMessageHandler(() => text("here"));
    expect(read(await witness().sendToId(far.id, text("hello")))).toBe("here");
  });

  it("is taken for no relay before it has relays itself: its first note says so", async () => {
    await using network = await OfflineNetwork.create();
    const open = await network.start();
    const options = { entryAddrs: [open.address], behindNat: true };
    const hidden = await Promise.all(
      [0, 1, 2].map(() => network.member(options, undefined, { transports: [undialable()] })),
    );
    await Promise.all(hidden.map((client) => client.start()));
    await whole([open, ...hidden]);
    for (const client of hidden) await until(open, () => relaysOf(open, client).length > 0);
    // None of them has waited for another one that nobody can dial.
    for (const client of hidden) expect(client.info().relay).toMatchObject({ wanted: 1, mine: [{ id: open.id }] });
  });

  it("asks nobody that declines to relay", async () => {
    await using made = await scene({ open: [{}, { relay: false }], hidden: 1 });
    const { relays, behind } = made;
    const [willing, unwilling] = relays as [TestClient, TestClient];
    expect(relaysOf(willing, behind[0]!)).toEqual([willing.id]);
    expect(unwilling.info().relay).toMatchObject({ relays: false, reservations: 0 });
    expect(behind[0]!.info().relay.wanted).toBe(1);
  });

  it("goes to another relay when one stops to relay while it runs, and may come back to it", async () => {
    await using made = await scene({ open: [{}, {}], hidden: 1 });
    const [first, second] = made.relays as [TestClient, TestClient];
    const [hidden] = made.behind as [TestClient];
    await until(first, () => relaysOf(first, hidden).length === 2);
    const before = second.adjust({ relay: false, relayConnections: 7 });
    await until(first, () => relaysOf(first, hidden).join() === first.id);
    expect(second.info().relay).toMatchObject({ relays: false, reservations: 1 });
    second.adjust(before);
    await until(first, () => relaysOf(first, hidden).length === 2);
    expect(second.info().relay).toMatchObject({ relays: true, reservations: 1 });
  });

  it("is reached through two relays by one that reaches none of its own", async () => {
    // The first hidden member dials the first open one alone, and the second one the second.
    // What the open ones hear of each other's dials would not agree: they are told that they can be dialled.
    await using made = await scene({
      open: [
        { relay: true, behindNat: false },
        { relay: true, behindNat: false },
      ],
      hidden: 2,
      reaches: (hidden, open) => hidden === open,
    });
    const [one, two] = made.behind as [TestClient, TestClient];
    await until(one, () => relaysOf(one, two).length > 0);
    expect(relaysOf(one, two)).toEqual([made.relays[1]!.id]);
    two.registerMessageHandler(() => text("here"));
    expect(read(await one.sendToId(two.id, text("hello")))).toBe("here");
    expect(made.relays.map((relay) => relay.info().relay.passed > 0)).toEqual([true, true]);
  });
});
