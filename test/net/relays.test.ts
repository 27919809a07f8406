/** Sessions through relays, honest ones and liars, between hosts with real sockets and TLS. */
import { once } from "node:events";
import { describe, expect, it, vi } from "vitest";
import type { FirefliesError } from "../../identity/index.js";
import type { ByteDuplex, Session } from "../../net/index.js";
import {
  RELAY_OPEN,
  RELAY_PROTOCOL_LIMITS,
  RELAY_REACHES,
  RELAY_RESERVE,
  RELAY_TAKE,
} from "../../net/relays/limits.js";
import {
  decodeIds,
  decodeReservation,
  encodeIds,
  encodeOpened,
  encodeOpening,
  encodeWish,
  REFUSALS,
} from "../../net/relays/messages.js";
import type { DuplexProtocol } from "../../net/session/protocol.js";
import { DialError } from "../../net/transports/dial-error.js";
import { codeOf } from "../support/network.js";
import { ECHO, type RelayHost, RelayWorld, soon } from "./relay-scene.js";
import { closed, soon as until } from "./waiting.js";

/** A caller, a target and relays, of which the target has reservations with all. */
async function scene(...relays: readonly Parameters<RelayWorld["host"]>[0][]) {
  const world = await RelayWorld.create();
  const [caller, target] = [await world.host(), await world.host()];
  const between: RelayHost[] = [];
  for (const options of relays) between.push(await world.host(options));
  await target.reserve(...between);
  return { world, caller, target, relays: between, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() };
}

/** A relay that grants reservations and then does this with what it is asked to pass on. */
function lying(onDuplex: (duplex: ByteDuplex) => void): { readonly lies: readonly DuplexProtocol[] } {
  const lie = { kind: "duplex", id: RELAY_OPEN, limits: RELAY_PROTOCOL_LIMITS.open } as const;
  return { lies: [{ ...lie, onDuplex: (_, duplex) => onDuplex(duplex) }] };
}

async function echoed(session: Session, bytes: number): Promise<number> {
  const duplex = session.open(ECHO);
  const chunk = Buffer.alloc(64 * 1024, "ab");
  let back = 0;
  const read = (async () => {
    for await (const each of duplex) back += (each as Uint8Array).length;
  })();
  for (let sent = 0; sent < bytes; sent += chunk.length) if (!duplex.write(chunk)) await once(duplex, "drain");
  duplex.end();
  await read;
  return back;
}

/** Writes all that is taken; returns the bytes, once no more pass. */
async function pour(duplex: ByteDuplex, passed: () => number): Promise<number> {
  const chunk = Buffer.alloc(64 * 1024);
  let written = 0;
  const more = () => {
    do written += chunk.length;
    while (written < 64 * 1024 * 1024 && duplex.write(chunk));
  };
  duplex.on("drain", more);
  more();
  let [last, standing] = [-1, 0];
  await until(() => {
    standing = passed() === last ? standing + 1 : 0;
    last = passed();
    expect(standing).toBeGreaterThan(50);
  });
  duplex.off("drain", more);
  return written;
}

