/** Streams that outlive their connections, over duplexes in memory that are lost, or replaced, at any moment. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodePiece, END, encodeData, encodeHello, encodeProgress } from "../../client/lasting/codec.js";
import { Incoming } from "../../client/lasting/incoming.js";
import type { LastingStream } from "../../client/lasting/lasting-stream.js";
import { LastingStreams } from "../../client/lasting/lasting-streams.js";
import { PARTING_MAX, WINDOW } from "../../client/lasting/limits.js";
import { Unacknowledged } from "../../client/lasting/unacknowledged.js";
import { FirefliesError } from "../../identity/index.js";
import type { ByteDuplex, Session } from "../../net/index.js";
import { WRITE_AHEAD_BYTES } from "../../net/session/limits.js";
import type { MemberId } from "../../rings/index.js";
import { duplexPair } from "../support/duplex-pair.js";
import { deferred } from "../support/network.js";

const turn = () => new Promise<void>((go) => setImmediate(go));
const closed = (stream: LastingStream) =>
  new Promise<void>((resolve) => (stream.closed ? resolve() : void stream.once("close", resolve)));

/** Sessions between two ends in one process; the newest one is the best. */
class Wires {
  readonly far = new LastingStreams();
  accepted: LastingStream | undefined;
  /** What the far end does with a stream that is new. */
  begin: (stream: LastingStream) => void = () => {};
  /** Connections that were made. */
  count = 0;
  #lanes: (readonly [ByteDuplex, ByteDuplex])[] = [];
  #superseded: (() => void)[] = [];
  #session = this.#newSession();

  reach = async (): Promise<Session> => this.#session;

  get session(): Session {
    return this.#session;
  }

  /** One end sees it first, and may hear nothing more that was on its way. */
  lose(byNear: boolean): void {
    for (const lane of this.#lanes.splice(0)) {
      const [first, second] = byNear ? lane : lane.toReversed();
      first!.destroy(new FirefliesError("link-closed"));
      setImmediate(() => second!.destroy(new FirefliesError("link-closed")));
    }
  }

  supersede(): void {
    this.#session = this.#newSession();
    for (const tell of this.#superseded.splice(0)) tell();
  }

  #newSession(): Session {
    const open = () => {
      const lane = duplexPair(2 ** 21);
      this.count += 1;
      this.#lanes.push(lane);
      const arrive = () =>
        this.far.accept("m" as MemberId, lane[1], (stream) => {
          this.accepted = stream;
          this.begin(stream);
        });
      // Sessions are not equally fast: every third one comes later than the next.
      if (this.#lanes.length % 3 === 2) setImmediate(() => setImmediate(arrive));
      else arrive();
      return lane[0];
    };
    const onSuperseded = (tell: () => void) => {
      this.#superseded.push(tell);
      return () => {};
    };
    return { open, onSuperseded, peer: { id: "m" } } as unknown as Session;
  }
}

const step = fc.oneof(
  fc.record({ what: fc.constant("near" as const), bytes: fc.nat(3_000) }),
  fc.record({ what: fc.constant("far" as const), bytes: fc.nat(3_000) }),
  fc.record({ what: fc.constant("lose" as const), byNear: fc.boolean() }),
  fc.record({ what: fc.constant("supersede" as const) }),
  fc.record({ what: fc.constant("turn" as const) }),
);

describe("a lasting stream", () => {
  it("brings every message once and in order, both ways, and ends in order, whatever connections do", async () => {
    const property = fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const wires = new Wires();
      const near = new LastingStreams().open(wires.session, { reach: wires.reach });
      while (wires.accepted === undefined) await turn();
      const ends = { near, far: wires.accepted };
      const sent = { near: [] as string[], far: [] as string[] };
      const got = { near: [] as string[], far: [] as string[] };
      for (const [name, stream] of Object.entries(ends))
        stream.on("data", (data: Uint8Array) => got[name as "near" | "far"].push(Buffer.from(data).toString("hex")));
      for (const each of steps) {
        if (each.what === "lose") wires.lose(each.byNear);
        else if (each.what === "supersede") wires.supersede();
        else if (each.what === "turn") await turn();
        else {
          const data = Buffer.alloc(each.bytes, sent[each.what].length + 1);
          sent[each.what].push(data.toString("hex"));
          ends[each.what].write(data);
        }
      }
      ends.near.end();
      ends.far.end();
      await Promise.all([closed(ends.near), closed(ends.far)]);
      expect([ends.near.errored, ends.far.errored]).toEqual([null, null]);
      expect(got).toEqual({ near: sent.far, far: sent.near });
    });
    await fc.assert(property, { numRuns: 200 });
  });

