/** What every source of contacts promises (client/discovery/discovery.ts), as one suite that runs over each of them. */
import assert from "node:assert/strict";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import type { Discovery, DiscoverySelf, MemberId } from "../client/index.js";
import type { ContractRunner } from "./contract/subject.js";
import type { ContractTest } from "./transport-contract.js";

/** A source under test, with the hands of its world. */
export interface DiscoveryStage {
  readonly discovery: Discovery;
  /** From now on there are these. */
  readonly change: (contacts: readonly string[]) => Promise<void> | void;
  /** From now on it is asked in vain, and nothing comes back; for sources that ask others. */
  readonly silence?: (() => Promise<void> | void) | undefined;
  /** From now on what it asks fails; until `change`. For sources that can fail. */
  readonly fail?: (() => Promise<void> | void) | undefined;
  /** Called when the test is over, after the source's own `close`. */
  readonly close?: (() => Promise<void> | void) | undefined;
}

/** A source to be held to the contract. */
export interface DiscoverySubject {
  /** Called once for each test: a source whose world has these contacts, each "IP:port". */
  readonly create: (contacts: readonly string[]) => Promise<DiscoveryStage> | DiscoveryStage;
  /** Contacts for the tests, at least three. Default: some of 192.0.2.0/24 with port 7000. */
  readonly contacts?: readonly string[] | undefined;
  /** The most that its world holds, up to 1,000. Default 1,000. */
  readonly most?: number | undefined;
}

/** How long the tests may take. */
export interface DiscoveryContractOptions {
  /** Of each test, and of what it waits for, milliseconds. Default 20,000. */
  readonly timeoutMs?: number | undefined;
}

const TIMEOUT_MS = 20_000;
/** A call has so long to end after its signal, milliseconds; far above what it takes, for machines that are busy. */
const SOON_MS = 3_000;
/** Contacts of which a member takes all. */
const TAKEN = 64;
const MANY = 1_000;
const PORT = 7_000;
const CONTACTS = [1, 2, 3].map((last) => `192.0.2.${last}:${PORT}`);
const SELF: DiscoverySelf = {
  id: "ab".repeat(32) as MemberId,
  network: "cd".repeat(32),
  addresses: ["198.51.100.9:7000"],
};
/** "host:port" or "[v6]:port", or a URL, with or without an id before it. */
const ENTRY = /^([0-9a-f]{64}@)?([a-z][a-z0-9+-]*:\/\/)?(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+):\d{1,5}(\/\S*)?$/;
/** Turns of the event loop that a system may take to give back what is closed. */
const SETTLING_TURNS = 2_000;

interface Promised {
  readonly title: string;
  readonly needs?: "silence" | "fail";
  readonly run: (scene: Scene) => Promise<void>;
}

/** The contract as a list, for any runner. */
export function discoveryPromises(
  subject: DiscoverySubject,
  { timeoutMs = TIMEOUT_MS }: DiscoveryContractOptions = {},
): ContractTest[] {
  return PROMISES.map(({ title, needs, run }) => ({
    title,
    run: async () => {
      const scene = await Scene.of(subject, timeoutMs);
      try {
        if (needs === undefined || scene.stage[needs] !== undefined) await run(scene);
      } finally {
        await scene.close();
      }
    },
  }));
}

/**
 * Defines the contract's tests for a source: `discoveryContract("Consul", { create }, { describe, test })`, with `describe`
 * and `test` of vitest or node:test.
 */
export function discoveryContract(
  title: string,
  subject: DiscoverySubject,
  { describe, test }: ContractRunner,
  { timeoutMs = TIMEOUT_MS }: DiscoveryContractOptions = {},
): void {
  describe(`${title} keeps the contract of sources`, () => {
    // A wait that is over says what it waited for, before the runner ends the test without a word.
    const timeout = timeoutMs + SOON_MS;
    for (const { title: promise, run } of discoveryPromises(subject, { timeoutMs })) test(promise, { timeout }, run);
  });
}

/** One source, as a member uses it. */
class Scene {
  readonly subject: DiscoverySubject;
  readonly stage: DiscoveryStage;
  /** What a test waits for at most, milliseconds. */
  readonly timeoutMs: number;
  #changed = false;
  #wake: () => void = () => {};
  #isClosed = false;
  readonly #openBefore: number;

  private constructor(subject: DiscoverySubject, stage: DiscoveryStage, openBefore: number, timeoutMs: number) {
    this.subject = subject;
    this.timeoutMs = timeoutMs;
    this.stage = stage;
    this.#openBefore = openBefore;
    stage.discovery.onChange?.(() => {
      this.#changed = true;
      this.#wake();
    });
    stage.discovery.announce?.(SELF);
  }

  static async of(subject: DiscoverySubject, timeoutMs: number): Promise<Scene> {
    const openBefore = open();
    return new Scene(subject, await subject.create(subject.contacts ?? CONTACTS), openBefore, timeoutMs);
  }

  get contacts(): readonly string[] {
    return this.subject.contacts ?? CONTACTS;
  }

  ask(signal: AbortSignal = AbortSignal.timeout(this.timeoutMs)): Promise<readonly string[]> {
    return this.stage.discovery.contacts(signal);
  }

