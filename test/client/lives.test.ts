/**
 * Random lives on two members: registrations, streams, messages, calls, aborts, and members that stop in the middle. After them
 * nothing is left: no handle, no listener, no stream, no place in a count. `LIVES=100000` for the long form, `SEED` repeats it.
 */
import { getEventListeners, once } from "node:events";
import type { Duplex } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { queryObjects } from "node:v8";
import { Metadata } from "@grpc/grpc-js";
import { expect, it, vi } from "vitest";
import { RawStream } from "../../client/talk/raw-stream.js";
import { STREAMS_OF_PEER_MAX } from "../../client/talk/streams.js";
import { SessionDuplex } from "../../net/session/duplex.js";
import { OfflineNetwork, type TestClient, text, whole } from "../support/network.js";
import { asked, ECHO, EchoClient, echo } from "../support/rpc.js";

const LIVES = Number(process.env.LIVES ?? 100);
const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);
/** Lives at once: with two streams each they stay below what one member may have. */
const AT_ONCE = 40;
/** Lives of one member of a pair, before it stops in the middle of them. */
const STOP_EACH = 10_000;
/** Ten times that of other networks here: no life is about who is removed, and a busy machine answers late. */
const DELTA_MS = 5_000;
/** What ends by itself has this long, milliseconds: the last word of a stream that was cut waits for a second. */
const SETTLED_MS = 15_000;

/** Mulberry32: small, and the same everywhere. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface World {
  readonly from: TestClient;
  readonly to: TestClient;
  readonly pick: (count: number) => number;
  readonly name: string;
  /** Ends the registration. */
  readonly ending: AbortController;
}

const ended = async (stream: Duplex) => {
  if (!stream.closed) await once(stream, "close");
};

/** A stream of either form to a handler of one of six fates, which its opener ends in one of four ways. */
async function stream({ from, to, pick, name, ending }: World): Promise<void> {
  const fate = pick(6);
  const far: Duplex[] = [];
  const take = async (opened: Duplex) => {
    far.push(opened);
    if (fate === 0) throw new Error("boom");
    if (fate === 1) opened.destroy();
    if (fate === 2) ending.abort();
    if (fate === 3) await turn();
    for await (const message of opened) if (!opened.write(message)) await once(opened, "drain");
    opened.end();
  };
  if (pick(2) === 0) to.handle(name, take, { signal: ending.signal, raw: true, announce: pick(4) === 0 });
  else to.handle(name, take as never, { signal: ending.signal, streamsPerPeer: 1 + pick(3) });
  const abort = new AbortController();
  const options = { protocol: pick(8) === 0 ? `${name}x` : name, signal: abort.signal };
  const opened: Duplex =
    pick(2) === 0 ? await from.openStream(to.id, { ...options, raw: true }) : await from.openStream(to.id, options);
  const way = pick(4);
  opened.write(text("one"));
  opened.resume();
  if (way === 0) opened.destroy();
  else if (way === 1) abort.abort();
  else if (way === 2) setImmediate(() => abort.abort());
  else opened.end(new Uint8Array(pick(100_000)));
  await ended(opened);
  await Promise.all(far.map((each) => ended(each.resume())));
}

async function message({ from, to, pick, name, ending }: World): Promise<void> {
  const fate = pick(4);
  const handler = async (data: Uint8Array, { signal }: { readonly signal: AbortSignal }) => {
    if (fate === 0) throw new Error("boom");
    if (fate === 1) await once(signal, "abort");
    if (fate === 2) ending.abort();
    return data;
  };
  to.serve(name, handler, { signal: ending.signal, ...(pick(2) === 0 && { messagesPerPeer: 1 }) });
  const abort = fate === 1 ? AbortSignal.timeout(5) : undefined;
  const sent = { service: pick(8) === 0 ? `${name}x` : name, ...(abort && { signal: abort }), timeout: 5_000 };
  await Promise.allSettled([from.sendToId(to.id, text("x"), sent), from.sendToId(to.id, text("y"), sent)]);
  await from.sendToAny(name, text("z"), { timeout: 100 }).catch(() => {});
}

async function call({ from, to, pick }: World): Promise<void> {
  const stub = await from.stub(to.id, EchoClient);
  const way = pick(4);
  if (way === 0) await asked((done) => stub.once(Buffer.of(1), done));
  else if (way === 1) await asked((done) => stub.once(Buffer.of(1), done).cancel());
  else if (way === 2) await asked((done) => stub.once(Buffer.of(1), new Metadata(), { deadline: Date.now() }, done));
  else {
    const talk = stub.talk();
    talk.on("error", () => {});
    talk.write(Buffer.of(1));
    if (pick(2) === 0) talk.cancel();
    else talk.end();
    talk.resume();
    await once(talk, "close");
  }
}