  it("of an end that was started anew ends with stream-reset", async () => {
    const wires = new Wires();
    const near = new LastingStreams().open(wires.session, { reach: wires.reach });
    while (wires.accepted === undefined) await turn();
    near.write(Buffer.from("x"));
    await new Promise((resolve) => wires.accepted?.once("data", resolve));
    await turn();
    Object.assign(wires, { far: new LastingStreams() });
    wires.lose(true);
    await closed(near);
    expect(near.errored).toMatchObject({ code: "stream-reset" });
  });
});

describe("a lasting stream that the other end has no room for", () => {
  it("ends at once: the next connection would be refused as well", async () => {
    const wires = new Wires();
    wires.begin = (stream) => void stream.destroy(new FirefliesError("overloaded"));
    const near = new LastingStreams().open(wires.session, { reach: wires.reach });
    await closed(near);
    expect([near.errored, wires.count]).toMatchObject([{ code: "overloaded" }, 1]);
  });

  it("is made all the same when this end was busy for a moment", async () => {
    const wires = new Wires();
    let tries = 0;
    const reach = () =>
      ++tries === 1 ? Promise.reject(new FirefliesError("overloaded")) : Promise.resolve(wires.session);
    const near = new LastingStreams().open(wires.session, { reach });
    while (wires.accepted === undefined) await turn();
    const why = new Promise<FirefliesError>((resolve) => near.once("reconnect", resolve));
    wires.lose(true);
    expect([(await why).code, tries]).toEqual(["link-closed", 2]);
    near.destroy();
  });
});

describe("a lasting stream that its program ends", () => {
  const PASSING = ["timeout", "peer-refused", "link-closed", "peer-unreachable", "peer-mismatch"] as const;
  /** A stream that both ends have had words on. */
  async function begun() {
    const wires = new Wires();
    const near = new LastingStreams().open(wires.session, { reach: () => wires.reach() });
    while (wires.accepted === undefined) await turn();
    near.write(Buffer.from("x"));
    await new Promise((resolve) => wires.accepted?.once("data", resolve));
    return { wires, near, far: wires.accepted };
  }

  it.each(PASSING.flatMap((code) => [["opened", code] as const, ["took", code] as const]))(
    "at the end that %s it with %s, as a lost connection ends, is not taken for one",
    async (end, code) => {
      const { wires, near, far } = await begun();
      const [mine, other] = end === "opened" ? [near, far] : [far, near];
      mine.destroy(new FirefliesError(code));
      await closed(other);
      expect([other.errored, wires.count]).toMatchObject([{ code }, 1]);
    },
  );

  it("while it has no connection is ended at the other end as soon as there is one", async () => {
    const { wires, near, far } = await begun();
    const gone = new FirefliesError("peer-unreachable");
    const held = deferred<Session>();
    wires.reach = () => (far.destroyed ? Promise.reject(gone) : held.promise);
    wires.lose(true);
    await turn();
    near.destroy(new FirefliesError("cancelled"));
    for (let turns = 0; turns < 5; turns++) await turn();
    expect([near.destroyed, near.isParting, far.destroyed]).toEqual([true, true, false]);
    held.resolve(wires.session);
    await closed(far);
    expect(far.errored).toMatchObject({ code: "cancelled" });
    expect(near.isParting).toBe(false);
  });

  it("while it has no connection says nothing more when its member stops, or too many others have ended so", async () => {
    const lasting = new LastingStreams();
    const wires = new Wires();
    const never = new Promise<Session>(() => {});
    const open = async () => {
      const stream = lasting.open(wires.session, { reach: () => never });
      await turn();
      wires.lose(true);
      await turn();
      stream.destroy();
      await turn();
      return stream;
    };
    const first = await open();
    const later: LastingStream[] = [];
    while (later.length < PARTING_MAX) later.push(await open());
    expect([first.isParting, later.filter(({ isParting }) => isParting).length]).toEqual([false, PARTING_MAX]);
    lasting.close();
    expect(later.filter(({ isParting }) => isParting)).toEqual([]);
    expect((await open()).isParting).toBe(false);
  });
});

