/** A member that sees nobody: whom it asks, how often, and what it says. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Contact } from "../../client/authority/authority.js";
import type { DiscoveryInfo } from "../../client/discovery/discovery.js";
import { Company } from "../../client/entry/company.js";
import { Entry, type EntryOptions } from "../../client/entry/entry.js";
import { FirefliesError } from "../../identity/index.js";
import { deferred } from "../support/network.js";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Virtual milliseconds go by, and what follows at once. */
async function pass(ms: number): Promise<void> {
  vi.advanceTimersByTime(ms);
  await settled();
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
}

describe("company", () => {
  it("is looked for while alone, ever more rarely, and again within a second after it was lost", async () => {
    let isAlone = true;
    let asked = 0;
    const find = async () => {
      asked += 1;
    };
    const company = new Company({ isAlone: () => isAlone, find, random: () => 1 });
    await pass(999);
    expect(asked).toBe(0);
    for (const [index, pause] of [1, 400, 800, 1600, 3200, 6400, 12_800, 15_000, 15_000].entries()) {
      await pass(pause - 1);
      expect(asked).toBe(index);
      await pass(1);
      expect(asked).toBe(index + 1);
    }
    isAlone = false;
    for (let second = 0; second < 30; second++) await pass(1000);
    expect(asked).toBe(9);
    isAlone = true;
    await pass(1000);
    expect(asked).toBe(10);
    company.stop();
    await pass(600_000);
    expect(asked).toBe(10);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is looked for at once when the first contacts have failed", async () => {
    let asked = 0;
    const find = async () => {
      asked += 1;
    };
    const company = new Company({ isAlone: () => true, find, random: () => 0 });
    company.hurry();
    await pass(100);
    expect(asked).toBe(1);
    company.stop();
  });

  it("is no longer asked for after stop(), also when the asking was under way", async () => {
    const found = deferred();
    let signal: AbortSignal | undefined;
    const find = (given: AbortSignal) => {
      signal = given;
      return found.promise;
    };
    const company = new Company({ isAlone: () => true, find, random: () => 1 });
    vi.advanceTimersByTime(1000);
    expect(signal?.aborted).toBe(false);
    company.stop();
    expect(signal?.aborted).toBe(true);
    found.resolve();
    await settled();
    expect(vi.getTimerCount()).toBe(0);
  });
});

const NOTHING = { savedMark: 0n, statements: [], isLost: false };
const away = new FirefliesError("authority-unreachable");

function fakeSources(scene: { hurried: number; promising: boolean; infos: readonly DiscoveryInfo[] }) {
  return {
    start: () => {},
    stop: async () => {},
    hurry: () => {
      scene.hurried += 1;
    },
    get infos() {
      return scene.infos;
    },
    get isPromising() {
      return scene.promising;
    },
  };
}

/** An entry among parts that the test moves: the machine, and the authority's answers in turn, the last one again and again. */
class Scene {
  readonly alarms: FirefliesError[] = [];
  readonly met: number[] = [];
  readonly contacted: string[] = [];
  asked = 0;
  others: unknown[] = [];
  started: readonly unknown[] | undefined;
  readonly entry: Entry;
  /** Of sources; `hurried` counts how often they were hurried. */
  hurried = 0;
  promising = false;
  infos: readonly DiscoveryInfo[] = [];
  readonly sources: EntryOptions["sources"] = fakeSources(this);
  /** "waiting", "started" or "cancelled". */
  state = "waiting";

  constructor(answers: readonly (number | FirefliesError)[], options: Partial<EntryOptions> = {}) {
    const { machine, member } = this.#member();
    const contacts = async () => {
      const answer = answers[Math.min(this.asked++, answers.length - 1)]!;
      if (answer instanceof FirefliesError) throw answer;
      return Array<Contact>(answer).fill({} as Contact);
    };
    this.entry = new Entry({
      member: Object.assign(member, { machine }) as unknown as EntryOptions["member"],
      reports: { contacts } as unknown as EntryOptions["reports"],
      sources: this.sources,
      hasAuthority: true,
      entryAddrs: [],
      ending: new AbortController().signal,
      onStarted: () => {},
      onContacts: () => {},
      onAlarm: (alarm) => this.alarms.push(alarm),
      ...options,
    });
  }

  #member() {
    const machine = { members: () => this.others, addContacts: () => {} };
    const member = {
      id: "00",
      start: (_: unknown, contacts: readonly unknown[]) => {
        this.started = contacts;
        member.isInMotion = true;
      },
      meet: (contacts: readonly unknown[]) => this.met.push(contacts.length),
      contact: (contacts: readonly { readonly addresses: readonly string[] }[]) => {
        this.contacted.push(...contacts.flatMap(({ addresses }) => addresses));
      },
      isLive: () => false,
      isInMotion: false,
    };
    return { machine, member };
  }

  async join(memory = NOTHING, signal = new AbortController().signal): Promise<this> {
    void this.entry.join(memory, signal).then(
      () => {
        this.state = "started";
      },
      () => {
        this.state = "cancelled";
      },
    );
    await settled();
    return this;
  }

  async ready(): Promise<void> {
    this.entry.ready();
    await settled();
  }

  async comes(): Promise<void> {
    this.others = [{}];
    this.entry.joined();
    await settled();
  }

  get codes(): string[] {
    return this.alarms.map(({ code }) => code);
  }

  [Symbol.dispose](): void {
    void this.entry.stop();
  }
}

