/** Which relays a member that nobody can dial has, over time: on a clock that the test moves, with relays that are records. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Keeping } from "../../client/relays/keeping.js";
import { chosen, DECLINES, isRelay, orderFor, TRANSPORT_RELAYING } from "../../client/relays/selection.js";
import { FirefliesError } from "../../identity/index.js";
import type { Session } from "../../net/index.js";
import { RESERVATION_MS } from "../../net/relays/limits.js";
import { decodeWish, encodeReservation, type Granted, type Refusal } from "../../net/relays/messages.js";
import { type MemberId, relayPositions } from "../../rings/index.js";
import { idOf, sha256 } from "../rings/model.js";

const INTERVAL_MS = 10_000;
const LINGER_MS = 4_000;
const positionOf = relayPositions(sha256);

/** A relay as a member sees it. */
class FakeRelay {
  isUp = true;
  refusal: Refusal | undefined;
  /** When its reservation ends. */
  until = 0;
  readonly askedAt: number[] = [];
  #session: { closed: boolean; bytesRead: number; close(): void } | undefined;
  /** The path of the session that there is has died without a sign. */
  isMute = false;

  constructor(
    readonly id: MemberId,
    readonly now: () => number,
  ) {}

  reach(): Session {
    this.askedAt.push(this.now());
    if (!this.isUp) throw new FirefliesError("peer-unreachable");
    if (this.#session && !this.#session.closed) return this.#session as unknown as Session;
    const listeners = new Set<() => void>();
    this.isMute = false;
    const session = {
      closed: false,
      bytesRead: 0,
      close() {
        session.closed = true;
        for (const listener of listeners) listener();
      },
      onClose(listener: () => void) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      call: async (_: string, body: Uint8Array) => {
        if (this.isMute) throw new FirefliesError("timeout");
        return encodeReservation(this.#answer(decodeWish(body)!));
      },
    };
    this.#session = session;
    return session as unknown as Session;
  }

  /** Something else passes over the session. */
  speak(): void {
    if (this.#session) this.#session.bytesRead += 100;
  }

  /** Its process ends, and with it all that it knew. */
  down(): void {
    this.isUp = false;
    this.until = 0;
    this.#session?.close();
  }

  #answer(wish: "reserve" | "release"): Granted | Refusal {
    if (wish === "release") this.until = 0;
    if (wish === "release") return { kind: "refused", why: "absent", retryMs: 0 };
    if (this.refusal) return this.refusal;
    this.until = this.now() + RESERVATION_MS;
    const limits = { connections: 1, bytesPerSecond: 1, connectionMs: 1 };
    return { kind: "granted", forMs: RESERVATION_MS, ...limits, observed: "192.0.2.1:1" };
  }
}

class Scene {
  now = 0;
  isNeeded = true;
  readonly relays: FakeRelay[] = [];
  readonly published: (readonly MemberId[])[] = [];
  readonly keeping: Keeping;
  #draws = 0;

  constructor(
    count: number,
    readonly seed = 1,
  ) {
    for (let number = 1; number <= count; number++) this.relays.push(new FakeRelay(idOf(number), () => this.now));
    this.keeping = new Keeping({
      isNeeded: () => this.isNeeded,
      orderFor: (more) => orderFor(this.view, more),
      publish: (relays) => this.published.push(relays),
      intervalMs: INTERVAL_MS,
      lingerMs: LINGER_MS,
      reach: async (id) => this.relays.find((relay) => relay.id === id)!.reach(),
      now: () => this.now,
      random: () => this.#random(),
    });
  }

  #random(): number {
    this.#draws += 1;
    return sha256(Uint8Array.of(this.seed, this.#draws >>> 8, this.#draws))[0]! / 256;
  }

  /** Three rings of which none bears a liar: three relays. */
  get view() {
    const members = this.relays.map(({ id }) => ({ id, addresses: [{ transport: 1, text: "192.0.2.1:1" }] }));
    return { self: idOf(0), ringCount: 3, members, positionOf };
  }

  /** The relays as the view orders them. */
  get ordered(): FakeRelay[] {
    return orderFor(this.view, 100).order.map((id) => this.relays.find((relay) => relay.id === id)!);
  }

  get note(): readonly MemberId[] {
    return this.published.at(-1) ?? [];
  }

  async run(ms: number, each = () => {}): Promise<void> {
    for (const end = this.now + ms; this.now < end; this.now += 100) {
      if (this.now % 1_000 === 0) this.keeping.look();
      for (let turn = 0; turn < 4; turn++) await new Promise(setImmediate);
      each();
    }
  }
}

describe("the relays of a member", () => {
  it("are the nearest three, named in one note", async () => {
    const scene = new Scene(8);
    await scene.run(3_000);
    expect(scene.published).toEqual([scene.ordered.slice(0, 3).map(({ id }) => id)]);
    expect(scene.relays.filter(({ askedAt }) => askedAt.length > 0)).toHaveLength(3);
  });

  it("are renewed before they end, and no more often than is needed", async () => {
    const scene = new Scene(5);
    await scene.run(2_000);
    const mine = scene.ordered.slice(0, 3);
    await scene.run(3 * RESERVATION_MS, () => {
      for (const relay of mine) expect(relay.until).toBeGreaterThan(scene.now);
    });
    expect(scene.published).toHaveLength(1);
    for (const { askedAt } of mine) expect(askedAt.length).toBeLessThan((1.3 * 3 * RESERVATION_MS) / INTERVAL_MS);
  });

  it("are not asked while other things pass over their sessions, but for the renewal each minute", async () => {
    const scene = new Scene(5);
    await scene.run(2_000);
    await scene.run(RESERVATION_MS, () => {
      for (const relay of scene.relays) relay.speak();
    });
    for (const { askedAt } of scene.ordered.slice(0, 3)) {
      expect(askedAt.length).toBeGreaterThan(4);
      expect(askedAt.length).toBeLessThan(8);
    }
  });

  it("are reserved anew over another session when a path has died without a sign", async () => {
    const scene = new Scene(5);
    await scene.run(2_000);
    const [relay] = scene.ordered as [FakeRelay];
    const before = relay.until;
    relay.isMute = true;
    await scene.run(1.5 * INTERVAL_MS, () => {
      if (relay.isMute) relay.until = 0;
    });
    expect(relay.until).toBeGreaterThan(before);
    expect(scene.published).toHaveLength(1);
  });

  it("stay in the note over a relay's restart, and members do not come back all at once", async () => {
    const returns = new Set<number>();
    for (let seed = 1; seed <= 8; seed++) {
      const scene = new Scene(5, seed);
      await scene.run(2_000);
      const [relay] = scene.ordered as [FakeRelay];
      relay.down();
      await scene.run(5_000, () => scene.keeping.look());
      expect(relay.askedAt.length).toBeGreaterThan(2);
      expect(relay.askedAt.length).toBeLessThan(6);
      returns.add(relay.askedAt[1]!);
      relay.isUp = true;
      await scene.run(5_000);
      expect(relay.until).toBeGreaterThan(scene.now);
      expect(scene.published).toHaveLength(1);
    }
    expect(returns.size).toBeGreaterThan(2);
  });

  it("move when one of them is gone for longer, and those that serve stay when it is back", async () => {
    const scene = new Scene(5);
    await scene.run(2_000);
    const [first, second, third, fourth] = scene.ordered as [FakeRelay, FakeRelay, FakeRelay, FakeRelay];
    first.down();
    await scene.run(15_000);
    expect(scene.note).toEqual([second, third, fourth].map(({ id }) => id));
    first.isUp = true;
    await scene.run(200_000);
    expect(scene.note).toEqual([second, third, fourth].map(({ id }) => id));
    expect(scene.published).toHaveLength(2);
  });

  it("move at once when one leaves the view", async () => {
    const scene = new Scene(5);
    await scene.run(2_000);
    const [first, ...others] = scene.ordered;
    scene.relays.splice(scene.relays.indexOf(first!), 1);
    await scene.run(1_000);
    expect(scene.note).toEqual(others.slice(0, 3).map(({ id }) => id));
  });

  it("pass over one that refuses, which is not asked again before it said", async () => {
    const scene = new Scene(3);
    const [first, ...others] = scene.ordered as [FakeRelay, FakeRelay, FakeRelay];
    first.refusal = { kind: "refused", why: "full", retryMs: 60_000 };
    await scene.run(50_000);
    expect(scene.note).toEqual(others.map(({ id }) => id));
    expect(first.askedAt).toHaveLength(1);
    first.refusal = undefined;
    await scene.run(40_000);
    // There is no other: it is asked again, and taken.
    expect(scene.note).toEqual([first, ...others].map(({ id }) => id));
  });

  it("are asked with longer and longer pauses when none of them answers", async () => {
    const scene = new Scene(12);
    for (const relay of scene.relays) relay.isUp = false;
    await scene.run(300_000);
    expect(scene.note).toEqual([]);
    const asked = scene.relays.reduce((sum, { askedAt }) => sum + askedAt.length, 0);
    expect(asked).toBeLessThan(12 * 14);
    expect(scene.relays.every(({ askedAt }) => askedAt.length > 0)).toBe(true);
  });

  it("are given back when others can dial the member after all", async () => {
    const scene = new Scene(5);
    await scene.run(2_000);
    scene.isNeeded = false;
    await scene.run(LINGER_MS - 1_000);
    expect(scene.note).toEqual([]);
    // Others still call by the note before.
    expect(scene.relays.filter(({ until }) => until > scene.now)).toHaveLength(3);
    await scene.run(3_000);
    expect(scene.relays.map(({ until }) => until)).toEqual(scene.relays.map(() => 0));
  });

  it("are given back at the end", async () => {
    const scene = new Scene(5);
    await scene.run(2_000);
    scene.keeping.close();
    await scene.run(1_000);
    expect(scene.relays.map(({ until }) => until)).toEqual(scene.relays.map(() => 0));
  });
});

describe("the choice", () => {
  const ids = fc.uniqueArray(fc.integer({ min: 1, max: 60 }).map(idOf), { maxLength: 40 });

  it("is the nearest that serve, but for those that are held and among twice as many nearest", () => {
    const input = fc.record({ order: ids, count: fc.integer({ min: 1, max: 8 }), held: ids, bad: ids });
    fc.assert(
      fc.property(input, ({ order, count, held, bad }) => {
        const result = chosen(
          { order, count },
          (id) => held.includes(id),
          (id) => !bad.includes(id),
        );
        const good = order.filter((id) => !bad.includes(id));
        expect(result).toHaveLength(Math.min(count, good.length));
        expect(result).toEqual(good.filter((id) => result.includes(id)));
        const kept = good.slice(0, 2 * count).filter((id) => held.includes(id));
        expect(kept.slice(0, count).every((id) => result.includes(id))).toBe(true);
      }),
    );
  });

  it("moves nobody for a member that comes, and one relay for one that goes", () => {
    const numbers = fc.uniqueArray(fc.integer({ min: 1, max: 500 }), { minLength: 12, maxLength: 60 });
    fc.assert(
      fc.property(numbers, fc.integer({ min: 501, max: 600 }), fc.nat(), (present, newcomer, leaver) => {
        const choose = (members: readonly number[], held: readonly MemberId[]) => {
          const noted = members.map((number) => ({
            id: idOf(number),
            addresses: [{ transport: 1, text: "192.0.2.1:1" }],
          }));
          const ordered = orderFor({ self: idOf(0), ringCount: 3, members: noted, positionOf });
          return chosen(
            ordered,
            (id) => held.includes(id),
            () => true,
          );
        };
        const first = choose(present, []);
        expect(choose([...present, newcomer], first)).toEqual(first);
        const gone = present[leaver % present.length]!;
        const after = choose(
          present.filter((number) => number !== gone),
          first,
        );
        expect(after.filter((id) => !first.includes(id)).length).toBeLessThanOrEqual(
          Number(first.includes(idOf(gone))),
        );
      }),
    );
  });

  it.each([
    ["an address", [{ transport: 1, text: "192.0.2.1:1" }], true],
    ["an address of another transport as well", [{ transport: 1, text: "ws://192.0.2.1:1/x" }], true],
    ["no address", [], false],
    ["none but of its pings", [{ transport: 2, text: "192.0.2.1:1" }], false],
    [
      "relays",
      [
        { transport: 1, text: "192.0.2.1:1" },
        { transport: 1, text: `relay://${idOf(1)}` },
      ],
      false,
    ],
    [
      "a word that it declines",
      [
        { transport: 1, text: "192.0.2.1:1" },
        { transport: TRANSPORT_RELAYING, text: DECLINES },
      ],
      false,
    ],
  ] as const)("a member whose note has %s relays: %j, %s", (_, addresses, isOne) => {
    expect(isRelay({ id: idOf(1), addresses })).toBe(isOne);
  });
});