describe("a session through a relay", () => {
  it("is proven by both ends, carries calls both ways, and says through whom it goes", async () => {
    await using made = await scene({});
    const { caller, target, relays } = made;
    const session = await caller.reach(target, relays);
    expect(session.path).toMatchObject({ kind: "relayed", direction: "dialled", via: [relays[0]!.id] });
    expect(session.peer.id).toBe(target.id);
    expect(await caller.ask(session)).toBe(caller.id);
    // By the session that the other side made.
    const back = await target.reach(caller, []);
    expect(back.path).toMatchObject({ kind: "relayed", direction: "accepted", via: [relays[0]!.id] });
    expect(await target.ask(back)).toBe(target.id);
    expect(relays[0]!.relaying.figures).toMatchObject({ reservations: 1, connections: 1, callers: 1, passed: 1 });
  });

  it("carries bytes with back-pressure and half-close, while the other direction is as full", async () => {
    await using made = await scene({});
    const { caller, target, relays } = made;
    const session = await caller.reach(target, relays);
    expect(await echoed(session, 8 * 1024 * 1024)).toBe(8 * 1024 * 1024);
    expect(relays[0]!.relaying.figures.bytes).toBeGreaterThan(16 * 1024 * 1024);
  });

  it("a reader that stops holds up its writer, and little waits at the relay", async () => {
    await using made = await scene({});
    const { caller, target, relays } = made;
    const session = await caller.reach(target, relays);
    const duplex = session.open(ECHO);
    const written = await pour(duplex, () => relays[0]!.relaying.figures.bytes);
    // Windows of 1 MiB on each of the hops both ways, and what is written ahead of them.
    expect(written).toBeLessThan(32 * 1024 * 1024);
    duplex.resume();
    await once(duplex, "drain");
    duplex.destroy();
  });

  it("a relay holds little of what a target does not read, whatever the caller sends", async () => {
    await using world = await RelayWorld.create();
    const take = { kind: "duplex", id: RELAY_TAKE, limits: RELAY_PROTOCOL_LIMITS.take } as const;
    const opened = encodeOpened({ kind: "opened", lastsMs: 60_000 });
    const target = await world.host({ lies: [{ ...take, onDuplex: (_, duplex) => void duplex.write(opened) }] });
    const [caller, relay] = [await world.host(), await world.host()];
    await target.reserve(relay);
    const duplex = (await caller.direct(relay)).open(RELAY_OPEN);
    duplex.write(encodeOpening({ target: target.id }));
    await once(duplex, "data");
    // Nothing inside has a window of its own: two hops with theirs, and what is written ahead on each.
    expect(await pour(duplex, () => relay.relaying.figures.bytes)).toBeLessThan(6 * 1024 * 1024);
    duplex.destroy();
  });

  it("slow bytes are delayed, not cut", async () => {
    await using made = await scene({ limits: { bytesPerSecondPerMember: 400_000 } });
    const { caller, target, relays } = made;
    const session = await caller.reach(target, relays);
    const before = performance.now();
    expect(await echoed(session, 512 * 1024)).toBe(512 * 1024);
    // A megabyte passes in both directions; a tenth of it at once.
    expect(performance.now() - before).toBeGreaterThan(1_500);
  });

  it("one that floods delays itself: another member's calls pass while its bytes wait", async () => {
    await using made = await scene({ limits: { bytesPerSecond: 500_000, bytesPerSecondPerMember: 500_000 } });
    const { world, caller, target, relays } = made;
    const flooding = await world.host();
    const flood = await flooding.reach(target, relays);
    const streams = [flood.open(ECHO), flood.open(ECHO), flood.open(ECHO)];
    const chunk = Buffer.alloc(64 * 1024);
    for (const stream of streams) {
      const more = () => {
        while (!stream.destroyed && stream.write(chunk));
      };
      stream.on("drain", more).resume();
      more();
    }
    await until(() => expect(relays[0]!.relaying.figures.delayed).toBe(1));
    const session = await caller.reach(target, relays);
    for (let call = 0; call < 10; call++) expect(await caller.ask(session)).toBe(caller.id);
    for (const stream of streams) stream.destroy();
  });

  it("ends with a code when the relay stops, on both sides, and nothing is left of a hundred streams", async () => {
    await using made = await scene({}, {});
    const { caller, target, relays } = made;
    const session = await caller.reach(target, [relays[0]!]);
    const streams = Array.from({ length: 100 }, () => session.open(ECHO));
    await Promise.all(
      streams.map(async (stream) => {
        stream.write(Buffer.from("x"));
        await once(stream, "data");
      }),
    );
    const errors: unknown[] = [];
    for (const stream of streams) stream.on("error", (error) => errors.push((error as FirefliesError).code));
    await relays[0]![Symbol.asyncDispose]();
    await Promise.all(streams.map((stream) => closed(stream)));
    expect(errors).toEqual(streams.map(() => "link-closed"));
    // The other relay carries the next one.
    const next = await caller.reach(target, relays);
    expect(next.path.via).toEqual([relays[1]!.id]);
    expect(await echoed(next, 1_000_000)).toBeGreaterThanOrEqual(1_000_000);
    await until(() => expect(relays[0]!.relaying.figures.connections).toBe(0));
  });

  it("ends with its time", async () => {
    const connectionMs = 12_345; // No other timer has it.
    const timers = vi.spyOn(globalThis, "setTimeout");
    await using made = await scene({ limits: { connectionMs } });
    const { caller, target, relays } = made;
    const session = await caller.reach(target, relays);
    const reason = new Promise<FirefliesError>((done) => session.onClose(done));
    const [timer, ...others] = timers.mock.calls.filter(([, ms]) => ms === connectionMs);
    expect(others).toEqual([]);
    timer![0](); // Its time is up, however long this machine took until here.
    expect((await reason).code).toBe("link-closed");
    await until(() => expect(relays[0]!.relaying.figures.connections).toBe(0));
  });

  it("leaves no handle behind", async () => {
    const handles = () => process.getActiveResourcesInfo().filter((kind) => /TCP|TLS|Timeout/.test(kind)).length;
    const before = handles();
    {
      await using made = await scene(
        {},
        lying(() => {}),
      );
      const { caller, target, relays } = made;
      await caller.ask(await caller.reach(target, relays));
    }
    await until(() => expect(handles()).toBeLessThanOrEqual(before));
  });
});

