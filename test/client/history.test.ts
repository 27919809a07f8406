/** The history of the protocol: what is kept of it and what is dropped first, how it is read, and what goes in. */
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { HistoryEvent, HistoryGap } from "../../client/history/event.js";
import { History } from "../../client/history/history.js";
import { EVENTS_MAX, EVENTS_PER_MEMBER_MAX, KEPT_MS, Shelf } from "../../client/history/shelf.js";
import { Witness } from "../../client/history/witness.js";
import { accusationBy, liarBefore, tell } from "../support/false-accuser.js";
import { nextChange, OfflineNetwork, type TestClient, whole } from "../support/network.js";

afterEach(() => {
  vi.restoreAllMocks();
});

const event = (sequence: number, member: string, more: Partial<HistoryEvent> = {}): HistoryEvent => ({
  ...{ sequence, at: sequence, kind: "updated", member },
  ...more,
});

describe("what is kept", () => {
  it("keeps a member's own story while one liar accuses it ten thousand times", () => {
    const shelf = new Shelf();
    shelf.add(event(1, "victim", { kind: "joined" }), 0);
    shelf.add(event(2, "victim", { kind: "accused", by: "monitor" }), 0);
    for (let n = 3; n < 10_000; n++) shelf.add(event(n, "victim", { kind: "accused", by: "liar" }), 0);
    shelf.add(event(10_000, "victim", { kind: "rebutted" }), 0);
    const kept = shelf.of("victim");
    expect(kept).toHaveLength(EVENTS_PER_MEMBER_MAX);
    expect(kept.filter(({ by }) => by !== "liar").map(({ sequence }) => sequence)).toEqual([1, 2, 10_000]);
    expect(kept.at(-2)?.sequence).toBe(9_999);
  });

  it("keeps all of those with few events when floods about many others fill it", () => {
    const shelf = new Shelf();
    let sequence = 0;
    for (const kind of ["joined", "accused", "rebutted"] as const) shelf.add(event(++sequence, "quiet", { kind }), 0);
    for (let n = 0; n < 2 * EVENTS_MAX; n++) shelf.add(event(++sequence, `m${n % 100}`), 0);
    expect(shelf.size).toBeLessThanOrEqual(EVENTS_MAX);
    expect(shelf.of("quiet").map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
  });

  it("keeps the latest when there are more members than events", () => {
    const shelf = new Shelf();
    for (let n = 1; n <= EVENTS_MAX + 10; n++) shelf.add(event(n, `m${n}`), 0);
    expect(shelf.size).toBeLessThanOrEqual(EVENTS_MAX);
    expect(shelf.get(EVENTS_MAX + 10)).toBeDefined();
    expect(shelf.get(1)).toBeUndefined();
  });

  it("forgets what is older than a day", () => {
    const shelf = new Shelf();
    shelf.add(event(1, "a", { at: 0 }), 0);
    shelf.add(event(2, "a", { at: 10 }), 10);
    shelf.expire(KEPT_MS + 5);
    expect(shelf.of("a").map(({ sequence }) => sequence)).toEqual([2]);
    shelf.expire(2 * KEPT_MS);
    expect(shelf.size).toBe(0);
  });

  it("forgets by age, however the wall clock is set", () => {
    let [wall, now] = [10 * KEPT_MS, 0];
    const history = new History({ wall: () => wall, now: () => now });
    const see = (member: string) => history.record({ kind: "joined", member: member as never });
    see("a");
    wall += 30 * KEPT_MS;
    see("b");
    wall = 0;
    see("c");
    expect(history.members()).toEqual(["a", "b", "c"]);
    now += KEPT_MS + 1;
    expect([history.of("a"), history.of("b"), history.of("c")]).toEqual([[], [], []]);
  });

  it("holds its bounds, and its two orders agree, whatever comes", () => {
    const kinds = ["accused", "missed", "rebutted"] as const;
    const one = fc.record({
      member: fc.integer({ min: 0, max: 3 }),
      kind: fc.constantFrom(...kinds),
      by: fc.integer({ min: 0, max: 2 }),
      times: fc.integer({ min: 1, max: 200 }),
    });
    fc.assert(
      fc.property(fc.array(one, { maxLength: 20 }), (runs) => {
        const shelf = new Shelf();
        let sequence = 0;
        for (const { member, kind, by, times } of runs)
          for (let n = 0; n < times; n++) shelf.add(event(++sequence, `m${member}`, { kind, by: `b${by}` }), 0);
        const mine = [0, 1, 2, 3].map((member) => shelf.of(`m${member}`));
        for (const kept of mine) expect(kept.length).toBeLessThanOrEqual(EVENTS_PER_MEMBER_MAX);
        expect(mine.flat().sort((a, b) => a.sequence - b.sequence)).toEqual([...shelf.all()]);
      }),
      { numRuns: 50 },
    );
  });
});

async function take(reader: AsyncIterator<HistoryEvent | HistoryGap>, count: number) {
  const read: (HistoryEvent | HistoryGap)[] = [];
  for (let n = 0; n < count; n++) read.push((await reader.next()).value);
  return read.map((each) => (each.kind === "dropped" ? { dropped: each.count } : each.sequence));
}

describe("a reader", () => {
  const filled = (count: number, member = "a") => {
    const history = new History({ wall: () => 0, now: () => 0 });
    for (let n = 0; n < count; n++) history.record({ kind: "updated", member });
    return history;
  };

  it("gets what is kept, then what comes, until the signal fires", async () => {
    const history = filled(2);
    const ending = new AbortController();
    const reader = history.read({ signal: ending.signal });
    expect(await take(reader, 2)).toEqual([1, 2]);
    const next = reader.next();
    history.record({ kind: "left", member: "a" });
    expect((await next).value).toMatchObject({ sequence: 3, kind: "left" });
    const last = reader.next();
    ending.abort();
    expect((await last).done).toBe(true);
    history.record({ kind: "left", member: "a" });
    expect((await reader.next()).done).toBe(true);
  });

  it("goes on after the event that it read last", async () => {
    expect(await take(filled(5).read({ since: 3 }), 2)).toEqual([4, 5]);
  });

  it("with a number that this life has not reached waits for the next event", async () => {
    const history = filled(2);
    const next = history.read({ since: 900 }).next();
    history.record({ kind: "left", member: "a" });
    expect((await next).value).toMatchObject({ sequence: 3 });
  });

  it("is told once how many are missing, and then gets the rest", async () => {
    const history = filled(EVENTS_PER_MEMBER_MAX + 10);
    expect(await take(history.read({ since: 4 }), 2)).toEqual([{ dropped: 6 }, 11]);
    expect(await take(history.read({}), 1)).toEqual([11]);
  });

  it("that does not read is no burden, and misses what was dropped meanwhile", async () => {
    const history = filled(1);
    const reader = history.read({});
    expect(await take(reader, 1)).toEqual([1]);
    for (let n = 0; n < 1000; n++) history.record({ kind: "updated", member: "a" });
    expect(await take(reader, 2)).toEqual([{ dropped: 1000 - EVENTS_PER_MEMBER_MAX }, 1002 - EVENTS_PER_MEMBER_MAX]);
  });

  it("is told of those that were there, and went before it came to them", async () => {
    const history = filled(5);
    const reader = history.read({});
    expect(await take(reader, 1)).toEqual([1]);
    for (let n = 0; n < 1000; n++) history.record({ kind: "updated", member: "a" });
    const first = 1006 - EVENTS_PER_MEMBER_MAX;
    const got = await take(reader, 3);
    expect(got.at(-1)).toBe(first);
    const dropped = got.map((each) => (typeof each === "object" ? (each as { dropped: number }).dropped : 0));
    expect(dropped.reduce((sum, count) => sum + count, 0)).toBe(first - 2);
  });

  it.each([Number.NaN, -1, Number.NEGATIVE_INFINITY, 1.5])("refuses to begin after %s", (since) => {
    expect(() => filled(2).read({ since })).toThrow(RangeError);
  });

  it("ends when the history closes, after the last event, and when its loop ends", async () => {
    const history = filled(1);
    const [one, other] = [history.read({}), history.read({})];
    for await (const _ of other) break;
    history.close();
    expect(await take(one, 1)).toEqual([1]);
    expect((await one.next()).done).toBe(true);
    expect((await other.next()).done).toBe(true);
  });
});

describe("what goes in", () => {
  function witnessed() {
    const seen: object[] = [];
    const witness = new Witness({
      record: (each) => seen.push(each),
      keep: () => {},
      ...{
        self: () => "me" as never,
        nameOf: (id) => `name of ${id}`,
        inspect: () => undefined,
        pathTo: () => undefined,
      },
    });
    return { seen, witness };
  }

  it.each([
    ["accusation", "signature", true],
    ["statement", "malformed", true],
    ["accusation", "not-near", true],
    ["note", "duplicate", false],
    ["packet", "busy", false],
    ["call", "whatever a partner says", false],
  ])("a rejected %s (%s): %s", (what, reason, isKept) => {
    const { seen, witness } = witnessed();
    witness.told.rejected?.({ kind: "rejected", from: "x" as never, what, reason });
    expect(seen).toEqual(
      isKept ? [expect.objectContaining({ kind: "rejected", member: "x", reason: `${what}: ${reason}` })] : [],
    );
  });

  it("cuts others' words to their bound", () => {
    const { seen, witness } = witnessed();
    witness.told.rejected?.({ kind: "rejected", from: "x" as never, what: "packet", reason: "x".repeat(10_000) });
    expect(JSON.stringify(seen).length).toBeLessThan(400);
  });

  it("a lie and its end, at the judge and at the accused, with real keys", async () => {
    await using network = await OfflineNetwork.create();
    const [accused, judge] = (await network.startMany(2)) as [TestClient, TestClient];
    const { identity, ring } = await liarBefore(network, accused, judge);
    const liar = await network.start({ entryAddrs: [accused.address] }, identity);
    await whole([accused, judge, liar]);
    const epoch = String(accused.info().epoch);
    const answered = nextChange(judge, "rebutted", accused.id);
    const before = (await all(judge)).at(-1)?.sequence ?? 0;
    await tell(identity, judge, accusationBy(identity, accused, ring));
    await answered;
    const story = (await all(judge, before)).filter(({ member }) => member === accused.id);
    expect(story.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(["accused", "suspected", "summoned", "rebutted"]),
    );
    const of = (kind: string) => story.find((each) => each.kind === kind);
    expect(of("accused")).toMatchObject({ by: liar.id, from: liar.id, ring, epoch });
    expect(of("suspected")).toMatchObject({ by: liar.id, ring, epoch });
    expect(of("rebutted")).toMatchObject({ epoch: String(accused.info().epoch) });
    expect(story.filter(({ kind }) => kind === "rebutted")).toHaveLength(1);
    const mine = (await all(accused)).filter(({ member }) => member === accused.id);
    expect(mine.map(({ kind }) => kind)).toEqual(expect.arrayContaining(["summoned", "rebutted"]));
    expect(mine.find(({ kind }) => kind === "summoned")).toMatchObject({ by: judge.id, ring, epoch });
  });
});

/** All that is kept now. */
async function all(client: TestClient, since?: number): Promise<HistoryEvent[]> {
  const ending = new AbortController();
  const read: HistoryEvent[] = [];
  const reader = client.history({ since, signal: ending.signal });
  ending.abort();
  for await (const each of reader) if (each.kind !== "dropped") read.push(each);
  return read;
}
