/** The driver carries out what the machine asks, in order; the machine here is a list of what to ask. */
import { describe, expect, it, vi } from "vitest";
import { Driver, type PingSender } from "../../client/driver/driver.js";
import type { Verifier } from "../../client/driver/verifier.js";
import type { Machine, Output, Peer, TryOutcome } from "../../gossip/index.js";
import { FirefliesError } from "../../identity/index.js";
import { type Deadline, DialError, type Link, type Session } from "../../net/index.js";
import type { MemberId } from "../../rings/index.js";
import { deferred } from "../support/network.js";

const PEER = "ab".repeat(32) as MemberId;
const to = { id: PEER, addresses: ["203.0.113.1:1"] };
const send = (call: number): Output => ({ kind: "send", call, to, packet: Uint8Array.of(call), timeoutMs: 1000 });
const save = (mark: bigint): Output => ({ kind: "save", mark });

/** A driver around a machine that asks for what it is told to ask for; everything that happens is written down. */
class Scene {
  readonly log: string[] = [];
  readonly alarms: FirefliesError[] = [];
  readonly told: Output[] = [];
  /** Of each call, milliseconds. */
  readonly patience: number[] = [];
  readonly machine = {
    epoch: 1n,
    deadline: undefined as number | undefined,
    takeOutputs: () => this.#next.splice(0),
    request: () => Uint8Array.of(9),
    tick: () => this.log.push("tick"),
    answered: (call: number, from: MemberId, packet: Uint8Array) =>
      this.log.push(`answered ${call} ${from === PEER} ${packet}`),
    failed: (call: number) => this.log.push(`failed ${call}`),
    tried: (id: MemberId, outcome: TryOutcome) => this.log.push(`tried ${id === PEER} ${outcome}`),
    verified: (batch: number, verdicts: readonly unknown[]) => this.log.push(`verified ${batch} ${verdicts.length}`),
  };
  now = 0;
  save: (mark: bigint) => Promise<void> = async () => {};
  verify: (checks: readonly unknown[]) => Promise<readonly unknown[]> = async (checks) =>
    checks.map(() => ({ ok: true }));
  call: (kind: string) => Promise<Uint8Array> = async () => Uint8Array.of(7);
  #next: Output[] = [];
  readonly driver: Driver;

  constructor(savedMark = 0n) {
    const link = {
      peer: { id: PEER },
      path: { kind: "direct" },
      call: (kind: string, packet: Uint8Array, { deadline }: Deadline) => {
        this.log.push(`${kind} ${packet}`);
        this.patience.push(deadline - this.now);
        return this.call(kind);
      },
    };
    const hear = (told: Output) => this.told.push(told);
    this.driver = new Driver({
      machine: this.machine as unknown as Machine,
      links: {
        reach: async () => link as unknown as Session,
        get: () => ({ wasDialled: true }) as Link,
        blame: () => {},
      },
      pings: {
        ping: (_to, _addresses, nonce) => this.log.push(`ping ${nonce}`),
        summon: (_to, _addresses, { ring, epoch }) => this.log.push(`summon ${ring} ${epoch}`),
      } satisfies PingSender,
      verifier: { verify: (checks: unknown[]) => this.verify(checks) } as unknown as Verifier,
      now: () => this.now,
      save: async (mark) => {
        this.log.push(`save ${mark}`);
        await this.save(mark);
        this.log.push(`saved ${mark}`);
      },
      savedMark,
      parts: [{ ready: hear, departed: hear, alarm: hear }],
      onSaveFailed: (error) => this.alarms.push(error),
    });
  }

