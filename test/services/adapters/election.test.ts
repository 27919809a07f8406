/** Elections: terms that rise under skewed clocks, lost messages, crashes, partitions and liars; and among real members. */
import fc from "fast-check";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { type Client, FirefliesError, type Member, type MessageHandler } from "../../../client/index.js";
import type { MemberId } from "../../../rings/index.js";
import { AHEAD_MS, Candidacy, RENEW_MS } from "../../../services/coordination/candidacy.js";
import { ASIDE_MS } from "../../../services/coordination/election.js";
import { type Election, elect, FENCE_AHEAD_MS, Fence, type Leading } from "../../../services/coordination/index.js";
import { parseToken, tokenOf } from "../../../services/coordination/token.js";
import type { CoordinationClient } from "../../../services/coordination/view.js";
import { startTestNetwork } from "../../../testing/index.js";
import { deferred } from "../../support/network.js";

const idOf = (index: number) => String.fromCharCode(97 + index).repeat(64) as MemberId;
const WALL = 1_800_000_000_000;

/** Candidates on one virtual clock, whose wall clocks differ; what they say to each other is lost or late, as a run says. */
class Table {
  readonly seats: { readonly id: MemberId; readonly skew: number; candidacy: Candidacy; sees: Set<MemberId> }[];
  readonly fence = new Fence({ now: () => WALL + this.now });
  readonly began: string[] = [];
  readonly verdicts: string[] = [];
  now = 0;
  loss = 0;
  disbelieved = 0;
  #due: { readonly at: number; readonly run: () => void }[] = [];
  #chance: () => number;

  constructor(skews: readonly number[], chance: () => number) {
    this.#chance = chance;
    this.seats = skews.map((skew, index) => ({
      ...{ id: idOf(index), skew, candidacy: new Candidacy(idOf(index)) },
      sees: new Set(skews.map((_, other) => idOf(other))),
    }));
    for (const seat of this.seats) this.viewed(seat.id);
  }

  seat = (id: MemberId) => this.seats.find((seat) => seat.id === id)!;
  at = ({ skew }: { readonly skew: number }) => ({ now: this.now, wall: WALL + this.now + skew });

  viewed(id: MemberId): void {
    const seat = this.seat(id);
    this.input(id, (candidacy, at) => candidacy.standing([...seat.sees].toSorted(), at));
  }

  input(id: MemberId, tell: (candidacy: Candidacy, at: { now: number; wall: number }) => void): void {
    const seat = this.seat(id);
    tell(seat.candidacy, this.at(seat));
    for (const output of seat.candidacy.takeOutputs()) {
      if (output.kind === "began") this.began.push(output.token);
      else if (output.kind === "disbelieved") this.disbelieved += 1;
      else if (output.kind !== "ended") this.#send(id, output.to, output.token);
    }
  }

  /** As `sendToId`: the reply names what the other one knows; what is lost is known a second later. */
  #send(from: MemberId, to: MemberId, token: string): void {
    const { candidacy } = this.seat(from);
    const answered = (reply?: string) => {
      if (this.seat(from).candidacy !== candidacy) return; // It has crashed meanwhile.
      this.input(from, (mine, at) => {
        if (reply !== undefined) mine.heard(reply, at);
        mine.answered(to, at);
      });
    };
    const reaches = this.seat(from).sees.has(to) && this.#chance() >= this.loss;
    if (!reaches) {
      this.#later(1_000, () => answered());
      return;
    }
    this.#later(1 + this.#chance() * 300, () => {
      this.input(to, (theirs, at) => theirs.heard(token, at));
      const { highest } = this.seat(to).candidacy;
      this.#later(1 + this.#chance() * 300, () => answered(highest));
    });
  }

  #later(ms: number, run: () => void): void {
    this.#due.push({ at: this.now + ms, run });
  }

  run(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const deadlines = this.seats.map(({ candidacy }) => candidacy.deadline ?? Number.POSITIVE_INFINITY);
      const next = Math.min(...this.#due.map(({ at }) => at), ...deadlines);
      if (next > end) break;
      this.now = Math.max(this.now, next);
      const due = this.#due.filter(({ at }) => at <= this.now);
      this.#due = this.#due.filter(({ at }) => at > this.now);
      for (const { run } of due) run();
      for (const { id } of this.seats) this.input(id, (candidacy, at) => candidacy.tick(at));
    }
    this.now = end;
  }

  /** All that believe that they lead change the resource; who is refused is told the token that was higher. */
  write(): string[] {
    return this.leaders().map((id) => {
      const { token } = this.seat(id).candidacy;
      const verdict = this.fence.admit(token, { id });
      this.verdicts.push(verdict);
      if (verdict === "stale") this.input(id, (candidacy, at) => candidacy.heard(this.fence.highest, at));
      return verdict;
    });
  }

  leaders = () => this.seats.filter(({ candidacy }) => candidacy.token !== undefined).map(({ id }) => id);
}

