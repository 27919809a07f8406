/** Conduits of a relay between hosts with real sockets and TLS: what passes, and what comes of tokens in wrong hands. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { duplexPair, type Session } from "../../net/index.js";
import { encodePreface, openConduit } from "../../net/relays/conduit.js";
import { Conduits } from "../../net/relays/conduits.js";
import {
  CONDUIT_AWAITED_MS,
  CONDUITS_AWAITED_PER_MEMBER_MAX,
  PER_PAIR_MAX,
  PREFACE_MS,
  RELAY_CONDUIT,
  RELAY_ENTER,
  RELAY_PROTOCOL_LIMITS,
} from "../../net/relays/limits.js";
import { decodeConduit, decodeToken, encodeTarget } from "../../net/relays/messages.js";
import type { CallProtocol } from "../../net/session/protocol.js";
import type { MemberId } from "../../rings/index.js";
import { codeOf } from "../support/network.js";
import { ECHO, type HostOptions, type RelayHost, RelayWorld, soon } from "./relay-scene.js";
import { soon as until } from "./waiting.js";

const MIB = 1024 * 1024;

/** A caller, a target with a reservation, and the relay. */
async function scene(relay: HostOptions = {}, target: HostOptions = {}) {
  const world = await RelayWorld.create();
  const [near, far, between] = [await world.host(), await world.host(target), await world.host(relay)];
  await far.reserve(between);
  return { world, near, far, between, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() };
}

async function echoed(session: Session, bytes: number): Promise<string> {
  const duplex = session.open(ECHO);
  const chunk = Buffer.alloc(64 * 1024, "ab");
  const read = (async () => {
    let back = 0;
    for await (const each of duplex) back += (each as Uint8Array).length;
    return back === bytes ? "whole" : `${back} of ${bytes}`;
  })();
  for (let sent = 0; sent < bytes; sent += chunk.length) if (!duplex.write(chunk)) await once(duplex, "drain");
  duplex.end();
  return await read;
}

/** The token that a relay gives to the caller. */
async function tokenFor(near: RelayHost, far: RelayHost, between: RelayHost): Promise<Uint8Array | string> {
  const session = await near.direct(between);
  const answer = decodeConduit(await session.call(RELAY_CONDUIT, encodeTarget(far.id), soon()));
  return answer?.kind === "conduit" ? answer.token : (answer?.why ?? "bad-frame");
}

/** Targets that are told of a conduit and do not enter it; `tokens` are those that they were given. */
function deaf(tokens: Uint8Array[]): HostOptions {
  const lie = { kind: "call", id: RELAY_ENTER, limits: RELAY_PROTOCOL_LIMITS.enter } as const;
  const onCall: CallProtocol["onCall"] = async (_, body) => {
    tokens.push(decodeToken(body)!);
    return new Uint8Array(0);
  };
  return { lies: [{ ...lie, onCall }] };
}

/** A raw connection that says this first. */
async function says(between: RelayHost, ...bytes: readonly Uint8Array[]): Promise<Socket> {
  const [host, port] = between.address.split(":");
  const socket = connect({ host: host!, port: Number(port) });
  socket.on("error", () => {});
  await once(socket, "connect");
  for (const each of bytes) socket.write(each);
  return socket;
}

/** Cut, and without a byte for whoever it is. */
async function cutUnheard(socket: Socket): Promise<void> {
  let heard = 0;
  socket.on("data", (data) => {
    heard += data.length;
  });
  socket.resume();
  if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve)); // Perhaps with a reset before it.
  expect(heard).toBe(0);
}