describe("what a writer has written and nobody acknowledged", () => {
  const MIB = 2 ** 20;
  /** Streams of this many writers that nothing takes anything of, each of which writes as long as it may. */
  async function unheard(lasting: LastingStreams, count: number) {
    const all = Array.from({ length: count }, (_, index) => {
      const peer = { id: `member ${index}` };
      const session = { open: () => duplexPair(2 ** 21)[0], onSuperseded: () => () => {}, peer } as unknown as Session;
      const stream = lasting.open(session, { reach: () => new Promise<Session>(() => {}) });
      let written = 0;
      const write = () => {
        while (!stream.destroyed && stream.write(Buffer.alloc(64 * 1024))) written += 64 * 1024;
      };
      stream.on("drain", write);
      write();
      return { stream, written: () => written };
    });
    for (let turns = 0; turns < 300; turns++) await turn();
    return all;
  }
  const sum = (all: readonly { written(): number }[]) => all.reduce((bytes, each) => bytes + each.written(), 0);

  it("is a window for one, and little more than half of the room for all: they wait, and nobody is cut", async () => {
    const one = await unheard(new LastingStreams(40 * MIB), 1);
    expect(sum(one)).toBeGreaterThan(WINDOW - MIB);
    const all = await unheard(new LastingStreams(40 * MIB), 16);
    expect(sum(all)).toBeLessThan(32 * MIB);
    expect(all.filter(({ stream }) => stream.destroyed)).toEqual([]);
    for (const { stream } of [...one, ...all]) stream.destroy();
  });

  it("is never more than the room: of more writers, those of the member that has most are cut", async () => {
    const lasting = new LastingStreams(4 * MIB);
    const all = await unheard(lasting, 16);
    const left = all.filter(({ stream }) => !stream.destroyed);
    expect(left.length).toBeLessThan(16);
    // Beside it waits what each stream takes before it says to wait.
    expect(sum(left)).toBeLessThanOrEqual(4 * MIB + left.length * WRITE_AHEAD_BYTES);
    expect(all.find(({ stream }) => stream.destroyed)?.stream.errored).toMatchObject({ code: "overloaded" });
    for (const { stream } of all) stream.destroy();
    await turn();
    const again = await unheard(lasting, 1);
    expect(again[0]!.stream.destroyed).toBe(false);
    again[0]!.stream.destroy();
  });
});

describe("what waits for readers", () => {
  const MIB = 2 ** 20;
  /** Opens a stream of a member whose reader reads nothing, writes to it, and says how that went. */
  async function unread(far: LastingStreams, member: string, bytes: number) {
    const [mine, theirs] = duplexPair(2 ** 21);
    const session = { open: () => mine, onSuperseded: () => () => {}, peer: { id: "far" } } as unknown as Session;
    const near = new LastingStreams().open(session, { reach: () => Promise.reject(new FirefliesError("timeout")) });
    const accepted = new Promise<LastingStream>((resolve) => far.accept(member as MemberId, theirs, resolve));
    for (let left = bytes; left > 0; left -= MIB) near.write(Buffer.alloc(Math.min(left, MIB)));
    return { near, stream: await accepted };
  }

  it("is bounded for all streams together: the member that has most waiting loses some", async () => {
    const far = new LastingStreams(5 * MIB);
    const modest = await unread(far, "modest", MIB / 2);
    const greedy = [await unread(far, "greedy", 3 * MIB), await unread(far, "greedy", 3 * MIB)];
    const cut = await Promise.race(greedy.map((each) => closed(each.near).then(() => each)));
    expect([cut.near.errored, cut.stream.errored]).toMatchObject([{ code: "overloaded" }, { code: "overloaded" }]);
    expect([...greedy.filter((each) => each !== cut), modest].map(({ stream }) => stream.destroyed)).toEqual([
      false,
      false,
    ]);
    for (const { near, stream } of [...greedy, modest]) for (const end of [near, stream]) end.destroy();
  });
});