const MEMBERS = 4;
const subset = fc.integer({ min: 0, max: 2 ** MEMBERS - 1 });
const step = fc.oneof(
  fc.record({ kind: fc.constant("split" as const), side: subset }),
  fc.record({ kind: fc.constant("views" as const), who: fc.nat(MEMBERS - 1), sees: subset }),
  fc.record({ kind: fc.constant("crash" as const), who: fc.nat(MEMBERS - 1) }),
  fc.record({ kind: fc.constant("write" as const) }),
  fc.record({
    kind: fc.constant("lie" as const),
    to: fc.nat(MEMBERS - 1),
    text: fc.oneof(
      fc.string(),
      fc.integer({ min: 0, max: 10 * AHEAD_MS }).map((ms) => tokenOf({ term: WALL + ms, leader: idOf(MEMBERS) })),
      fc.constant("f".repeat(12).concat("-", "f".repeat(64))),
    ),
  }),
);

describe("candidates", () => {
  it("have tokens that rise and are nobody else's, and agree once their views do, whatever was lost, split or lied", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -25_000, max: 25_000 }), { minLength: MEMBERS, maxLength: MEMBERS }),
        fc.array(fc.tuple(step, fc.integer({ min: 0, max: 5_000 })), { maxLength: 25 }),
        fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
        (skews, steps, chances) => {
          const table = new Table(skews, () => chances.next().value as number);
          table.loss = 0.3;
          for (const [what, ms] of steps) {
            if (what.kind === "write") table.write();
            else if (what.kind === "lie") table.input(idOf(what.to), (candidacy, at) => candidacy.heard(what.text, at));
            else if (what.kind === "crash") {
              table.run(10); // No process begins again within a millisecond.
              table.seats[what.who]!.candidacy = new Candidacy(idOf(what.who));
            }
            for (const [index, seat] of table.seats.entries()) {
              const among = what.kind === "split" ? (what.side >> index) & 1 : undefined;
              if (what.kind === "split")
                seat.sees = new Set(
                  table.seats.map(({ id }) => id).filter((_, at) => ((what.side >> at) & 1) === among),
                );
              if (what.kind === "views" && what.who === index)
                seat.sees = new Set(
                  table.seats.map(({ id }) => id).filter((id, at) => id === seat.id || (what.sees >> at) & 1),
                );
              table.viewed(seat.id);
            }
            table.run(ms);
          }
          table.loss = 0;
          for (const seat of table.seats) {
            seat.sees = new Set(table.seats.map(({ id }) => id));
            table.viewed(seat.id);
          }
          for (let round = 0; round < 4; round++) {
            table.run(2 * RENEW_MS + 3_000);
            table.write();
          }
          expect(table.leaders()).toEqual([idOf(0)]);
          expect(table.write()).toEqual(["admitted"]);
          expect(table.verdicts).not.toContain("future");
          expect(table.verdicts).not.toContain("foreign");
          // A process that begins anew may hear of the same term again, and take the one after it once more.
          if (steps.some(([what]) => what.kind === "crash")) return;
          const mine = (id: MemberId) => table.began.filter((token) => parseToken(token)?.leader === id);
          for (const { id } of table.seats) expect(mine(id)).toEqual(mine(id).toSorted());
          expect(new Set(table.began).size).toBe(table.began.length);
        },
      ),
      { numRuns: 150 },
    );
  });

  it("begin a higher term than one that crashed, with a clock that is behind: the others remember its own", () => {
    const table = new Table([20_000, -20_000, 0], () => 0.1);
    table.run(3_000);
    expect(table.write()).toEqual(["admitted"]);
    for (const seat of table.seats) seat.sees.delete(idOf(0));
    table.seats[0]!.candidacy = new Candidacy(idOf(0));
    table.seats[0]!.sees = new Set();
    for (const { id } of table.seats) table.viewed(id);
    table.run(3_000);
    expect(table.leaders()).toEqual([idOf(1)]);
    expect(table.write()).toEqual(["admitted"]);
    expect(table.began).toEqual(table.began.toSorted());
  });

  it("change terms once a second at most, however high the tokens are that liars name, and believe none of the far future", () => {
    const table = new Table([0, 0], () => 0.1);
    table.run(1_000);
    const before = table.began.length;
    for (let ms = 0; ms < 10_000; ms += 100) {
      const lie = tokenOf({ term: WALL + table.now + AHEAD_MS - 1, leader: idOf(5) });
      table.input(idOf(0), (candidacy, at) => candidacy.heard(lie, at));
      table.run(100);
    }
    expect(table.began.length - before).toBeLessThanOrEqual(10);
    table.input(idOf(0), (candidacy, at) =>
      candidacy.heard(tokenOf({ term: WALL + table.now + 2 * AHEAD_MS, leader: idOf(5) }), at),
    );
    expect(table.disbelieved).toBe(1);
  });
});