describe("a conduit", () => {
  it("carries bytes whole both ways, proven by both ends, and takes over what is opened from then on", async () => {
    await using made = await scene();
    const { near, far, between } = made;
    const over = await near.reach(far, [between]);
    const held = over.open(ECHO);
    const conduit = await near.conduit(far, between);
    expect(conduit.path).toMatchObject({ kind: "relayed", via: [between.id], isConduit: true });
    expect(conduit.peer.id).toBe(far.id);
    expect(near.best(far)).toBe(conduit);
    await until(() => expect(far.best(near)?.path).toMatchObject({ direction: "accepted", isConduit: true }));
    expect(await far.ask(far.best(near)!)).toBe(far.id);
    expect(await Promise.all([echoed(conduit, 8 * MIB), echoed(far.best(near)!, 8 * MIB)])).toEqual(["whole", "whole"]);
    held.end(Buffer.from("goes on")); // What was open on the other one is not cut.
    expect(Buffer.from((await once(held, "data"))[0]).toString()).toBe("goes on");
    expect(between.relaying.figures).toMatchObject({ connections: 2, conduits: 1, passed: 2 });
    expect(between.relaying.figures.bytes).toBeGreaterThan(32 * MIB);
  });

  it("leads through a relay that is reached by WebSocket, as through one that is reached by TCP", async () => {
    await using made = await scene({ listens: "ws" });
    const { near, far, between } = made;
    const conduit = await near.conduit(far, between);
    expect(between.address).toMatch(/^ws:/);
    expect(await echoed(conduit, MIB)).toBe("whole");
    expect(between.relaying.figures).toMatchObject({ connections: 1, conduits: 1 });
  });

  it("ends in order, and leaves no place taken", async () => {
    await using made = await scene();
    const { near, far, between } = made;
    const conduit = await near.conduit(far, between);
    await until(() => expect(far.best(near)).toBeDefined());
    const there = far.best(near)!;
    const ended = new Promise((resolve) => void there.onClose((_, ending) => resolve(ending)));
    conduit.close();
    expect(await ended).toBe("closed");
    await until(() => expect(between.relaying.figures).toMatchObject({ connections: 0, conduits: 0 }));
  });

  it("is cut at both ends when the relay stops, and after its time", async () => {
    await using made = await scene({ limits: { connectionMs: 300 } });
    const { near, far, between } = made;
    for (const cut of [() => {}, () => between.relaying.close()]) {
      const conduit = await near.conduit(far, between);
      const ended = new Promise((resolve) => void conduit.onClose((_, ending) => resolve(ending)));
      cut();
      expect(await ended).toBe("lost");
    }
    await until(() => expect(between.relaying.figures).toMatchObject({ connections: 0, conduits: 0 }));
  });

  it("waits for its member's rate, as all else that it asks for", async () => {
    const bytesPerSecondPerMember = 4 * MIB;
    await using made = await scene({ limits: { bytesPerSecondPerMember } });
    const { near, far, between } = made;
    const conduit = await near.conduit(far, between);
    const before = performance.now();
    expect(await echoed(conduit, 2 * MIB)).toBe("whole"); // Twice as much passes: a second's worth, less the burst of a quarter.
    expect(performance.now() - before).toBeGreaterThan(600);
  });

  it.each([
    ["asked for by a member that has no reservation at its end", (near: RelayHost) => near],
    ["to the relay itself", (_: RelayHost, between: RelayHost) => between],
  ])("%s is refused", async (_, whom) => {
    await using made = await scene();
    const { near, far, between } = made;
    expect(await tokenFor(far, whom(near, between), between)).toBe("absent");
    expect(between.relaying.figures).toMatchObject({ connections: 0, refused: 1 });
  });

  it("is entered only for a relay where the member has a reservation", async () => {
    await using made = await scene();
    const { near, far } = made;
    const session = await near.direct(far);
    expect(await codeOf(session.call(RELAY_ENTER, new Uint8Array(33), soon()))).toBe("peer-refused");
  });
});

describe("a token", () => {
  it("serves once: who says it again is cut, and the conduit goes on", async () => {
    const tokens: Uint8Array[] = [];
    await using made = await scene({}, deaf(tokens));
    const { near, far, between } = made;
    const token = (await tokenFor(near, far, between)) as Uint8Array;
    const mine = await says(between, encodePreface(token));
    await cutUnheard(await says(between, encodePreface(token), Buffer.from("stolen")));
    const theirs = await says(between, encodePreface(tokens[0]!));
    await cutUnheard(await says(between, encodePreface(tokens[0]!)));
    mine.write("to the other end");
    expect(String((await once(theirs, "data"))[0])).toBe("to the other end");
    mine.destroy();
    theirs.destroy();
  });

  it("that nobody was given is cut, whether others are awaited or none", async () => {
    const tokens: Uint8Array[] = [];
    await using made = await scene({}, deaf(tokens));
    const { near, far, between } = made;
    const guess = encodePreface(new Uint8Array(32).fill(7));
    await cutUnheard(await says(between, guess));
    await tokenFor(near, far, between);
    await cutUnheard(await says(between, guess));
    expect(between.relaying.figures).toMatchObject({ connections: 1, conduits: 0 });
  });

  it("of one side says nothing about the other's", async () => {
    const tokens: Uint8Array[] = [];
    await using made = await scene({}, deaf(tokens));
    const { near, far, between } = made;
    const mine = await says(
      between,
      encodePreface((await tokenFor(near, far, between)) as Uint8Array),
      Buffer.from("x"),
    );
    const theirs = await says(between, encodePreface(tokens[0]!));
    expect(String((await once(theirs, "data"))[0])).toBe("x");
    for (const socket of [mine, theirs]) socket.destroy();
  });
});

