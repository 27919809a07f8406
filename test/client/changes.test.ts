/** The feed of changes: what each reader gets, and how reading ends. */
import { describe, expect, it } from "vitest";
import { ChangeFeed } from "../../client/program/changes.js";
import type { Change } from "../../client/types.js";

const CHANGES_MAX = 4096;
const change = (at: number): Change => ({ kind: "moved", addresses: [], at });
const range = (from: number, count: number) => Array.from({ length: count }, (_, index) => from + index);

async function all(changes: AsyncIterable<Change>): Promise<Change[]> {
  const read: Change[] = [];
  for await (const each of changes) read.push(each);
  return read;
}

describe("a reader", () => {
  it("gets the first ones, then what is published, until the feed closes", async () => {
    const feed = new ChangeFeed();
    const reader = feed.subscribe([change(1), change(2)]);
    feed.publish(change(3));
    feed.close();
    feed.publish(change(4));
    expect((await all(reader)).map(({ at }) => at)).toEqual([1, 2, 3]);
  });

  it("that waits gets each change in the order of asking", async () => {
    const feed = new ChangeFeed();
    const reader = feed.subscribe([]);
    const asked = [reader.next(), reader.next()];
    feed.publish(change(1));
    feed.publish(change(2));
    expect((await Promise.all(asked)).map(({ value }) => value.at)).toEqual([1, 2]);
  });

  it("has a queue of its own", async () => {
    const feed = new ChangeFeed();
    const [a, b] = [feed.subscribe([]), feed.subscribe([])];
    feed.publish(change(1));
    expect((await a.next()).value.at).toBe(1);
    expect((await b.next()).value.at).toBe(1);
  });

  it("is told after a gap how this member stands itself, in its turn", async () => {
    const feed = new ChangeFeed();
    const reader = feed.subscribe([]);
    feed.publish({ kind: "isolated", reason: "nobody", at: 0 });
    feed.publish({ kind: "back", reason: "nobody", at: 1 } as Change);
    for (const at of range(2, CHANGES_MAX)) feed.publish(change(at));
    feed.publish({ kind: "isolated", reason: "nobody", at: CHANGES_MAX + 2 });
    feed.close();
    const read = await all(reader);
    expect(read.slice(0, 3)).toMatchObject([{ kind: "dropped", count: 2 }, { kind: "back" }, { kind: "moved", at: 3 }]);
    expect([read.at(-1)?.kind, read.length]).toEqual(["isolated", CHANGES_MAX + 2]);
  });

  it("that is slower than the changes loses the oldest, and is told how many", async () => {
    const feed = new ChangeFeed();
    const reader = feed.subscribe([]);
    for (const at of range(0, CHANGES_MAX + 3)) feed.publish(change(at));
    feed.close();
    const read = await all(reader);
    expect(read[0]).toMatchObject({ kind: "dropped", count: 3 });
    expect(read.slice(1).map(({ at }) => at)).toEqual(range(3, CHANGES_MAX));
  });

  it("loses nothing at exactly the limit", async () => {
    const feed = new ChangeFeed();
    const reader = feed.subscribe([]);
    for (const at of range(0, CHANGES_MAX)) feed.publish(change(at));
    feed.close();
    expect((await all(reader)).map(({ at }) => at)).toEqual(range(0, CHANGES_MAX));
  });
});

describe("reading ends", () => {
  it("with the signal, while waiting and beforehand", async () => {
    const feed = new ChangeFeed();
    const abort = new AbortController();
    const waiting = all(feed.subscribe([], abort.signal));
    abort.abort();
    expect(await waiting).toEqual([]);
    expect((await all(feed.subscribe([change(1)], abort.signal))).length).toBe(1);
  });

  it("when the loop is left", async () => {
    const feed = new ChangeFeed();
    const reader = feed.subscribe([change(1), change(2)]);
    for await (const _ of reader) break;
    feed.publish(change(3));
    expect(await reader.next()).toEqual({ value: undefined, done: true });
  });

  it("for one who waits, when return() is called", async () => {
    const feed = new ChangeFeed();
    const reader = feed.subscribe([]);
    const waiting = reader.next();
    await reader.return?.();
    expect(await waiting).toEqual({ value: undefined, done: true });
  });

  it("without listeners left on a signal that goes on", async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on("warning", onWarning);
    const feed = new ChangeFeed();
    const { signal } = new AbortController();
    for (const at of range(0, 50)) {
      const reader = feed.subscribe([change(at)], signal);
      for await (const _ of reader) break;
    }
    const open = range(0, 50).map(() => feed.subscribe([], signal));
    await new Promise(setImmediate);
    process.off("warning", onWarning);
    expect(open.length).toBe(50);
    expect(warnings).toEqual([]);
  });
});