  ask(...outputs: Output[]): void {
    this.driver.input(() => this.#next.push(...outputs));
  }

  /** What has been started by now is done, short of what hangs. */
  async settled(): Promise<void> {
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
  }
}

describe("an epoch", () => {
  it("above the saved mark is on disk before the note that bears it is sent", async () => {
    const scene = new Scene();
    const disk = deferred();
    scene.save = () => disk.promise;
    scene.ask(save(1000n), send(1));
    scene.ask(send(2));
    await scene.settled();
    expect(scene.log).toEqual(["save 1000"]);
    disk.resolve();
    await scene.settled();
    expect(scene.log.slice(0, 4)).toEqual(["save 1000", "saved 1000", "exchange 1", "exchange 2"]);
    expect(scene.alarms).toEqual([]);
  });

  it("above the saved mark is on disk before an answer that may bear its note is given", async () => {
    const scene = new Scene();
    const disk = deferred();
    scene.save = () => disk.promise;
    scene.ask(save(1000n));
    let isAnswered = false;
    const answer = scene.driver.request(PEER, Uint8Array.of(1)).then((bytes) => {
      isAnswered = true;
      return bytes;
    });
    await scene.settled();
    expect(isAnswered).toBe(false);
    disk.resolve();
    expect(await answer).toEqual(Uint8Array.of(9));
  });

  it("below the saved mark waits for no disk", async () => {
    const scene = new Scene(500n);
    scene.save = () => new Promise(() => {});
    scene.ask(save(1500n), send(1));
    await scene.settled();
    expect(scene.log).toEqual(["save 1500", "exchange 1", "answered 1 true 7"]);
    expect(await scene.driver.request(PEER, Uint8Array.of(1))).toEqual(Uint8Array.of(9));
    scene.driver.stop();
  });

  it("that cannot be saved raises an alarm, and the member goes on in memory", async () => {
    const scene = new Scene();
    scene.save = async () => Promise.reject(new Error("no space"));
    scene.ask(save(1000n), send(1));
    await scene.settled();
    expect(scene.alarms).toMatchObject([{ code: "state-write-failed", message: expect.stringContaining("no space") }]);
    expect(scene.log).toContain("exchange 1");
    const own = new FirefliesError("state-write-failed", "as the directory says it");
    scene.save = async () => Promise.reject(own);
    scene.ask(save(2000n), send(2));
    await scene.settled();
    expect(scene.alarms[1]).toBe(own);
    expect(scene.log).toContain("exchange 2");
  });

  it("whose saving hangs raises an alarm after five seconds, and the member goes on", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const scene = new Scene();
      scene.save = () => new Promise(() => {});
      scene.ask(save(1000n), send(1));
      const answer = scene.driver.request(PEER, Uint8Array.of(1));
      vi.advanceTimersByTime(4999);
      await scene.settled();
      expect([scene.log, scene.alarms]).toEqual([["save 1000"], []]);
      vi.advanceTimersByTime(1);
      await scene.settled();
      expect(scene.alarms).toMatchObject([{ code: "state-write-failed" }]);
      expect(scene.log).toContain("exchange 1");
      expect(await answer).toEqual(Uint8Array.of(9));
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("the driver", () => {
  it("tells the machine how its calls ended", async () => {
    const scene = new Scene();
    scene.ask(send(1), { kind: "try", to, timeoutMs: 1000 });
    await scene.settled();
    expect(scene.log).toEqual(["exchange 1", "probe ", "answered 1 true 7", "tried true answered"]);
  });

  it("takes no member for silent because its own process stood still", async () => {
    const scene = new Scene();
    const tried = (ms: number) => {
      scene.call = async () => {
        scene.now += ms;
        throw new FirefliesError("timeout");
      };
      scene.ask({ kind: "try", to: { id: PEER, addresses: [] }, timeoutMs: 1_000 });
      return scene.settled();
    };
    // Each try is made twice, over another session.
    await tried(500);
    await tried(600);
    await tried(1_500);
    const outcomes = scene.log.filter((line) => line.startsWith("tried"));
    expect(outcomes).toEqual(["tried true silent", "tried true unable", "tried true unable"]);
  });

  it("takes the silence of one that has just come, and was not reached yet, for no evidence", async () => {
    const scene = new Scene();
    const tried = async (answer: () => Promise<Uint8Array>) => {
      scene.call = answer;
      scene.ask({ kind: "try", to, timeoutMs: 1_000 });
      await scene.settled();
    };
    const silent = async () => {
      throw new DialError("timeout", "203.0.113.1:1");
    };
    scene.ask({ kind: "joined", member: { id: PEER, addresses: [] } as unknown as Peer });
    await tried(silent);
    await tried(async () => Uint8Array.of());
    await tried(silent);
    const outcomes = scene.log.filter((line) => line.startsWith("tried"));
    expect(outcomes).toEqual(["tried true unable", "tried true answered", "tried true silent"]);
  });

  it("waits for a probe as long as the link has taken so far, many times over", async () => {
    const scene = new Scene();
    const probe: Output = { kind: "try", to, timeoutMs: 1000 };
    const slow = (ms: number) => async () => {
      scene.now += ms;
      return Uint8Array.of(7);
    };
    scene.ask(probe);
    await scene.settled();
    for (const ms of [5, 100, 1]) {
      scene.call = slow(ms);
      scene.ask(send(1));
      await scene.settled();
      scene.call = slow(ms);
      scene.ask(probe);
      await scene.settled();
    }
    expect(scene.patience).toEqual([1000, 1000, 500, 1000, 800, 1000, 701]);
  });

  const refused = new DialError("refused", "203.0.113.1:1");
  it.each([
    ["a refusal", refused, "tried true refused", 1],
    ["a name without an answer", new DialError("unresolved", "x.example:1"), "tried true unable", 1],
    ["another member", new DialError("handshake", "203.0.113.1:1"), "tried true silent", 1],
    // A broken or silent session says nothing: a new one is tried, once.
    ["a timeout", new FirefliesError("timeout"), "tried true silent", 2],
    ["a broken session", new FirefliesError("link-closed"), "tried true silent", 2],
  ] as const)("takes a try that ends with %s for what it says", async (_, error, finding, calls) => {
    const scene = new Scene();
    scene.call = async () => Promise.reject(error);
    scene.ask(send(1), { kind: "try", to, timeoutMs: 1000 });
    await scene.settled();
    expect(scene.log).toContain("failed 1");
    expect(scene.log).toContain(finding);
    expect(scene.log.filter((line) => line.startsWith("probe")).length).toBe(calls);
  });

  it("carries out pings and checks, and passes on the rest in order", async () => {
    const scene = new Scene();
    const check = { kind: "certificate", chain: { leaf: new Uint8Array(0), issuer: new Uint8Array(0) } } as const;
    scene.ask(
      { kind: "ready" },
      { kind: "probe", to: PEER, addresses: [], nonce: 5n },
      { kind: "verify", batch: 3, checks: [check, check] },
      { kind: "departed" },
    );
    await scene.settled();
    expect(scene.log).toEqual(["ping 5", "verified 3 2"]);
    expect(scene.told).toEqual([{ kind: "ready" }, { kind: "departed" }]);
  });

  it("answers a partner when what it pushed is checked, and what follows from that as well", async () => {
    const scene = new Scene();
    const gates = [deferred(), deferred()];
    const check = (batch: number): Output => ({ kind: "verify", batch, checks: [] });
    scene.verify = async (checks) => {
      await gates.shift()?.promise;
      return checks;
    };
    const [first, second] = [...gates];
    scene.machine.verified = (batch) => {
      if (batch === 1) scene.ask(check(2));
      return scene.log.push(`verified ${batch}`);
    };
    scene.machine.request = () => {
      scene.ask(check(1));
      return Uint8Array.of(9);
    };
    const answered = scene.driver.request(PEER, Uint8Array.of(1)).then(() => scene.log.push("answered"));
    first?.resolve();
    await scene.settled();
    expect(scene.log).toEqual(["verified 1"]);
    second?.resolve();
    await answered;
    expect(scene.log).toEqual(["verified 1", "verified 2", "answered"]);
  });

  it("lets what follows from an input wait for what came before", () => {
    const scene = new Scene();
    const nested: Output[] = [];
    const driver = scene.driver;
    scene.machine.takeOutputs = () => outputs.shift() ?? [];
    const outputs: Output[][] = [[{ kind: "ready" }, { kind: "departed" }], [{ kind: "alarm", what: "clock-stepped" }]];
    const push = scene.told.push.bind(scene.told);
    scene.told.push = (told) => {
      if (told.kind === "ready") driver.input(() => {});
      nested.push(told);
      return push(told);
    };
    driver.input(() => {});
    expect(nested.map(({ kind }) => kind)).toEqual(["ready", "departed", "alarm"]);
  });

  it("wakes the machine at its deadline, after the sockets were read, and not after stop()", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const scene = new Scene();
      scene.machine.deadline = 100;
      scene.ask();
      vi.advanceTimersByTime(99);
      await scene.settled();
      expect(scene.log).toEqual([]);
      vi.advanceTimersByTime(1);
      expect(scene.log).toEqual([]);
      scene.machine.deadline = undefined;
      await scene.settled();
      expect(scene.log).toEqual(["tick"]);
      scene.machine.deadline = 200;
      scene.ask();
      // Other files' last timers may be among those that wait.
      const waiting = vi.getTimerCount();
      scene.driver.stop();
      expect(vi.getTimerCount()).toBe(waiting - 1);
      vi.advanceTimersByTime(1000);
      await scene.settled();
      expect(scene.log).toEqual(["tick"]);
    } finally {
      vi.useRealTimers();
    }
  });

  it("tells a stopped machine nothing more, and sends nothing that waited for the disk", async () => {
    const scene = new Scene();
    const [disk, wire] = [deferred(), deferred<Uint8Array>()];
    scene.call = () => wire.promise;
    scene.ask(send(1));
    await scene.settled();
    scene.save = () => disk.promise;
    scene.ask(save(1000n), send(2));
    scene.driver.stop();
    wire.resolve(new Uint8Array(0));
    disk.resolve();
    await scene.settled();
    expect(scene.log).toEqual(["exchange 1", "save 1000", "saved 1000"]);
  });
});