describe("what a relay refuses", () => {
  it("to splice with a member that has no reservation, or is away: the relay's word, and no evidence", async () => {
    await using made = await scene({});
    const { world, caller, relays, target } = made;
    const stranger = await world.host();
    await stranger.direct(relays[0]!);
    stranger.expect(relays[0]!);
    const failure = await caller.reach(stranger, relays).catch((error: unknown) => error);
    expect(failure).toMatchObject({ reason: "no-route", cause: { code: "relay-absent" } });
    await target[Symbol.asyncDispose]();
    await until(() => expect(relays[0]!.relaying.figures.connections).toBe(0));
    const second = await world.host();
    const away = await second.reach(target, relays).catch((error: unknown) => error);
    expect(away).toMatchObject({ reason: "no-route" });
  });

  it("one connection more than a caller may have, which says nothing of the target", async () => {
    await using made = await scene({ limits: { connectionsPerMember: 1 } });
    const { world, caller, target, relays } = made;
    const other = await world.host();
    await other.reserve(relays[0]!);
    await caller.reach(target, relays);
    const failure = await caller.reach(other, relays).catch((error: unknown) => error);
    expect(failure).toMatchObject({ reason: "local", cause: { code: "relay-full", retryMs: 5_000 } });
    // Somebody else has a place.
    const second = await world.host();
    expect(await second.ask(await second.reach(other, relays))).toBe(second.id);
  });

  it.each([
    ["because it was told to, for ten minutes: its note says when that changes", true, 600_000],
    ["because it believes for the moment that nobody can dial it, for seconds", false, 5_000],
  ])("a reservation, %s", async (_, declines, retryMs) => {
    let isWilling = true;
    await using made = await scene({ willing: () => isWilling, declines });
    const { world, relays } = made;
    isWilling = false;
    const member = await world.host();
    const ask = async () => {
      const session = await member.direct(relays[0]!);
      const deadline = performance.now() + 10_000;
      return decodeReservation(await session.call(RELAY_RESERVE, encodeWish("reserve"), { deadline }));
    };
    expect(await ask()).toEqual({ kind: "refused", why: "declined", retryMs });
    isWilling = true;
    expect(await ask()).toMatchObject({ kind: "granted" });
  });

  it("what leads through one of the ends, or round in a circle", async () => {
    await using made = await scene({}, {});
    const { caller, target, relays } = made;
    const [one, two] = relays as [RelayHost, RelayHost];
    const session = await caller.direct(one);
    for (const opening of [
      { target: caller.id },
      { target: one.id },
      { target: target.id, next: one.id },
      { target: target.id, next: caller.id },
    ]) {
      const duplex = session.open(RELAY_OPEN);
      duplex.write(encodeOpening(opening));
      const [answer] = (await once(duplex, "data")) as [Uint8Array];
      expect(answer[1]).toBe(REFUSALS.indexOf("absent") + 1);
    }
    // A relay that is asked by another one goes to nobody but its own members.
    const forwarded = (await one.direct(two)).open(RELAY_OPEN);
    forwarded.write(encodeOpening({ target: caller.id, origin: target.id }));
    const [answer] = (await once(forwarded, "data")) as [Uint8Array];
    expect(answer[1]).toBe(REFUSALS.indexOf("absent") + 1);
  });

  it.each([
    ["nothing", Buffer.alloc(0)],
    ["another version", Buffer.alloc(34, 9)],
    ["an unknown kind", Buffer.from([1, 7, ...Buffer.alloc(64)])],
    ["half an id", Buffer.from([1, 0, ...Buffer.alloc(16)])],
    ["more than there should be", Buffer.from([1, 0, ...Buffer.alloc(33)])],
  ])("a first message of %s: bad-frame", async (_, bytes) => {
    await using made = await scene({});
    const session = await made.caller.direct(made.relays[0]!);
    const duplex = session.open(RELAY_OPEN);
    const error = new Promise<FirefliesError>((done) => duplex.once("error", done as (error: Error) => void));
    duplex.write(bytes);
    expect((await error).code).toBe("bad-frame");
  });
});