/** Handles of the process by kind; those that come and go with the test's own runner are left out. */
function handles(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
  const { Timeout = 0, TCPSocketWrap = 0, TCPServerWrap = 0, TLSWrap = 0, UDPWrap = 0 } = counts;
  return { Timeout, TCPSocketWrap, TCPServerWrap, TLSWrap, UDPWrap };
}

/** Resolves when it holds, or when it has had its time: what is left then is said by what follows. */
async function settled(holds: () => boolean): Promise<void> {
  await vi.waitFor(() => expect(holds()).toBe(true), { timeout: SETTLED_MS, interval: 50 }).catch(() => {});
}

/** Lives from number `first` to `last` on two members, which are stopped with streams open. What it held goes with it. */
async function livesOfAPair(first: number, last: number, pick: (count: number) => number): Promise<void> {
  const { network, clients } = await OfflineNetwork.of(2, { deltaMs: DELTA_MS });
  const [alice, bob] = clients as [TestClient, TestClient];
  const { missing: _, ...served } = ECHO;
  for (const client of clients) client.addService(served, { ...echo });
  let begun = first;
  const live = async () => {
    while (begun < last) {
      const [from, to] = pick(2) === 0 ? [alice, bob] : [bob, alice];
      const world = { from, to, pick, name: `life-${begun++}`, ending: new AbortController() };
      const kinds = [stream, stream, message, call];
      await kinds[pick(kinds.length)]!(world).catch(() => {});
      world.ending.abort();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, live));
  await whole([alice, bob]);
  await allPlacesFree(alice, bob);
  for (const client of [alice, bob]) {
    expect(client.self.services).toEqual(["test.Echo"]);
    expect(getEventListeners(client.stopping, "abort").length).toBeLessThanOrEqual(1);
  }
  bob.handle("/kept", () => {});
  const open = await Promise.all(Array.from({ length: 8 }, () => alice.openStream(bob.id, { protocol: "/kept" })));
  await Promise.all([alice.stop({ drain: 0 }), bob.stop({ drain: 100 })]);
  await Promise.all(open.map(ended));
  await network[Symbol.asyncDispose]();
}

it(`nothing is left of ${LIVES} random lives (SEED=${SEED})`, { timeout: 120_000 + LIVES * 100 }, async () => {
  const before = handles();
  const random = randomOf(SEED);
  const pick = (count: number) => Math.floor(random() * count);
  for (let first = 0; first < LIVES; first += STOP_EACH) {
    await livesOfAPair(first, Math.min(LIVES, first + STOP_EACH), pick);
  }
  const more = () => Object.entries(handles()).filter(([kind, count]) => count > (before[kind] ?? 0));
  await settled(() => more().length === 0);
  expect(more()).toEqual([]);
  const left = () => [SessionDuplex, RawStream].map((Class) => queryObjects(Class, { format: "count" }));
  await settled(() => left().every((count) => count === 0));
  expect(left()).toEqual([0, 0]);
});

/** Every count is at zero again when one member may have as many streams as at first. */
async function allPlacesFree(from: TestClient, to: TestClient): Promise<void> {
  const ending = new AbortController();
  const taken: Duplex[] = [];
  to.handle("/all", (stream) => void taken.push(stream), {
    streamsPerPeer: STREAMS_OF_PEER_MAX,
    signal: ending.signal,
    announce: false,
  });
  const open = async () => {
    const streams = await Promise.all(
      Array.from({ length: STREAMS_OF_PEER_MAX }, () =>
        from.openStream(to.id, { protocol: "/all" }).catch(() => undefined),
      ),
    );
    const opened = streams.filter((stream) => stream !== undefined);
    const refused = () => opened.filter(({ destroyed }) => destroyed).length;
    await settled(() => taken.length + refused() >= opened.length);
    const count = taken.length;
    for (const stream of [...opened, ...taken]) stream.destroy();
    await Promise.all([...opened, ...taken.splice(0)].map(ended));
    return count;
  };
  const isFree = async () => expect(await open()).toBe(STREAMS_OF_PEER_MAX);
  await vi.waitFor(isFree, { timeout: 2 * SETTLED_MS, interval: 200 });
  ending.abort();
  await turn();
}
