/** What is durable of topics, on disk: written before it counts, in one file of mode 0600, and nothing given up when the disk is full. */
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { STORE_FILE, type StoreFile, TopicsStore, type TopicsStoreOptions } from "../../../client/topics/store.js";
import type { FirefliesError } from "../../../identity/index.js";
import { ByteReader, parseMemberId } from "../../../rings/index.js";
import { type Batch, LogReader, nameLog } from "../../../topics/index.js";
import { sha256 } from "../../support/gossip/authority.js";
import { SmallDisk } from "../../support/small-disk.js";

const publisher = parseMemberId("ab".repeat(32))!;
const log = (topic: string, life = 7n) => nameLog({ publisher, life, topic }, sha256);
const batch = (topic: string, first: number, bytes = 10): Batch =>
  ({ log: log(topic), first, last: first + 1, count: 2, bytes: new Uint8Array(bytes).fill(first) }) as unknown as Batch;

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ff-topics-"));
  path = join(directory, STORE_FILE);
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function storeAt(at = path, more: Partial<TopicsStoreOptions> = {}) {
  const stored: string[] = [];
  const failed: FirefliesError[] = [];
  const alarms: string[] = [];
  const logs = new LogReader(sha256, 16);
  const store = new TopicsStore({
    path: at,
    wall: () => 1_000,
    stored: ({ topic }, through) => stored.push(`${topic} ${through}`),
    failed: (batches, error) => failed.push(...batches.map(() => error)),
    onAlarm: ({ code }) => alarms.push(code),
    logOf: (id) => logs.read(new ByteReader(id)),
    ...more,
  });
  return { store, stored, failed, alarms };
}

describe("the store of topics", () => {
  it("is no file while nothing is durable, and then one that its user alone reads", async () => {
    const { store, stored } = storeAt();
    expect(await store.resume()).toEqual([]);
    expect(existsSync(path)).toBe(false);
    store.store(batch("a", 1));
    store.store(batch("a", 3));
    expect(stored).toEqual([]);
    await store.flushed();
    expect(stored).toEqual(["a 2", "a 4"]);
    for (const file of [path, `${path}-wal`]) expect(statSync(file).mode & 0o777).toBe(0o600);
    await store.close();
  });

  it("gives the next life what nobody has forgotten, each log in order", async () => {
    const first = storeAt().store;
    for (const each of [batch("b", 1), batch("a", 3), batch("a", 1), batch("a", 5)]) first.store(each);
    first.forget(log("a"), 2);
    await first.close();
    const second = storeAt().store;
    const bytes = (await second.resume()).map((each) => each[0]);
    expect(bytes.filter((byte) => byte !== 1)).toEqual([3, 5]);
    expect(bytes).toHaveLength(3);
    second.forget(log("a"), 6);
    second.forget(log("b"), 2);
    await second.close();
    expect(await storeAt().store.resume()).toEqual([]);
  });

  it("keeps places by name, the last of each log, and knows who was there before", async () => {
    const first = storeAt().store;
    expect(await first.begin("billing")).toEqual({ isResumed: false, places: [], lastAt: 1_000 });
    first.place("billing", { log: log("a"), through: 3, above: [5, 9] });
    first.place("billing", { log: log("a"), through: 4, above: [9] });
    first.place("billing", { log: log("b", 8n), through: 1, above: [] });
    first.place("audit", { log: log("a"), through: 70, above: [] });
    await first.close();
    const { isResumed, places, lastAt } = await storeAt(path, { wall: () => 2_000 }).store.begin("billing");
    expect([isResumed, lastAt]).toEqual([true, 1_000]);
    expect(places.map(({ log: { topic, life }, through, above }) => [topic, life, through, above]).sort()).toEqual([
      ["a", 7n, 4, [9]],
      ["b", 8n, 1, []],
    ]);
  });

  it("forgets places of logs that are long gone", async () => {
    const first = storeAt().store;
    await first.begin("billing");
    first.place("billing", { log: log("a"), through: 3, above: [] });
    await first.close();
    const later = storeAt(path, { wall: () => 1_000 + 49 * 3600_000 }).store;
    await later.resume();
    expect((await later.begin("billing")).places).toEqual([]);
    await later.close();
  });

  it("says so when the file is no database, and leaves it as it is", async () => {
    writeFileSync(path, "no database, but long enough to be taken for one".repeat(100));
    const { store, failed, alarms } = storeAt();
    await expect(store.resume()).rejects.toMatchObject({ code: "topics-store-failed" });
    await expect(store.begin("billing")).rejects.toMatchObject({ code: "topics-store-failed" });
    store.store(batch("a", 1));
    await store.flushed();
    expect([failed.map(({ code }) => code), alarms]).toEqual([["topics-store-failed"], ["topics-store-failed"]]);
    await store.close();
  });

  it("tries again what the disk refused, tells who waits at once, and raises one alarm", async () => {
    let isFull = true;
    const rows: unknown[] = [];
    const file: StoreFile = {
      all: () => [],
      run: (_, ...values) => rows.push(values),
      transaction: (work) => {
        if (isFull) throw Object.assign(new Error("database or disk is full"), { code: "SQLITE_FULL" });
        return work();
      },
      close: () => {},
    };
    const { store, stored, failed, alarms } = storeAt(path, { open: async () => file });
    store.store(batch("a", 1));
    await store.flushed();
    store.store(batch("a", 3));
    await store.flushed();
    expect([failed.length, alarms, stored]).toEqual([3, ["topics-store-failed"], []]);
    expect(failed[0]!.message).toContain("disk is full");
    isFull = false;
    await store.flushed();
    expect(stored).toEqual(["a 2", "a 4"]);
    await store.close();
  });

  it.skipIf(!SmallDisk.isPossible)("on a full disk loses nothing (needs root)", async () => {
    using disk = new SmallDisk();
    const { store, stored, failed, alarms } = storeAt(join(disk.path, STORE_FILE));
    store.store(batch("a", 1));
    await store.flushed();
    disk.fill();
    store.store(batch("a", 3, 300_000));
    await store.flushed();
    expect([stored, failed.length > 0, alarms]).toEqual([["a 2"], true, ["topics-store-failed"]]);
    disk.free();
    await store.flushed();
    expect(stored).toEqual(["a 2", "a 4"]);
    await store.close();
    const next = storeAt(join(disk.path, STORE_FILE)).store;
    expect(await next.resume()).toHaveLength(2);
    await next.close();
  });
});