describe("what an election survives", () => {
  /** Of one member that is alone with a job, as far as `serve` goes. */
  function alone(serve: () => void) {
    const stopping = new AbortController();
    const handlers: MessageHandler[] = [];
    const self = { id: idOf(0), name: "one", services: [] } as unknown as Member;
    const client = {
      ...{ id: self.id, self, member: () => self, members: () => [], stopping: stopping.signal },
      sendToId: () => Promise.reject(new Error("nobody is there")),
      serve: (_: string, handler: MessageHandler) => {
        serve();
        handlers.push(handler);
      },
      async *changes({ signal }: { signal: AbortSignal }) {
        await new Promise<void>((done) => signal.addEventListener("abort", () => done()));
      },
    } as unknown as CoordinationClient;
    return { client, handlers };
  }

  it("is told: it stands aside, finds its name taken, and stands again when that is free", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    onTestFinished(() => void vi.useRealTimers());
    let isTaken = false;
    let isWell = false;
    const { client } = alone(() => {
      if (isTaken) throw new FirefliesError("name-taken");
    });
    const told: string[] = [];
    const failed = deferred<void>();
    const led = deferred<void>();
    const lead = () => {
      if (isWell) led.resolve();
      else throw new Error("out of paper");
    };
    const election = elect(client, "print", {
      ...{ lead, onError: () => failed.resolve(), onTrouble: ({ code }) => told.push(code) },
    });
    await failed.promise;
    await new Promise(setImmediate);
    isTaken = true;
    vi.advanceTimersByTime(ASIDE_MS);
    expect(told).toEqual(["name-taken"]);
    [isTaken, isWell] = [false, true];
    vi.advanceTimersByTime(ASIDE_MS);
    vi.advanceTimersByTime(2 * RENEW_MS);
    await led.promise;
    await election.close();
  });

  it("is told: terms of the far future, once a minute", async () => {
    const { client, handlers } = alone(() => {});
    const told: FirefliesError[] = [];
    const election = elect(client, "print", { lead: () => {}, onTrouble: (error) => told.push(error) });
    await new Promise(setImmediate);
    const lie = new TextEncoder().encode(tokenOf({ term: Date.now() + 10 * AHEAD_MS, leader: idOf(5) }));
    for (let each = 0; each < 3; each++) await handlers[0]!(lie, { from: { id: idOf(0) } } as never);
    expect(told).toMatchObject([{ code: "election-disbelieved", message: expect.stringContaining("print") }]);
    await election.close();
  });

  it("is told: another one's rules do not let this one stand", async () => {
    await using network = await startTestNetwork({ members: 2 });
    const [one, other] = network.members as [Client, Client];
    const told: string[] = [];
    const elections = [
      elect(one, "print", { lead: () => {}, onTrouble: ({ code }) => told.push(`one ${code}`) }),
      elect(other, "print", { lead: () => {}, allow: [other.id], onTrouble: ({ code }) => told.push(`other ${code}`) }),
    ];
    await expect.poll(() => told).toContain("one election-refused");
    for (const each of elections) await each.close();
  });
});