describe("a place", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
  afterEach(() => void vi.useRealTimers());

  /** A conduit that is awaited, without hosts around it. */
  function awaited() {
    const state = { left: 0, joined: 0, others: 0 };
    const conduits = new Conduits({
      ...{ paceOf: () => () => true, lastsMs: () => 60_000 },
      onJoined: () => void state.joined++,
    });
    const { tokens } = conduits.expect("aa".repeat(32) as MemberId, () => void state.left++);
    const come = (...said: readonly Uint8Array[]) => {
      const [here, there] = duplexPair();
      for (const each of said) there.write(each);
      conduits.enter(here, { others: () => void state.others++, proven: () => {} });
      return there.on("error", () => {});
    };
    return { conduits, state, tokens, come };
  }

  it("is given back when one side alone has come, and that side is cut", async () => {
    const { state, tokens, come } = awaited();
    const alone = come(encodePreface(tokens.caller));
    await turn();
    vi.advanceTimersByTime(CONDUIT_AWAITED_MS - 1);
    expect(state.left).toBe(0);
    vi.advanceTimersByTime(1);
    expect(state.left).toBe(1);
    await until(() => expect(alone.destroyed).toBe(true));
    const late = come(encodePreface(tokens.target)); // While nothing is awaited nobody looks at what comes.
    await turn();
    expect(state).toEqual({ left: 1, joined: 0, others: 1 });
    late.destroy();
  });

  it("is given back once however a conduit ends", async () => {
    const { conduits, state, tokens, come } = awaited();
    const ends = [come(encodePreface(tokens.caller)), come(encodePreface(tokens.target))];
    await until(() => expect(state.joined).toBe(1));
    ends[0]!.destroy();
    await until(() => expect(state.left).toBe(1));
    conduits.close();
    expect(state.left).toBe(1);
    expect(conduits.size).toBe(0);
  });

  it("is not held by what says its token slowly: that is cut; what says nothing is left to the others", async () => {
    const { state, tokens, come } = awaited();
    const slow = come(encodePreface(tokens.caller).subarray(0, 20));
    const silent = come();
    const other = come(Buffer.from([0x16, 0x03, 0x01]));
    await turn();
    expect(state.others).toBe(1);
    vi.advanceTimersByTime(PREFACE_MS);
    expect(state.others).toBe(2);
    await until(() => expect(slow.destroyed).toBe(true));
    for (const each of [silent, other]) expect(each.destroyed).toBe(false);
  });

  it("is found however the token comes in pieces, and what comes behind it is passed on", async () => {
    const { state, tokens, come } = awaited();
    const preface = encodePreface(tokens.caller);
    const mine = come(preface.subarray(0, 1));
    await turn();
    mine.write(preface.subarray(1, 35));
    await turn();
    mine.write(Buffer.concat([preface.subarray(35), Buffer.from("first")]));
    const theirs = come(encodePreface(tokens.target));
    expect(String((await once(theirs, "data"))[0])).toBe("first");
    expect(state.joined).toBe(1);
  });
});

it("a member has a bounded number of conduits that are awaited, and others find room beside it", async () => {
  await using made = await scene({}, deaf([]));
  const { near, far, between, world } = made;
  const targets: RelayHost[] = [];
  for (let count = 0; count < CONDUITS_AWAITED_PER_MEMBER_MAX; count++) {
    const target = await world.host(deaf([]));
    await target.reserve(between);
    targets.push(target);
  }
  const ofOne = await Promise.all(Array.from({ length: PER_PAIR_MAX + 1 }, () => tokenFor(near, far, between)));
  expect(ofOne.filter((token) => token === "full")).toHaveLength(1);
  const more = await Promise.all(targets.map((target) => tokenFor(near, target, between)));
  expect(more.filter((token) => token !== "full")).toHaveLength(CONDUITS_AWAITED_PER_MEMBER_MAX - PER_PAIR_MAX);
  const other = await world.host();
  expect(await tokenFor(other, far, between)).toBeInstanceOf(Uint8Array);
});

it("a conduit whose relay cannot be dialled is told of", async () => {
  await using made = await scene({}, deaf([]));
  const { near, far, between } = made;
  const session = await near.direct(between);
  const never = openConduit(session, far.id, soon(), () => Promise.reject(new Error("no way")));
  await expect(never).rejects.toThrow("no way");
});
