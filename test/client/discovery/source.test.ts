/** How one source is asked, for ever, on a virtual clock: pauses, failures and what is told of them, floods and hangs. */
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { contact } from "../../../client/config/values.js";
import type { Discovery } from "../../../client/discovery/discovery.js";
import { pauseOf, Source } from "../../../client/discovery/source.js";
import { chosen } from "../../../client/entry/contacts.js";
import { FirefliesError } from "../../../identity/index.js";
import { deferred } from "../../support/network.js";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
});
afterEach(() => {
  vi.useRealTimers();
});

async function settled(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await new Promise(setImmediate);
}

async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
  await settled();
}

/** A source that the test answers for. */
class Scene {
  readonly asked: number[] = [];
  readonly alarms: FirefliesError[] = [];
  readonly taken: { readonly entries: readonly string[]; readonly fresh: readonly string[] }[] = [];
  answer: () => Promise<unknown> = async () => ["192.0.2.1:7"];
  members = 1;
  changed: () => void = () => {};
  ended = 0;
  readonly source: Source;

  constructor(change: Partial<Discovery> = {}) {
    const begun = performance.now();
    const discovery: Discovery = {
      name: "dns:members.example:7",
      contacts: async () => {
        this.asked.push(performance.now() - begun);
        return (await this.answer()) as string[];
      },
      onChange: (listener) => {
        this.changed = listener;
      },
      ...change,
    };
    this.source = new Source({
      discovery,
      check: (entry) => {
        const parsed = contact(entry, "program");
        return parsed.ok ? { ok: true, entry: parsed.value } : parsed;
      },
      isMine: (entry) => entry === "192.0.2.99:7",
      members: () => this.members,
      take: (entries, fresh) => this.taken.push({ entries, fresh: [...fresh] }),
      onEnded: () => {
        this.ended += 1;
      },
      onAlarm: (alarm) => this.alarms.push(alarm),
      now: () => performance.now(),
      wall: () => 5,
      random: () => 0.5,
    });
  }

  async start(): Promise<this> {
    this.source.start();
    await settled();
    return this;
  }

  get codes(): string[] {
    return this.alarms.map(({ code }) => code);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.source.stop();
  }
}