describe("two relays", () => {
  /** The caller reaches `near` alone; the target has its reservation with `far`. */
  async function chain(options: Parameters<RelayWorld["host"]>[0] = {}) {
    const world = await RelayWorld.create();
    const near = await world.host(options);
    const caller = await world.host({ reaches: (other) => other === near });
    const [target, far] = [await world.host(), await world.host()];
    await target.reserve(far);
    await caller.direct(near);
    return { world, caller, near, far, target, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() };
  }

  it("carry a session where the caller reaches no relay of the target", async () => {
    await using made = await chain();
    const { caller, near, far, target } = made;
    await near.direct(far);
    const session = await caller.reach(target, [far]);
    expect(session.path).toMatchObject({ kind: "relayed", via: [near.id, far.id] });
    expect(await caller.ask(session)).toBe(caller.id);
    expect(await echoed(session, 1_000_000)).toBeGreaterThanOrEqual(1_000_000);
    const back = await target.reach(caller, []);
    expect(back.path).toMatchObject({ via: [far.id, near.id] });
    // A place and a limit at each.
    expect([near, far].map(({ relaying }) => relaying.figures.connections)).toEqual([1, 1]);
  });

  it("are found by asking who reaches the second, also where the first has no session with it just then", async () => {
    await using made = await chain();
    const { caller, near, far, target } = made;
    const session = await caller.reach(target, [far]);
    expect(session.path.via).toEqual([near.id, far.id]);
  });

  it("are found by asking who reaches the second: not through one that says it does not", async () => {
    let far: RelayHost | undefined;
    await using made = await chain({ reaches: (other) => other !== far });
    ({ far } = made);
    const { caller, near, target } = made;
    const session = await caller.direct(near);
    const said = decodeIds(await session.call(RELAY_REACHES, encodeIds([far.id]), soon()));
    expect(said).toEqual([]);
    const failure = await caller.reach(target, [far]).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(DialError);
    expect((failure as DialError).reason).not.toBe("refused");
  });

  it("are never three: the second takes what the first asks for as the last hop", async () => {
    await using made = await chain();
    const { world, caller, near, far } = made;
    const third = await world.host();
    const hidden = await world.host();
    await hidden.reserve(third);
    await far.direct(third);
    await near.direct(far);
    expect(await codeOf(caller.reach(hidden, [far]))).toBe("peer-unreachable");
    expect(third.relaying.figures.passed).toBe(0);
  });
});

