/** The feed of a member: what a reader is told, what is kept, and what each bound does. */
import { Writable } from "node:stream";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { HEARTBEAT_MS, writeEvents } from "../../cli/api/calls/feed-calls.js";
import { Feed, type Told } from "../../cli/api/feed/feed.js";
import { FIGURES_MS } from "../../cli/api/feed/figures.js";
import type { KeptEvent, MemberRecord, RecordingHead } from "../../cli/api/feed/form.js";
import { KEPT_MS, KeptEvents } from "../../cli/api/feed/kept.js";
import { apply, Positions } from "../../cli/api/feed/record.js";
import { plannedFor } from "../../cli/api/feed/snapshot.js";
import { sha256 } from "../../identity/keys/digest.js";
import { position } from "../../rings/index.js";
import { idOf } from "../support/fake-agent-client.js";
import { FeedClient } from "../support/feed-client.js";

let now = 1_000_000;
let client: FeedClient;
let feed: Feed;

beforeEach(() => {
  now = 1_000_000;
  client = new FeedClient();
  feed = new Feed(client, () => now);
});

/** A reader of events, one at a time. */
function reader(since?: number, figures = false) {
  const closing = new AbortController();
  const events = feed.follow({ since, figures, signal: closing.signal });
  return {
    next: async () => {
      const { value } = await events.next();
      return { ...(JSON.parse((value as Told).text) as Record<string, unknown>), id: (value as Told).sequence };
    },
    close: async () => {
      closing.abort();
      return (await events.next()).done;
    },
  };
}

describe("a source that throws", () => {
  it("is told to readers, who begin anew", async () => {
    const events = reader();
    const place = feed.snapshot().sequence;
    client.breaks(new Error("out of order"));
    const alarm = await events.next();
    const message = expect.stringContaining("out of order");
    expect(alarm).toMatchObject({ event: "alarm", code: "feed-failed", message, id: place + 1 });
    expect(await events.close()).toBe(true);
    const again = reader(alarm.id);
    expect(await again.next()).toMatchObject({ event: "gap" });
    client.joins("c", now, { name: "cleo" });
    expect(await again.next()).toMatchObject({ event: "history", name: "cleo" });
    await again.close();
  });
});

it("tells what happens when the clock was set back", async () => {
  const events = reader();
  now -= 3_600_000;
  client.joins("c", now, { name: "cleo" });
  expect(await events.next()).toMatchObject({ event: "history", name: "cleo" });
  await events.close();
});

describe("a snapshot", () => {
  it("has the members with their places on the rings, and the number of the last event", async () => {
    const { self, members, sequence, rings } = feed.snapshot();
    expect(self).toBe(idOf("f"));
    expect(members.map(({ name, state, path }) => [name, state, path])).toEqual([
      ["fay", "live", null],
      ["ann", "live", "relayed"],
      ["bob", "live", null],
    ]);
    const places = Buffer.from(members[1]!.positions, "base64");
    expect(places.length).toBe(2 * rings);
    expect([...places.subarray(4, 6)]).toEqual([...position(sha256, 3, idOf("a")).subarray(0, 2)]);
    const events = reader(sequence);
    client.joins("c", now, { name: "cleo" });
    expect(await events.next()).toMatchObject({ event: "history", kind: "joined", name: "cleo", id: sequence + 1 });
    expect(feed.snapshot().sequence).toBe(sequence + 1);
  });

  it("has those that went lately, and why", async () => {
    client.fails("b", now - 5);
    expect(feed.snapshot().members.at(-1)).toMatchObject({
      name: "bob",
      state: "failed",
      reason: "removed",
      gone: now - 5,
    });
    now += KEPT_MS;
    expect(feed.snapshot().members.map(({ name }) => name)).toEqual(["fay", "ann"]);
  });

  it.each([
    [7, 3],
    [13, 100],
    [21, 7_000],
  ])("%i rings are enough for some %i members with a tenth of liars", (rings, members) => {
    const { membersMax } = plannedFor(rings);
    expect(membersMax / members).toBeGreaterThan(0.5);
    expect(membersMax / members).toBeLessThan(2);
  });
});