describe("a leader that comes back after a split", () => {
  it("hears of a later term from each heir that heard of it, whether or not that one leads then", () => {
    const heir = new Candidacy(idOf(1));
    heir.standing([idOf(2), idOf(1)], { now: 0, wall: WALL });
    expect(heir.takeOutputs()).toEqual([]); // It has heard of none.
    const later = tokenOf({ term: WALL + 5_000, leader: idOf(2) });
    heir.heard(later, { now: 0, wall: WALL + 5_000 });
    heir.standing([idOf(0), idOf(1), idOf(2)], { now: 6_000, wall: WALL + 6_000 });
    heir.standing([idOf(0), idOf(1)], { now: 7_000, wall: WALL + 7_000 });
    expect(heir.takeOutputs()).toEqual([{ kind: "tell", to: idOf(0), token: later }]);
  });

  it("hears it from the one that led meanwhile, when it has noticed nothing and would go on with an older token", () => {
    const [early, late] = [new Candidacy(idOf(0)), new Candidacy(idOf(1))];
    early.standing([idOf(0), idOf(1)], { now: 0, wall: WALL });
    early.answered(idOf(1), { now: 0, wall: WALL });
    const outdone = early.token;
    // A split that the late one alone has noticed, and its end.
    late.standing([idOf(1)], { now: 0, wall: WALL + 5_000 });
    late.takeOutputs();
    late.standing([idOf(0), idOf(1)], { now: 6_000, wall: WALL + 6_000 });
    const told = late.takeOutputs().filter((output) => output.kind === "tell");
    expect(told).toEqual([{ kind: "tell", to: idOf(0), token: late.highest }]);
    early.heard(late.highest, { now: 6_000, wall: WALL + 6_000 });
    early.answered(idOf(1), { now: 6_000, wall: WALL + 6_000 });
    expect([outdone! < late.highest, early.token! > late.highest]).toEqual([true, true]);
  });
});

describe("a fence", () => {
  const token = (term: number, of = 0) => tokenOf({ term, leader: idOf(of) });

  it.each([
    ["the first", token(WALL), undefined, "admitted"],
    ["the same again", token(WALL), undefined, "admitted"],
    ["an older one", token(WALL - 1), undefined, "stale"],
    ["one of the same instant, of the higher id", token(WALL, 1), undefined, "admitted"],
    ["one of the same instant, of the lower id", token(WALL, 0), undefined, "stale"],
    ["another member's", token(WALL + 1), idOf(3), "foreign"],
    ["one of the far future", token(WALL + FENCE_AHEAD_MS + 1), undefined, "future"],
    ["no token", "0-1", undefined, "malformed"],
    ["nothing", undefined, undefined, "malformed"],
  ])(
    "%s is %j",
    (() => {
      const fence = new Fence({ now: () => WALL });
      return (_what: string, shown: unknown, from: string | undefined, verdict: string) =>
        expect(fence.admit(shown, from === undefined ? undefined : { id: from })).toBe(verdict);
    })(),
  );

  it("goes on from what it kept, and refuses to begin with what is no token", () => {
    expect(new Fence({ highest: token(WALL), now: () => WALL }).admit(token(WALL - 1))).toBe("stale");
    expect(() => new Fence({ highest: "12" })).toThrow(RangeError);
  });
});