describe("a relay that lies costs time, and nothing else", () => {
  const opened = encodeOpened({ kind: "opened", lastsMs: 60_000 });
  const mirror = (duplex: ByteDuplex) => {
    duplex.write(opened);
    duplex.pipe(duplex);
  };
  const flood = (duplex: ByteDuplex) => {
    duplex.write(opened);
    const more = () => {
      while (!duplex.destroyed && duplex.write(Buffer.alloc(60_000, 7)));
    };
    duplex.on("drain", more);
    more();
  };

  it.each([
    ["says nothing", () => {}],
    ["reads everything and says nothing", (duplex: ByteDuplex) => void duplex.resume()],
    ["says that it is open, and passes nothing on", (duplex: ByteDuplex) => void duplex.write(opened)],
    ["floods", flood],
    ["cuts it", (duplex: ByteDuplex) => void duplex.destroy()],
    ["says that it is open, and cuts it", (duplex: ByteDuplex) => void duplex.end(opened)],
    ["answers for the target", mirror],
    [
      "throws",
      () => {
        throw new Error("no");
      },
    ],
    ...REFUSALS.map((why) => [
      `says "${why}"`,
      (duplex: ByteDuplex) => void duplex.end(encodeOpened({ kind: "refused", why, retryMs: 1_000 })),
    ]),
  ] as [string, (duplex: ByteDuplex) => void][])("%s", async (_, lie) => {
    await using made = await scene(lying(lie), {});
    const { caller, target, relays } = made;
    const session = await caller.reach(target, relays);
    expect(session.path.via).toEqual([relays[1]!.id]);
    expect(await caller.ask(session)).toBe(caller.id);
  });

  it.each(["absent", "full", "declined"] as const)("alone, %s is no evidence against the target", async (why) => {
    const say = (duplex: ByteDuplex) => void duplex.end(encodeOpened({ kind: "refused", why, retryMs: 1_000 }));
    await using made = await scene(lying(say));
    const failure = await made.caller.reach(made.target, made.relays).catch((error: unknown) => error);
    expect((failure as DialError).reasons).not.toContain("refused");
    expect(failure).toMatchObject({ code: "peer-unreachable", cause: { code: `relay-${why}` } });
  });

  it("hands over as many connections as it likes: the target holds a bounded number, and hears others", async () => {
    await using made = await scene({}, {});
    const { caller, target, relays } = made;
    const [liar] = relays as [RelayHost, RelayHost];
    const session = await liar.direct(target);
    const handed = Array.from({ length: 120 }, () => session.open(RELAY_TAKE));
    for (const duplex of handed) duplex.write(Buffer.from([1, 0, ...Buffer.alloc(32, 1)]));
    expect(await caller.ask(await caller.reach(target, [relays[1]!]))).toBe(caller.id);
    expect(target.taken).toBeLessThanOrEqual(RELAY_PROTOCOL_LIMITS.take.openPerPeerMax + 1);
    for (const duplex of handed) duplex.destroy();
  });

  it("nobody but a relay of its own hands a connection over to a member", async () => {
    await using made = await scene({});
    const duplex = (await made.caller.direct(made.target)).open(RELAY_TAKE);
    const error = new Promise<FirefliesError>((done) => duplex.once("error", done as (error: Error) => void));
    duplex.write(Buffer.from([1, 0, ...Buffer.alloc(32, 1)]));
    expect((await error).code).toBe("peer-refused");
    expect(made.target.taken).toBe(0);
  });
});