describe("events", () => {
  it("go on where the reader was, over a break", async () => {
    const first = reader();
    const begin = feed.snapshot().sequence;
    client.joins("c", now);
    expect(await first.next()).toMatchObject({ kind: "joined", id: begin + 1 });
    expect(await first.close()).toBe(true);
    client.fails("c", now);
    feed.alarm({ code: "clock-stepped", message: "It did.", advice: "Look." });
    const again = reader(begin + 1);
    const seen = [await again.next(), await again.next()];
    expect(seen.map((each) => (each as { event?: unknown }).event).sort()).toEqual(["alarm", "history"]);
    expect(seen.map(({ id }) => id)).toEqual([begin + 2, begin + 3]);
  });

  it.each([
    ["of numbers that this agent has not given", () => 5, null],
    ["of a later life's numbers", (last: number) => last + 1, null],
  ])("tell of a gap after a resume %s, and go on", async (_, since, missed) => {
    const { sequence } = feed.snapshot();
    const events = reader(since(sequence));
    expect(await events.next()).toMatchObject({ event: "gap", missed, id: sequence });
    client.joins("c", now);
    expect(await events.next()).toMatchObject({ kind: "joined", id: sequence + 1 });
  });

  it("tell a slow reader how many it has missed, whatever it left unread", async () => {
    const { sequence } = feed.snapshot();
    const slow = reader(sequence);
    for (let count = 0; count < 5_000; count++) feed.alarm({ code: "clock-stepped", message: "", advice: "" });
    expect(await slow.next()).toMatchObject({ event: "gap", missed: 5_000, id: sequence + 5_000 });
  });

  it("have the whole record of who came or changed", async () => {
    const events = reader();
    feed.begin();
    client.joins("c", now, { metadata: { rack: 1 } });
    expect(await events.next()).toMatchObject({
      record: { id: idOf("c"), metadata: { rack: 1 }, state: "live", positions: new Positions(13).of(idOf("c")) },
    });
  });

  it("have paths, and what the member saw happen in the protocol", async () => {
    const events = reader();
    feed.begin();
    const bob = client.list[1]!;
    client.tell({
      kind: "path",
      member: bob,
      at: now,
      what: "came",
      path: { ...client.paths()[0]!, id: bob.id },
      before: undefined,
    });
    expect(await events.next()).toMatchObject({ event: "path", member: bob.id, path: "relayed", via: [bob.id] });
    client.sees({ kind: "accused", digits: "b", at: now, by: idOf("a"), ring: 3, epoch: "7" });
    expect(await events.next()).toMatchObject({
      event: "history",
      kind: "accused",
      by: idOf("a"),
      ring: 3,
      epoch: "7",
    });
  });

  it("begin anew when the member itself has missed some", async () => {
    const events = reader();
    feed.begin();
    const { sequence } = feed.snapshot();
    client.misses(40, now);
    expect(await events.next()).toMatchObject({ event: "gap", missed: 40, id: sequence + 40 });
    client.joins("c", now);
    expect(await events.next()).toMatchObject({ kind: "joined", id: sequence + 41 });
    expect(feed.recording().length).toBe(2);
  });

  it("end with the member", async () => {
    const events = feed.follow({ signal: new AbortController().signal });
    const last = events.next();
    client.ends();
    expect((await last).done).toBe(true);
  });
});

describe("figures", () => {
  it("are read while somebody looks, and by nobody else", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const read = vi.spyOn(client, "topics");
    feed.begin();
    vi.advanceTimersByTime(10 * FIGURES_MS);
    expect(read).not.toHaveBeenCalled();
    const events = reader(undefined, true);
    expect(await events.next()).toMatchObject({
      ...{ event: "figures", messagesIn: 0, bytesOut: 0, streams: 0, links: { relayed: 1 }, id: undefined },
    });
    client.published.push({ topic: "orders.eu", text: "", options: {} });
    now += 2_000;
    vi.advanceTimersByTime(FIGURES_MS);
    expect(await events.next()).toMatchObject({ topics: [{ topic: "orders.eu", backlog: 2, rate: 0.5 }] });
    for (let count = 0; count < 4; count++) {
      vi.advanceTimersByTime(FIGURES_MS);
      await events.next();
    }
    const kept = feed.recording().filter((line) => line.startsWith('{"event":"figures"'));
    expect(kept.length).toBe(2);
    await events.close();
    read.mockClear();
    vi.advanceTimersByTime(10 * FIGURES_MS);
    expect(read).not.toHaveBeenCalled();
  });
});