describe("a source", () => {
  it("is asked at once, and again for ever", async () => {
    await using scene = await new Scene().start();
    expect(scene.asked).toEqual([0]);
    for (let step = 0; step < 100; step++) await pass(1_000);
    expect(scene.asked).toEqual([0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100].map((second) => second * 1_000));
    expect([scene.codes, scene.source.info.contacts, scene.source.info.answeredAt]).toEqual([[], 1, 5]);
  });

  it("is asked the more rarely the more members ask, within limits, and never by all at once", () => {
    expect([1, 10, 100, 1_000].map((members) => pauseOf(members, 0.5))).toEqual([10_000, 10_000, 100_000, 300_000]);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100_000 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (members, chance) => {
          const pause = pauseOf(members, chance);
          expect(pause >= 5_000 && pause <= 450_000).toBe(true);
        },
      ),
    );
  });

  it("that fails is told of once, asked again after growing pauses, and told of when it is back", async () => {
    await using scene = new Scene();
    scene.answer = async () => {
      throw new FirefliesError("discovery-failed", "the DNS servers did not answer.", { advice: "Look at them." });
    };
    await scene.start();
    for (let second = 0; second < 200; second++) await pass(1_000);
    const pauses = scene.asked.slice(1).map((at, index) => at - (scene.asked[index] ?? 0));
    expect(pauses.slice(0, 8)).toEqual([1_000, 1_500, 3_000, 6_000, 12_000, 24_000, 45_000, 45_000]);
    expect(scene.codes).toEqual(["discovery-failed"]);
    expect(scene.alarms[0]?.message).toBe(
      "The source dns:members.example:7 named no contacts: the DNS servers did not answer. It is asked again, after growing pauses.",
    );
    expect(scene.alarms[0]?.advice).toBe("Look at them.");
    expect(scene.source.info.error).toContain("did not answer");
    scene.answer = async () => ["192.0.2.1:7", "192.0.2.2:7"];
    for (let second = 0; second < 60; second++) await pass(1_000);
    expect(scene.codes).toEqual(["discovery-failed", "discovery-restored"]);
    expect(scene.alarms[1]?.message).toContain("2 contacts");
    expect(scene.source.info.error).toBeUndefined();
  });

  it("that hangs is given up after ten seconds, and not asked anew before its call has ended", async () => {
    await using scene = new Scene();
    const hung = deferred();
    scene.answer = () => hung.promise;
    await scene.start();
    await pass(9_999);
    expect(scene.codes).toEqual([]);
    await pass(1);
    expect([scene.codes, scene.ended]).toEqual([["discovery-failed"], 1]);
    for (let second = 0; second < 120; second++) await pass(1_000);
    expect(scene.asked).toHaveLength(1);
    scene.answer = async () => [];
    hung.resolve();
    await settled();
    await pass(1_000);
    expect([scene.asked.length, scene.codes]).toEqual([2, ["discovery-failed", "discovery-restored"]]);
  });

  it.each<[what: string, answer: () => Promise<unknown>]>([
    ["no list", async () => "192.0.2.1:7"],
    ["nothing", async () => undefined],
    ["a word that is thrown", () => Promise.reject("enough")],
  ])("that gives %s has failed", async (_, answer) => {
    await using scene = new Scene();
    scene.answer = answer;
    await scene.start();
    expect([scene.codes, scene.taken]).toEqual([["discovery-failed"], []]);
  });

  it("is told of once when it answers worse than it could, and when that is over", async () => {
    let trouble: string | undefined = "nobody may watch it.";
    await using scene = await new Scene({ trouble: () => trouble }).start();
    await pass(10_000);
    expect(scene.alarms.map(({ code, message }) => [code, message])).toEqual([
      ["discovery-degraded", "The source dns:members.example:7 answers, but nobody may watch it."],
    ]);
    trouble = undefined;
    await pass(10_000);
    expect(scene.codes).toEqual(["discovery-degraded", "discovery-restored"]);
    expect(scene.source.info).toMatchObject({ contacts: 1, failures: 0 });
  });

  it("that names what is no address is told of once; the rest is used", async () => {
    await using scene = new Scene();
    const long = `${"a".repeat(10_000)}:7`;
    scene.answer = async () => ["192.0.2.1:7", "192.0.2.99:7", "nobody", 5, long, "192.0.2.1:7", "udx://192.0.2.2:7"];
    await scene.start();
    await pass(10_000);
    expect(scene.taken[0]?.entries).toEqual(["192.0.2.1:7", "udx://192.0.2.2:7"]);
    expect(scene.codes).toEqual(["discovery-invalid"]);
    expect(scene.alarms[0]?.message).toContain('"nobody" must be "host:port"');
    expect(scene.alarms[0]?.message.length).toBeLessThan(1_200);
    scene.answer = async () => [];
    await pass(10_000);
    scene.answer = async () => ["nobody"];
    await pass(10_000);
    expect(scene.codes).toEqual(["discovery-invalid", "discovery-invalid"]);
  });

  it("that names thousands fills 64 places, the first ones, and says what is new", async () => {
    await using scene = new Scene();
    const many = Array.from({ length: 5_000 }, (_, index) => `198.18.${index >> 8}.${index & 255}:7`);
    scene.answer = async () => many;
    await scene.start();
    scene.answer = async () => [...many.slice(0, 10), "192.0.2.1:7"];
    await pass(10_000);
    expect(scene.taken.map(({ entries, fresh }) => [entries.length, fresh.length])).toEqual([
      [64, 64],
      [11, 1],
    ]);
    expect(scene.taken[0]?.entries).toEqual(many.slice(0, 64));
  });

  it("that changes is asked within a second, however often it says so; and so is it while the member is alone", async () => {
    await using scene = await new Scene().start();
    await pass(100);
    for (let count = 0; count < 1_000; count++) scene.changed();
    await pass(900);
    expect(scene.asked).toEqual([0, 1_000]);
    await pass(5_000);
    scene.source.hurry();
    await pass(0);
    expect(scene.asked).toEqual([0, 1_000, 6_000]);
  });

  it("that changes while it is asked is asked once more", async () => {
    await using scene = new Scene();
    const slow = deferred();
    scene.answer = () => slow.promise.then(() => []);
    await scene.start();
    await pass(2_000);
    scene.changed();
    scene.changed();
    slow.resolve();
    await settled();
    await pass(0);
    expect(scene.asked).toEqual([0, 2_000]);
  });

  it("ends with its timers, closes, and is not waited for when it does not", async () => {
    let closed = 0;
    const scene = await new Scene({
      close: () => {
        closed += 1;
        return new Promise<void>(() => {});
      },
    }).start();
    const stopped = scene.source.stop();
    await pass(1_000);
    await stopped;
    await scene.source.stop();
    expect([closed, vi.getTimerCount()]).toEqual([1, 0]);
    scene.changed();
    scene.source.hurry();
    await pass(60_000);
    expect(scene.asked).toHaveLength(1);
  });

  it("that throws where it registers its listener is asked all the same", async () => {
    const onChange = () => {
      throw new Error("no listeners here");
    };
    await using scene = await new Scene({ onChange }).start();
    expect([scene.asked.length, scene.codes]).toEqual([1, ["discovery-failed", "discovery-restored"]]);
  });
});

describe("what a source names", () => {
  const entries = Array.from({ length: 40 }, (_, index) => `192.0.2.${index}:7`);
  const isLive = ({ addresses: [address] }: { addresses: readonly string[] }) => address === "192.0.2.0:7";

  it("is all asked while the member is alone", () => {
    const { recipients, urgent } = chosen(entries, new Set(entries), { isAlone: true, isLive });
    expect([recipients.length, urgent]).toEqual([40, []]);
  });

  it("costs three dials and sixteen places when others are there, and none for those that are there", () => {
    const { recipients, urgent } = chosen(entries, new Set(entries.slice(0, 5)), { isAlone: false, isLive });
    expect(recipients.map(({ addresses }) => addresses[0])).toEqual(entries.slice(1, 17));
    expect(urgent.map(({ addresses }) => addresses[0])).toEqual(entries.slice(1, 4));
    expect(chosen(entries, new Set(), { isAlone: false, isLive }).urgent).toEqual([]);
  });
});