describe("streams that have ended", () => {
  /** What the far end says to a connection of this stream. */
  async function answer(far: LastingStreams, member: string, number: number, mayBeNew: boolean): Promise<unknown> {
    const [mine, theirs] = duplexPair(2 ** 21);
    far.accept(member as MemberId, theirs, (stream) => void stream.destroy(new FirefliesError("handler-failed")));
    const id = new Uint8Array(16);
    new DataView(id.buffer).setUint32(0, number);
    mine.write(encodeHello(id, { received: 0, taken: 0 }, 1, mayBeNew));
    mine.resume();
    return await new Promise((resolve) => mine.once("error", (error) => resolve((error as FirefliesError).code)));
  }

  it("are remembered for those that missed it, whatever another member opens and ends", async () => {
    const far = new LastingStreams();
    await answer(far, "victim", 0, true);
    for (let number = 0; number < 1_100; number++) await answer(far, "liar", number, true);
    expect(await answer(far, "victim", 0, false)).toBe("handler-failed");
    expect(await answer(far, "liar", 0, false)).toBe("stream-reset");
  });
});

describe("what is said on its connections", () => {
  const progress = { received: 2 ** 40, taken: 7 };
  const id = new Uint8Array(16).fill(9);
  it.each([
    ["hello", encodeHello(id, progress, 3, true), { kind: "hello", id, number: 3, mayBeNew: true, ...progress }],
    ["here", encodeProgress("here", progress), { kind: "here", ...progress }],
    ["ack", encodeProgress("ack", progress), { kind: "ack", ...progress }],
    ["data", encodeData(Uint8Array.of(1, 2)), { kind: "data", data: Uint8Array.of(1, 2) }],
    ["end", END, { kind: "end" }],
    ["nothing", new Uint8Array(0), undefined],
    ["an unknown kind", Uint8Array.of(6), undefined],
    ["a short one", encodeProgress("ack", progress).subarray(1), undefined],
    ["a long one", Uint8Array.of(4, 0), undefined],
  ])("%s", (_, bytes, piece) => {
    const decoded = decodePiece(bytes);
    expect(decoded && Object.fromEntries(Object.entries(decoded).map(([k, v]) => [k, plain(v)]))).toEqual(
      piece && Object.fromEntries(Object.entries(piece).map(([k, v]) => [k, plain(v)])),
    );
  });
  const plain = (value: unknown) => (value instanceof Uint8Array ? [...value] : value);
});

describe("a peer that lies", () => {
  it("acknowledges nothing that was not written", () => {
    const mine = new Unacknowledged();
    mine.add(encodeData(new Uint8Array(10)));
    expect(mine.acknowledge({ received: 2, taken: 0 })).toBe(false);
    expect(mine.acknowledge({ received: 1, taken: 1_000 })).toBe(false);
    expect(mine.acknowledge({ received: 1, taken: 74 })).toBe(true);
    expect(mine.has(0)).toBe(false);
  });

  it("can have no more wait here than a window and one message, and says nothing after the end", () => {
    const theirs = new Incoming();
    const data = new Uint8Array(2 ** 20);
    let count = 0;
    while (theirs.add(count, data)) count += 1;
    expect(count * data.length).toBeLessThanOrEqual(WINDOW + data.length);
    const other = new Incoming();
    expect([other.add(0, null), other.add(1, data), other.add(5, data)]).toEqual([true, false, false]);
  });
});