describe("a start", () => {
  it("ends when the member is in", async () => {
    using scene = await new Scene([2]).join();
    expect(scene.started?.length).toBe(2);
    await scene.comes();
    expect(scene.state).toBe("waiting");
    await scene.ready();
    expect([scene.state, scene.codes]).toEqual(["started", []]);
    await pass(60_000);
    expect(scene.asked).toBe(1);
  });

  it("of the first member ends at once, without an alarm: the authority knows of nobody", async () => {
    using scene = await new Scene([0]).join();
    await scene.ready();
    expect([scene.state, scene.codes]).toEqual(["started", []]);
  });

  it("whose contacts are all dead asks the authority again at once, and ends when somebody is there", async () => {
    using scene = await new Scene([2, 3]).join();
    await scene.ready();
    expect(scene.state).toBe("waiting");
    await pass(200);
    expect([scene.asked, scene.met]).toEqual([2, [3]]);
    await scene.ready();
    await scene.comes();
    expect([scene.state, scene.codes]).toEqual(["started", []]);
  });

  it("whose contacts do not answer asks again while they are waited for", async () => {
    using scene = await new Scene([2, 3]).join();
    await pass(1000);
    expect(scene.met).toEqual([3]);
  });

  it("ends after five seconds with an alarm when nobody answers, and the search goes on", async () => {
    using scene = await new Scene([2]).join();
    await scene.ready();
    await pass(4_900);
    expect(scene.state).toBe("waiting");
    await pass(100);
    expect([scene.state, scene.codes]).toEqual(["started", ["alone"]]);
    expect(scene.alarms[0]?.message).toContain("none of the 2 members that the authority named answered");
    const { asked } = scene;
    for (let second = 0; second < 20; second++) await pass(1_000);
    expect(scene.asked).toBeGreaterThan(asked);
  });

  it("says of a single member that did not answer that it is one", async () => {
    using scene = await new Scene([1]).join();
    await scene.ready();
    await pass(5_000);
    expect(scene.alarms[0]?.message).toContain(": the member that the authority named did not answer. ");
  });

  it("says why it is alone: an authority that is away, once, entry_addrs, members of before", async () => {
    using scene = await new Scene([away], { entryAddrs: ["h:1"] }).join();
    await scene.ready();
    for (let second = 0; second < 6; second++) await pass(1_000);
    expect([scene.state, scene.codes]).toEqual(["started", ["authority-unreachable", "alone"]]);
    const { message } = scene.alarms[1]!;
    expect(message).toContain("authority-unreachable");
    expect(message).toContain("none of entry_addrs answered (h:1)");
  });

  it("without an authority does not wait for anything that could come", async () => {
    using dead = await new Scene([0], { hasAuthority: false, entryAddrs: ["h:1"] }).join();
    await dead.ready();
    expect([dead.state, dead.codes]).toEqual(["started", ["alone"]]);
    using first = await new Scene([0], { hasAuthority: false }).join();
    await first.ready();
    expect([first.state, first.codes]).toEqual(["started", []]);
  });

  it("says so when the members of before are lost and there is no other way in", async () => {
    using lost = await new Scene([0], { hasAuthority: false }).join({ ...NOTHING, isLost: true });
    await lost.ready();
    expect(lost.codes).toEqual(["alone"]);
    expect(lost.alarms[0]?.message).toContain("lost with the file members");
    expect(lost.alarms[0]?.advice).toContain("--entry");
    using found = await new Scene([1]).join({ ...NOTHING, isLost: true });
    await found.comes();
    await found.ready();
    expect(found.codes).toEqual([]);
  });

  it("is cancelled by its signal, and leaves no timer", async () => {
    const abort = new AbortController();
    const scene = await new Scene([1]).join(NOTHING, abort.signal);
    abort.abort();
    await settled();
    expect(scene.state).toBe("cancelled");
    await scene.entry.stop();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("a start with sources", () => {
  const silent: DiscoveryInfo = {
    source: "dns:a.example:7",
    contacts: 0,
    answeredAt: undefined,
    error: undefined,
    failures: 0,
  };

  it("is held up by none of them for more than five seconds, and says what each has said", async () => {
    using scene = new Scene([0]);
    scene.promising = true;
    const named = { ...silent, source: "srv:_f._tcp.b", contacts: 2, answeredAt: 1 };
    scene.infos = [silent, named, { ...silent, source: "file:/c", error: "it is not there." }];
    await scene.join();
    await scene.ready();
    await pass(4_900);
    expect(scene.state).toBe("waiting");
    await pass(100);
    expect([scene.state, scene.codes]).toEqual(["started", ["alone"]]);
    expect(scene.hurried).toBeGreaterThan(0);
    const { message } = scene.alarms[0]!;
    expect(message).toContain("dns:a.example:7 has not answered yet");
    expect(message).toContain("none of the 2 members that srv:_f._tcp.b named answered");
    expect(message).toContain("file:/c failed (it is not there)");
    expect(message).toContain("It goes on asking the authority, its sources of contacts and those it knows.");
  });

  it("ends as soon as one has somebody, whatever the others do; what comes before the protocol runs is not lost", async () => {
    using scene = new Scene([0]);
    scene.promising = true;
    scene.infos = [silent];
    scene.entry.discovered(["192.0.2.1:7"], new Set());
    await scene.join();
    expect(scene.contacted).toEqual(["192.0.2.1:7"]);
    await scene.ready();
    expect(scene.state).toBe("waiting");
    await scene.comes();
    expect([scene.state, scene.codes]).toEqual(["started", []]);
  });

  it("ends when all have said that there is nobody else", async () => {
    using scene = new Scene([0]);
    scene.promising = true;
    await scene.join();
    await scene.ready();
    expect(scene.state).toBe("waiting");
    scene.promising = false;
    scene.entry.heard();
    await settled();
    expect([scene.state, scene.codes]).toEqual(["started", []]);
  });
});