  /** Asked again, as a member does, until it names these and no others. */
  async names(expected: readonly string[]): Promise<void> {
    const wanted = sorted(expected);
    for (const end = performance.now() + this.timeoutMs; ; await sleep(ASK_AGAIN_MS)) {
      const found = await this.ask().catch((cause: unknown) => [String(cause)]);
      if (found.length === wanted.length && sorted(found).join() === wanted.join()) return;
      if (performance.now() > end) assert.deepEqual(sorted(found), wanted);
    }
  }

  /** The listener has been called since the last time. */
  async change(): Promise<void> {
    if (!this.#changed)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    this.#changed = false;
  }

  forgetChanges(): void {
    this.#changed = false;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.stage.discovery.close?.();
    await this.stage.close?.();
  }

  /** The process holds no more than before the test; a system takes a moment to give back what is closed. */
  async settled(): Promise<void> {
    for (let turns = 0; turns < SETTLING_TURNS && open() > this.#openBefore; turns++) await turn();
    assert.ok(open() <= this.#openBefore, `${this.stage.discovery.name} leaves handles open`);
  }
}

/** Between two questions of a test, milliseconds. */
const ASK_AGAIN_MS = 50;

const PROMISES: readonly Promised[] = [
  {
    title: "has a name of one line for alarms and figures",
    async run({ stage }) {
      assert.match(stage.discovery.name, /^[^\p{Cc}]{1,128}$/u);
    },
  },
  {
    title: "names what there is, each as an address that can be dialled",
    async run(scene) {
      await scene.names(scene.contacts);
      for (const entry of await scene.ask()) assert.match(entry, ENTRY);
    },
  },
  {
    title: "names what there is then when it is asked again, nobody when there is nobody, and again others",
    async run(scene) {
      const [first, ...others] = scene.contacts as [string, ...string[]];
      await scene.names(scene.contacts);
      for (const next of [others, [], [first]]) {
        await scene.stage.change(next);
        await scene.names(next);
      }
    },
  },
  {
    title: "tells its listener when there are others, if it has one",
    async run(scene) {
      if (scene.stage.discovery.onChange === undefined) return;
      await scene.names(scene.contacts);
      scene.forgetChanges();
      const others = scene.contacts.slice(1);
      await scene.stage.change(others);
      await scene.change();
      await scene.names(others);
    },
  },
  {
    title: "names at least as many as a member takes when there are a thousand",
    async run(scene) {
      const count = Math.min(MANY, scene.subject.most ?? MANY);
      const many = Array.from({ length: count }, (_, index) => `198.18.${index >> 8}.${index & 255}:${PORT}`);
      await scene.stage.change(many);
      const wanted = new Set(many);
      const enough = Math.min(TAKEN, count);
      for (const end = performance.now() + scene.timeoutMs; ; await sleep(ASK_AGAIN_MS)) {
        const found = new Set((await scene.ask()).filter((entry) => wanted.has(entry)));
        if (found.size >= enough) return;
        assert.ok(performance.now() < end, `it names ${found.size} of ${count}`);
      }
    },
  },
  {
    title: "rejects when it cannot say, and answers again when it can",
    needs: "fail",
    async run(scene) {
      await scene.stage.fail?.();
      await assert.rejects(async () => {
        // What it knew may be its answer for a while.
        for (const end = performance.now() + scene.timeoutMs; performance.now() < end; await sleep(ASK_AGAIN_MS))
          await scene.ask();
      });
      await scene.stage.change(scene.contacts);
      await scene.names(scene.contacts);
    },
  },
  {
    title: "rejects soon after its signal, and at once with one that has fired",
    needs: "silence",
    async run(scene) {
      await scene.stage.silence?.();
      const abort = new AbortController();
      const asked = scene.ask(abort.signal);
      asked.catch(() => {});
      await turn();
      abort.abort();
      await rejectsSoon(asked);
      await rejectsSoon(scene.ask(AbortSignal.abort()));
    },
  },
  {
    title: "ends while it is asked, and leaves nothing open",
    async run(scene) {
      const abort = new AbortController();
      const asked = scene.ask(abort.signal).catch(() => []);
      await scene.stage.discovery.close?.();
      abort.abort();
      await within(asked);
      await scene.close();
      await scene.settled();
    },
  },
];

/** Kinds of handles that sources hold. */
const HANDLES: ReadonlySet<string> = new Set([
  "UDPWRAP",
  "TCPSocketWrap",
  "TLSWrap",
  "GetAddrInfoReqWrap",
  "StatWatcher",
  "FSEventWrap",
]);

/** How many of them the process has. */
function open(): number {
  return process.getActiveResourcesInfo().filter((name) => HANDLES.has(name)).length;
}

async function rejectsSoon(asked: Promise<unknown>): Promise<void> {
  await within(assert.rejects(asked));
}

async function within(promise: Promise<unknown>): Promise<void> {
  const ended = new AbortController();
  const late = sleep(SOON_MS, "late", { signal: ended.signal }).catch(() => "");
  const outcome = await Promise.race([promise, late]);
  ended.abort();
  assert.notEqual(outcome, "late", `a call has not ended ${SOON_MS} ms after its signal`);
}

function sorted(entries: readonly string[]): readonly string[] {
  return [...entries].sort();
}