describe("a recording", () => {
  const head = (lines: readonly string[]) => (JSON.parse(lines[0]!) as RecordingHead).snapshot;
  const names = (members: readonly MemberRecord[]) =>
    members.filter(({ gone }) => gone === null).map(({ name }) => name);

  it("begins with the members as they were, and ends as they are", async () => {
    const events = reader();
    feed.begin();
    now += 1_000;
    client.joins("c", now, { name: "cleo" });
    await events.next();
    now += 1_000;
    client.fails("b", now);
    await events.next();
    const lines = feed.recording();
    expect(names(head(lines).members)).toEqual(["fay", "ann", "bob"]);
    const late = feed.recording(1_000);
    expect(names(head(late).members)).toEqual(["fay", "ann", "bob", "cleo"]);
    expect(late.length).toBe(2);
    const members = new Map(head(lines).members.map((record) => [record.id, record]));
    for (const line of lines.slice(1)) apply(members, JSON.parse(line) as KeptEvent);
    expect(names([...members.values()])).toEqual(["fay", "ann", "cleo"]);
    expect(members.get(idOf("b"))).toMatchObject({ state: "failed", reason: "removed", gone: now });
  });

  it("has the last hour, and no more", async () => {
    const events = reader();
    feed.begin();
    client.joins("c", now, { name: "cleo" });
    await events.next();
    now += KEPT_MS + 1;
    const lines = feed.recording();
    expect(lines.length).toBe(1);
    expect(names(head(lines).members)).toContain("cleo");
  });
});

describe("what is kept", () => {
  const joined = (digits: string, at: number, metadata: unknown = {}) => {
    const record = { id: idOf(digits), name: digits, state: "live", gone: null, metadata } as unknown as MemberRecord;
    return { event: "history", kind: "joined", at, member: record.id, record } as const;
  };

  it("is bounded by events", () => {
    const kept = new KeptEvents({ at: 0, members: [] });
    for (let count = 0; count < 30_000; count++)
      kept.add(joined((count % 100).toString(16).padStart(2, "0"), count), count);
    const { events, members } = kept.since(0, 30_000);
    expect(events.length).toBe(20_000);
    expect(members.length).toBe(100);
    expect(kept.after(kept.begin)?.sequence).toBe(kept.begin + 1);
    expect(kept.after(kept.begin - 1)).toBeUndefined();
  });

  it("is bounded by characters", () => {
    const kept = new KeptEvents({ at: 0, members: [] });
    const metadata = { text: "x".repeat(4_000) };
    for (let count = 0; count < 5_000; count++) kept.add(joined("a", count, metadata), count);
    const { events } = kept.since(0, 5_000);
    const characters = events.reduce((sum, { text }) => sum + text.length, 0);
    expect(characters).toBeLessThanOrEqual(8 * 1024 * 1024);
    expect(characters).toBeGreaterThan(7 * 1024 * 1024);
  });

  it("forgets whom nobody has seen for long", () => {
    const kept = new KeptEvents({ at: 0, members: [] });
    for (let count = 0; count < 3_000; count++) {
      const digits = count.toString(16).padStart(4, "0");
      kept.add(joined(digits, count), count);
      kept.add({ event: "history", kind: "left", at: count, member: idOf(digits) }, count);
    }
    const later = kept.since(10 * KEPT_MS, 10 * KEPT_MS);
    expect(later.members.length).toBe(1_024);
  });

  it("has numbers that rise over restarts of the agent", () => {
    const before = new KeptEvents({ at: 1_000, members: [] });
    for (let count = 0; count < 100; count++) before.add(joined("a", 1_000), 1_000);
    expect(new KeptEvents({ at: 1_001, members: [] }).last).toBeGreaterThan(before.last);
  });
});

describe("a connection of a reader", () => {
  const told = (text: string): Told => ({ event: "history", sequence: 7, text });

  it("has server-sent events, and a comment while there is nothing to say", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    let text = "";
    const raw = new Writable({
      write: (chunk, _, done) => {
        text += chunk;
        done();
      },
    });
    let go = () => {};
    const waits = new Promise<void>((resolve) => {
      go = resolve;
    });
    const done = writeEvents(
      raw as never,
      (async function* () {
        yield told("{}");
        await waits;
      })(),
    );
    await vi.waitFor(() => expect(text).toContain("data"));
    vi.advanceTimersByTime(2 * HEARTBEAT_MS);
    go();
    await done;
    expect(text).toBe("retry: 2000\n\nid: 7\nevent: history\ndata: {}\n\n:\n\n");
    expect(raw.writableEnded).toBe(true);
  });

  it("is cut when its reader takes nothing", async () => {
    const raw = new Writable({ highWaterMark: 10, write: () => {} });
    const endless = (async function* () {
      for (;;) yield told("x".repeat(100));
    })();
    await writeEvents(raw as never, endless, 20);
    expect(raw.destroyed).toBe(true);
  });
});

it("a record of a member has no more than what is known", () => {
  const { path, via, rttMs, certificateEnd, reason, gone } = feed.snapshot().members[2]!;
  expect({ path, via, rttMs, certificateEnd, reason, gone }).toEqual({
    ...{ path: null, via: [], rttMs: null, certificateEnd: null, reason: null, gone: null },
  });
});
