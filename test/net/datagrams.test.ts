/** Datagrams over real sockets: sealed with the session's keys by UDP, inside the session where that does not get through; attackers between. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { QUEUED_BYTES_PER_PEER_MAX, WAITING_PER_PEER_MAX } from "../../net/datagrams/limits.js";
import { Datagrams, type HostPort, type Session, tcpTransport, UdpPort } from "../../net/index.js";
import type { MemberId } from "../../rings/index.js";
import { TestNetwork } from "../support/test-network.js";
import { type Member, Scene } from "./session-scene.js";
import { soon } from "./waiting.js";

const text = (value: string) => new TextEncoder().encode(value);
const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

/** Between two UDP ports: passes on what it is told to, and remembers everything. */
class Tap {
  readonly seen: Buffer[] = [];
  /** What becomes of each datagram. */
  pass: (bytes: Buffer, forth: boolean) => readonly Uint8Array[] = (bytes) => [bytes];
  readonly #front: Socket;
  readonly #back: Socket;
  #client: HostPort | undefined;
  #target!: HostPort;

  private constructor(front: Socket, back: Socket) {
    this.#front = front;
    this.#back = back;
    front.on("message", (bytes, { address: host, port }) => {
      this.#client = { host, port };
      this.seen.push(bytes);
      for (const each of this.pass(bytes, true)) this.inject(each);
    });
    back.on("message", (bytes) => {
      this.seen.push(bytes);
      for (const each of this.pass(bytes, false)) front.send(each, this.#client!.port, this.#client!.host);
    });
  }

  static async before(target: HostPort): Promise<Tap> {
    const sockets = [createSocket("udp4").bind(0, "127.0.0.1"), createSocket("udp4").bind(0, "127.0.0.1")] as const;
    await Promise.all(sockets.map((socket) => once(socket, "listening")));
    const tap = new Tap(...sockets);
    tap.#target = target;
    opened.push(() => sockets.map((socket) => socket.close()));
    return tap;
  }

  get place(): HostPort {
    return { host: "127.0.0.1", port: this.#front.address().port };
  }

  /** To the target, from the side that it believes. */
  inject(bytes: Uint8Array): void {
    this.#back.send(bytes, this.#target.port, this.#target.host);
  }
}

interface End {
  readonly datagrams: Datagrams;
  readonly heard: string[];
  readonly udp: UdpPort;
  session: Session | undefined;
  places: readonly HostPort[];
  reach: () => Promise<Session>;
}

async function endOf(member: Member, self: MemberId): Promise<End> {
  const heard: string[] = [];
  const udp = await UdpPort.bind({ host: "127.0.0.1", port: 0 });
  const end: Omit<End, "datagrams"> = {
    ...{ heard, udp, session: undefined as Session | undefined, places: [] as readonly HostPort[] },
    reach: async () => Promise.reject(new Error("nobody")),
  };
  const datagrams = new Datagrams({
    self,
    usable: () => (end.session?.closed === false ? end.session : undefined),
    reach: () => end.reach(),
    places: () => end.places,
    onDatagram: (_, data) => {
      heard.push(new TextDecoder().decode(data));
      return true;
    },
    now: () => performance.now(),
  });
  datagrams.register(member.protocols, (_peer, _duplex, accept) => accept());
  datagrams.use(udp.carrier("application"));
  opened.push(() => udp.close());
  return Object.assign(end, { datagrams });
}

/** Alice, who dials, and Bob, with whose UDP port a tap stands. */
async function pair() {
  const scene = new Scene({ create: tcpTransport, host: "127.0.0.1" });
  opened.push(() => scene.close());
  const network = await TestNetwork.create();
  const [a, b] = [await network.member(), await network.member()];
  const [alice, bob] = [scene.member(a), scene.member(b)];
  const bound = await scene.listen(bob);
  const connect = async () => {
    const session = await scene.connect(alice, bound);
    return { session, accepted: await bob.nextSession() };
  };
  const [near, far] = [await endOf(alice, a.certificate.id), await endOf(bob, b.certificate.id)];
  const tap = await Tap.before(far.udp.local);
  near.places = [tap.place];
  const { session, accepted } = await connect();
  near.session = session;
  far.session = accepted;
  return { near, far, tap, connect, toBob: b.certificate.id, toAlice: a.certificate.id };
}

/** Sends until datagrams go by UDP. */
async function untilUdp({ near, toBob }: Awaited<ReturnType<typeof pair>>): Promise<void> {
  await soon(() => {
    near.datagrams.send(toBob, text("."));
    expect(near.datagrams.figures.sentByUdp).toBeGreaterThan(0);
  });
}

/** What carried a payload last. */
async function lastData(tap: Tap): Promise<Buffer> {
  const found = () => tap.seen.filter((bytes) => bytes[0] === 0x40).at(-1);
  await soon(() => expect(found()).toBeDefined());
  return found()!;
}

describe("datagrams", () => {
  it("go inside the session at first, then by UDP, sealed: nobody between reads one", async () => {
    const scene = await pair();
    const { near, far, tap, toBob, toAlice } = scene;
    expect(near.datagrams.send(toBob, text("first, in clear?"))).toBe(true);
    expect(near.datagrams.figures).toMatchObject({ sentInSession: 1, sentByUdp: 0 });
    await untilUdp(scene);
    near.datagrams.send(toBob, text("second, in clear?"));
    await soon(() => expect(far.heard).toEqual(expect.arrayContaining(["first, in clear?", "second, in clear?"])));
    expect(tap.seen.some((bytes) => bytes.includes("clear"))).toBe(false);
    expect(new Set(tap.seen.map((bytes) => bytes[0]! >> 4))).toEqual(new Set([4]));
    // The other way has a flow of its own; Bob finds Alice where she was heard from.
    await soon(() => {
      far.datagrams.send(toAlice, text("back"));
      expect(far.datagrams.figures.sentByUdp).toBeGreaterThan(0);
    });
    await soon(() => expect(near.heard).toContain("back"));
    near.datagrams.send(toBob, new Uint8Array(1_100));
    await soon(() => expect(far.heard.at(-1)!.length).toBe(1_100));
  });

  it("go inside the session for as long as UDP does not get through, and by UDP again when it does", async () => {
    const scene = await pair();
    const { near, far, tap, toBob } = scene;
    tap.pass = (bytes) => (bytes.length > 1_000 ? [] : [bytes]); // A path that carries small datagrams only.
    for (let count = 0; count < 20; count++) {
      near.datagrams.send(toBob, text(`${count}`));
      await new Promise((done) => setImmediate(done));
    }
    await soon(() => expect(far.heard.length).toBe(20));
    expect(near.datagrams.figures).toMatchObject({ sentByUdp: 0, sentInSession: 20 });
    tap.pass = (bytes) => [bytes];
    await untilUdp(scene);
  });

  it("of an attacker are dropped and counted: replayed, changed, cut, misshapen, of another flow", async () => {
    const scene = await pair();
    const { near, far, tap, toBob } = scene;
    await untilUdp(scene);
    near.datagrams.send(toBob, text("once"));
    await soon(() => expect(far.heard).toContain("once"));
    const captured = await lastData(tap);
    const before = far.datagrams.figures.refused;
    tap.inject(captured);
    const forged = Buffer.from(captured);
    forged.writeBigUInt64BE(forged.readBigUInt64BE(9) + 5n, 9); // A counter that is new, and not what was sealed.
    tap.inject(forged);
    tap.inject(captured.subarray(0, 20));
    const stranger = Buffer.from(captured).fill(1, 1, 9);
    tap.inject(stranger);
    tap.inject(Buffer.from(captured).fill(0x42, 0, 1)); // As an answer to a probe: no flow of Bob's has that tag.
    await soon(() =>
      expect(far.datagrams.figures.refused).toEqual({
        unhandled: 0,
        replayed: before.replayed + 1,
        forged: before.forged + 1,
        malformed: before.malformed + 1,
        unknown: before.unknown + 2,
      }),
    );
    expect(far.heard.filter((each) => each === "once")).toEqual(["once"]);
    near.datagrams.send(toBob, text("after"));
    await soon(() => expect(far.heard).toContain("after"));
  });

  it("of two networks, or of an earlier session, open nothing: the keys are the session's", async () => {
    const one = await pair();
    const other = await pair();
    await untilUdp(one);
    const captured = await lastData(one.tap);
    other.tap.inject(captured);
    await soon(() => expect(other.far.datagrams.figures.refused.unknown).toBeGreaterThan(0));
    const tags = () => new Set(one.tap.seen.map((bytes) => bytes.toString("hex", 1, 9)));
    const before = tags();
    one.near.session!.close();
    const { session } = await one.connect();
    one.near.session = session;
    await soon(() => {
      one.near.datagrams.send(one.toBob, text("renewed"));
      expect([...tags()].some((tag) => !before.has(tag))).toBe(true);
    });
    await soon(() => expect(one.far.heard).toContain("renewed"));
    const refused = one.far.datagrams.figures.refused.unknown;
    one.tap.inject(captured);
    await soon(() => expect(one.far.datagrams.figures.refused.unknown).toBe(refused + 1));
  });

  it("survive a flood of rubbish, and of what was recorded, beside which those of members arrive", async () => {
    const scene = await pair();
    const { near, far, tap, toBob } = scene;
    await untilUdp(scene);
    const captured = await lastData(tap);
    const rubbish = Buffer.from(captured).fill(7, 17);
    for (let round = 0; round < 40; round++) {
      for (let count = 0; count < 50; count++) tap.inject(count % 2 === 0 ? captured : rubbish);
      near.datagrams.send(toBob, text(`between ${round}`));
      await new Promise((done) => setImmediate(done));
    }
    await soon(() => expect(far.heard.filter((each) => each.startsWith("between")).length).toBeGreaterThan(20));
    const { replayed, forged } = far.datagrams.figures.refused;
    expect(replayed + forged).toBeGreaterThan(100);
  });

  it("never wait: what does not fit is dropped, counted and told", async () => {
    const { near, toBob } = await pair();
    near.places = [];
    const payload = new Uint8Array(1_000);
    const results = Array.from({ length: 200 }, () => near.datagrams.send(toBob, payload));
    const sent = results.filter(Boolean).length;
    expect(sent).toBe(Math.floor(QUEUED_BYTES_PER_PEER_MAX / 1_000));
    expect(near.datagrams.figures.dropped).toEqual({ full: 200 - sent, unreachable: 0 });
    await soon(() => expect(near.datagrams.send(toBob, payload)).toBe(true));
  });

  it("wait for a session that is being made, in a bounded number, and are dropped when none comes", async () => {
    const { near, far, toBob } = await pair();
    const session = near.session!;
    near.session = undefined;
    let settle: (session: Session | undefined) => void = () => {};
    near.reach = () =>
      new Promise((resolve, reject) => {
        settle = (found) => (found ? resolve(found) : reject(new Error("nobody")));
      });
    const results = Array.from({ length: WAITING_PER_PEER_MAX + 3 }, (_, count) =>
      near.datagrams.send(toBob, text(`${count}`)),
    );
    expect(results.filter((kept) => !kept).length).toBe(3);
    settle(session);
    await soon(() => expect(far.heard.length).toBe(WAITING_PER_PEER_MAX));
    near.datagrams.send(toBob, text("lost"));
    settle(undefined);
    await soon(() => expect(near.datagrams.figures.dropped).toEqual({ full: 3, unreachable: 1 }));
    expect(near.datagrams.send(toBob, text("too soon"))).toBe(false); // It is left alone for a second.
  });

  it("to oneself come in a later turn; after close nothing goes", async () => {
    const { near, toAlice, toBob } = await pair();
    near.datagrams.send(toAlice, text("me"));
    expect(near.heard).toEqual([]);
    await soon(() => expect(near.heard).toEqual(["me"]));
    near.datagrams.close();
    expect(near.datagrams.send(toBob, text("x"))).toBe(false);
  });
});