describe("members", () => {
  it("elect one, two while they are parted, of whom a fence stops one, and one again", async () => {
    await using network = await startTestNetwork({ members: 3 });
    const fence = new Fence();
    const terms = new Map<Client, Leading>();
    const stand = (client: Client): Election =>
      elect(client, "report", { lead: (leading) => void terms.set(client, leading) });
    const elections = new Map(network.members.map((client) => [client, stand(client)]));
    const leading = () => [...terms].filter(([, { signal }]) => !signal.aborted).map(([client]) => client);
    /** The one that leads, once it is the one that all of them see: at first each that stands sees itself alone. */
    const leader = async (clients: readonly Client[]) => {
      const agreed = () => {
        const [one, ...more] = clients.filter((client) => leading().includes(client));
        const isSeen = clients.every((client) => elections.get(client)!.leader?.id === one?.id);
        return more.length === 0 && isSeen ? one : undefined;
      };
      await expect.poll(agreed, { timeout: 20_000 }).toBeDefined();
      return agreed()!;
    };
    const stood = () => [...elections.values()].every(({ candidates }) => candidates.length === 3);
    await expect.poll(stood, { timeout: 20_000 }).toBe(true);
    const first = await leader(network.members);
    const { token } = terms.get(first)!;
    expect(fence.admit(token, first)).toBe("admitted");

    network.partition([first]);
    const others = network.members.filter((client) => client !== first);
    const second = await leader(others);
    expect(leading().length).toBe(2); // A view is no lock.
    expect(fence.admit(terms.get(second)!.token, second)).toBe("admitted");
    expect(fence.admit(terms.get(first)!.token, first)).toBe("stale");

    network.heal();
    await network.whole();
    expect(await leader(network.members)).toBe(first);
    await expect.poll(() => terms.get(first)!.token > token, { timeout: 10_000 }).toBe(true);
    elections.get(first)!.outranked(fence.highest);
    await expect.poll(() => fence.admit(elections.get(first)!.token, first), { timeout: 10_000 }).toBe("admitted");
    await Promise.all([...elections.values()].map((election) => election.close()));
    expect(leading()).toEqual([]);
  });

  it("that may not stand do not lead, one whose work fails stands aside, and too few have no leader", async () => {
    await using network = await startTestNetwork({ members: 2 });
    const [a, b] = network.members as [Client, Client];
    const allow = ["member-1"];
    const mine = elect(a, "job", { allow, lead: () => {} });
    const theirs = elect(b, "job", { allow, lead: () => {} });
    await expect
      .poll(() => [mine.leader?.name, theirs.leader?.name], { timeout: 10_000 })
      .toEqual(["member-1", "member-1"]);
    expect([mine.token === undefined, theirs.token]).toEqual([false, undefined]);
    const asking = b.sendToId(a.id, new Uint8Array(), { service: "election/job" });
    await expect(asking).rejects.toMatchObject({ code: "not-a-candidate" });

    const errors: unknown[] = [];
    const failing = elect(a, "failing", {
      lead: () => Promise.reject("no disk"),
      onError: (error) => errors.push(error),
    });
    await expect.poll(() => errors, { timeout: 10_000 }).toEqual(["no disk"]);
    expect([failing.leader, failing.token]).toEqual([undefined, undefined]);

    const alone = elect(a, "many", { lead: () => {}, atLeast: 2 });
    await a.setMetadata({ nothing: 1 }); // Its view changes: still too few.
    expect([alone.leader, alone.token]).toEqual([undefined, undefined]);
    expect(() => elect(a, "many", { atLeast: 0 })).toThrow(RangeError);
    expect(() => elect(a, "a job")).toThrow(expect.objectContaining({ code: "name-invalid" }));
    expect(() => elect(a, "many", { lead: () => {} })).toThrow(expect.objectContaining({ code: "name-taken" }));
    await mine.close();
    await expect.poll(() => theirs.leader).toBe(undefined);
  });
});
