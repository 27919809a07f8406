/** Dialling a member: which addresses are tried, when, and what is concluded. */
import type { Duplex } from "node:stream";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FirefliesError } from "../../identity/index.js";
import {
  type Address,
  DialError,
  Dialler,
  type DialReason,
  deadlineIn,
  duplexPair,
  formatAddress,
  PeerMismatch,
  type Resolver,
  type Transport,
} from "../../net/index.js";
import type { MemberId } from "../../rings/index.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(async () => {
  // What destroyed connections still tell each other.
  for (let turn = 0; turn < 10 && vi.getTimerCount() > 0; turn++) await vi.advanceTimersByTimeAsync(5);
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

const [MEMBER, LIAR] = ["aa".repeat(32), "bb".repeat(32)] as [MemberId, MemberId];

/** What becomes of a dial: a connection, none until it is cut, or a failure. */
type Fate = "open" | "hangs" | DialReason;

/** A member at 198.51.100.1, with scripted addresses and names, and a clock that the test moves. */
class Scene {
  readonly dialled: [address: string, at: number][] = [];
  readonly names: Record<string, readonly string[] | "hangs"> = {};
  readonly lookedUp: [name: string, asker: string | undefined][] = [];
  readonly fates: Record<string, Fate> = {};
  readonly connections: { readonly address: string; readonly near: Duplex }[] = [];
  mine: readonly string[] = ["198.51.100.1:7000"];
  readonly startedAt = performance.now();

  readonly #resolver: Resolver = {
    addresses: async (host, { asker, signal }) => {
      if (!/[a-z]/.test(host) || host.includes(":")) return [host];
      this.lookedUp.push([host, asker]);
      const found = this.names[host];
      if (found === "hangs") await until(signal);
      if (found === undefined || found === "hangs") throw new DialError("unresolved", host);
      return found;
    },
    known: (host) => {
      const found = this.names[host];
      return typeof found === "string" ? undefined : (found ?? [host]);
    },
  };

  #transport(scheme: string): Transport {
    return {
      scheme,
      dial: (to, { signal }) => this.#dial(to, signal),
      listen: () => Promise.reject(new Error("not here")),
    };
  }

  async #dial(to: Address, signal: AbortSignal): Promise<Duplex> {
    const address = formatAddress(to);
    this.dialled.push([address, performance.now() - this.startedAt]);
    const fate = this.fates[address] ?? "refused";
    if (fate === "hangs") await until(signal);
    if (fate !== "open") throw new DialError(fate === "hangs" ? "cancelled" : fate, address);
    const [near] = duplexPair();
    this.connections.push({ address, near });
    return near;
  }

  readonly dialler = new Dialler({
    transports: [this.#transport("tcp"), this.#transport("ws")],
    resolver: this.#resolver,
    now: () => performance.now(),
    mine: () => this.mine,
  });

  /** The address that won, or why none did. */
  dial(
    addresses: readonly string[],
    { timeoutMs = 3_000, expect: id, signal }: { timeoutMs?: number; expect?: MemberId; signal?: AbortSignal } = {},
    attempt: (connection: Duplex, address: Address, signal: AbortSignal) => Promise<string> = async (_, address) =>
      formatAddress(address),
  ): Promise<string | DialError> {
    const running = this.dialler.dial(addresses, { deadline: deadlineIn(timeoutMs), expect: id, signal }, attempt);
    return running.catch((error: DialError) => error);
  }

  /** The same, with the clock moved on until it is there. */
  async dialledWithin(...args: Parameters<Scene["dial"]>): Promise<string | DialError> {
    const dialling = this.dial(...args);
    await vi.advanceTimersByTimeAsync(args[1]?.timeoutMs ?? 3_000);
    return await dialling;
  }

  at(address: string): number | undefined {
    return this.dialled.find(([each]) => each === address)?.[1];
  }
}

function until(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => signal?.addEventListener("abort", () => resolve(), { once: true }));
}

const reason = (result: string | DialError) => (result instanceof DialError ? result.reason : result);

describe("a dial", () => {
  it("tries all addresses of a member a moment apart; a dead first one costs a quarter of a second", async () => {
    const scene = new Scene();
    scene.fates["203.0.113.1:1"] = "hangs";
    scene.fates["203.0.113.2:1"] = "open";
    expect(await scene.dialledWithin(["203.0.113.1:1", "203.0.113.2:1", "203.0.113.3:1"])).toBe("203.0.113.2:1");
    expect(scene.dialled).toEqual([
      ["203.0.113.1:1", 0],
      ["203.0.113.2:1", 250],
    ]);
  });

  it("tries all answers of a name, also when the first ones are dead", async () => {
    const scene = new Scene();
    scene.names["seed.example"] = ["2001:db8::1", "203.0.113.1", "2001:db8::2", "203.0.113.2"];
    for (const host of ["[2001:db8::1]", "203.0.113.1", "[2001:db8::2]"]) scene.fates[`${host}:1`] = "hangs";
    scene.fates["203.0.113.2:1"] = "open";
    expect(await scene.dialledWithin(["seed.example:1"])).toBe("203.0.113.2:1");
    expect(scene.at("203.0.113.2:1")).toBe(750);
  });

  it("takes the first answer of each name before the second of one", async () => {
    const scene = new Scene();
    scene.names["many.example"] = Array.from({ length: 8 }, (_, index) => `203.0.113.${index}`);
    for (const host of scene.names["many.example"]) scene.fates[`${host}:1`] = "hangs";
    scene.fates["198.51.100.7:1"] = "open";
    expect(await scene.dialledWithin(["many.example:1", "198.51.100.7:1"])).toBe("198.51.100.7:1");
    expect(scene.at("198.51.100.7:1")).toBeLessThanOrEqual(250);
  });

  it("waits for no name while an address answers, and for no address while a name does", async () => {
    const scene = new Scene();
    scene.names["slow.example"] = "hangs";
    scene.fates["203.0.113.1:1"] = "open";
    expect(await scene.dialledWithin(["slow.example:1", "203.0.113.1:1"])).toBe("203.0.113.1:1");
    expect(scene.at("203.0.113.1:1")).toBe(0);
  });

  it("counts the handshake: an address that connects and says nothing holds nobody up", async () => {
    const scene = new Scene();
    scene.fates["203.0.113.1:1"] = "open";
    scene.fates["203.0.113.2:1"] = "open";
    const attempt = async (_: Duplex, address: Address, signal: AbortSignal) => {
      if (address.host === "203.0.113.1") await until(signal);
      return formatAddress(address);
    };
    expect(await scene.dialledWithin(["203.0.113.1:1", "203.0.113.2:1"], {}, attempt)).toBe("203.0.113.2:1");
    expect(scene.connections.map(({ near }) => near.destroyed)).toEqual([true, false]);
  });

  it("ends everything at one deadline, look-up, dials and handshake together", async () => {
    const scene = new Scene();
    scene.names["slow.example"] = "hangs";
    scene.fates["203.0.113.1:1"] = "hangs";
    scene.fates["203.0.113.2:1"] = "open";
    const dialling = scene.dial(
      ["slow.example:1", "203.0.113.1:1", "203.0.113.2:1"],
      { timeoutMs: 2_000 },
      (_, __, signal) => until(signal).then(() => "too late"),
    );
    let ended = false;
    void dialling.then(() => {
      ended = true;
    });
    await vi.advanceTimersByTimeAsync(1_999);
    expect(ended).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(await dialling).toMatchObject({ code: "timeout", reason: "timeout" });
    expect(scene.connections[0]!.near.destroyed).toBe(true);
  });

  it("ends when its caller gives up, which counts against no address", async () => {
    const scene = new Scene();
    scene.fates["203.0.113.1:1"] = "hangs";
    const controller = new AbortController();
    const dialling = scene.dial(["203.0.113.1:1"], { signal: controller.signal });
    await vi.advanceTimersByTimeAsync(2_000);
    controller.abort();
    expect(await dialling).toMatchObject({ code: "cancelled", reason: "cancelled" });
    scene.fates["203.0.113.1:1"] = "open";
    expect(await scene.dialledWithin(["203.0.113.1:1"])).toBe("203.0.113.1:1");
  });

  it("cuts a connection whose handshake succeeds too late", async () => {
    const scene = new Scene();
    for (const host of ["203.0.113.1:1", "203.0.113.2:1"]) scene.fates[host] = "open";
    let finish!: (value: string) => void;
    const attempt = (_: Duplex, address: Address) =>
      address.host === "203.0.113.2" ? Promise.resolve("second") : new Promise<string>((done) => (finish = done));
    expect(await scene.dialledWithin(["203.0.113.1:1", "203.0.113.2:1"], {}, attempt)).toBe("second");
    finish("first");
    await vi.advanceTimersByTimeAsync(0);
    expect(scene.connections.map(({ near }) => near.destroyed)).toEqual([true, false]);
  });

  it("tries an address once, however often and however it is written", async () => {
    const scene = new Scene();
    scene.names["a.example"] = ["203.0.113.1"];
    await scene.dialledWithin(["203.0.113.1:1", "a.example:1", "[::ffff:203.0.113.1]:1", "tcp://203.0.113.1:1"]);
    expect(scene.dialled.map(([address]) => address)).toEqual(["203.0.113.1:1"]);
  });

  it("looks at 8 names and begins 16 attempts at most", async () => {
    const scene = new Scene();
    const names = Array.from({ length: 9 }, (_, index) => `name-${index}.example`);
    for (const [index, name] of names.entries())
      scene.names[name] = Array.from({ length: 8 }, (_, at) => `203.0.${index}.${at}`);
    await scene.dialledWithin(names.map((name) => `${name}:1`));
    expect(scene.lookedUp.length).toBe(8);
    expect(scene.dialled.length).toBe(16);
  });

  it("looks names up on the account of the member", async () => {
    const scene = new Scene();
    await scene.dialledWithin(["a.example:1"], { expect: MEMBER });
    await scene.dialledWithin(["b.example:1"]);
    expect(scene.lookedUp).toEqual([
      ["a.example", MEMBER],
      ["b.example", undefined],
    ]);
  });

  it("goes by the transport that an address names", async () => {
    const scene = new Scene();
    scene.fates["ws://203.0.113.1:80/overlay"] = "open";
    expect(await scene.dialledWithin(["ws://203.0.113.1:80/overlay"])).toBe("ws://203.0.113.1:80/overlay");
    expect(reason(await scene.dialledWithin(["udx://203.0.113.1:80"]))).toBe("local");
  });
});

describe("the policy", () => {
  it("decides on the addresses that a name stands for when it is dialled", async () => {
    const scene = new Scene();
    scene.names["evil.example"] = ["127.0.0.1", "169.254.169.254", "::1", "64:ff9b::7f00:1"];
    for (const address of ["127.0.0.1:1", "[::1]:1"]) scene.fates[address] = "open";
    expect(await scene.dialledWithin(["evil.example:1"])).toMatchObject({
      reason: "forbidden",
      code: "peer-unreachable",
    });
    expect(scene.dialled).toEqual([]);
  });

  it("looks a name up once for each dial: there is no second answer", async () => {
    const scene = new Scene();
    const answers = [["203.0.113.1"], ["127.0.0.1"]];
    Object.defineProperty(scene.names, "evil.example", { get: () => answers.shift() });
    scene.fates["203.0.113.1:1"] = "no-route";
    scene.fates["127.0.0.1:1"] = "open";
    await scene.dialledWithin(["evil.example:1"]);
    expect(scene.dialled.map(([address]) => address)).toEqual(["203.0.113.1:1"]);
    expect(reason(await scene.dialledWithin(["evil.example:1"]))).toBe("forbidden");
    expect(scene.dialled.length).toBe(1);
  });

  it("keeps me from myself and from what is no address", async () => {
    const scene = new Scene();
    for (const address of ["198.51.100.1:7000", "[::ffff:198.51.100.1]:7000", "nonsense", "203.0.113.1:0"])
      expect([address, reason(await scene.dialledWithin([address]))]).toEqual([address, "forbidden"]);
    expect(reason(await scene.dialledWithin([]))).toBe("forbidden");
    expect(scene.dialled).toEqual([]);
  });
});

describe("nobody listens", () => {
  it.each<[readonly Fate[], DialReason]>([
    [["refused"], "refused"],
    [["refused", "refused"], "refused"],
    [["refused", "no-route"], "no-route"],
    [["no-route", "refused"], "no-route"],
    [["refused", "local"], "local"],
    [["refused", "timeout"], "timeout"],
    [["refused", "hangs"], "timeout"],
    [["no-route", "local"], "no-route"],
  ])("only when every address that was tried says so: %j is %s", async (fates, expected) => {
    const scene = new Scene();
    const addresses = fates.map((fate, index) => {
      scene.fates[`203.0.113.${index}:1`] = fate;
      return `203.0.113.${index}:1`;
    });
    expect(reason(await scene.dialledWithin(addresses))).toBe(expected);
  });

  it("is not said by names that were not looked up, by a pause, or by a handshake that failed", async () => {
    const scene = new Scene();
    expect(reason(await scene.dialledWithin(["unknown.example:1", "203.0.113.1:1"]))).toBe("unresolved");
    expect(reason(await scene.dialledWithin(["203.0.113.1:1"]))).toBe("refused");
    expect(reason(await scene.dialledWithin(["203.0.113.1:1"], { timeoutMs: 1 }))).toBe("refused");
    const again = await scene.dial(["203.0.113.1:1", "203.0.113.2:1"]);
    expect(reason(again)).toBe("backoff");
    scene.fates["203.0.113.9:1"] = "open";
    const failed = await scene.dialledWithin(["203.0.113.9:1", "203.0.113.10:1"], {}, () =>
      Promise.reject(new Error("reset")),
    );
    expect(failed).toMatchObject({ reason: "handshake", code: "peer-unreachable" });
  });

  it("is said by the others when some addresses may not be dialled from here", async () => {
    const scene = new Scene();
    expect(reason(await scene.dialledWithin(["127.0.0.1:1", "203.0.113.1:1"]))).toBe("refused");
  });
});

describe("a handshake that fails", () => {
  it("keeps the code and the words of its error", async () => {
    const scene = new Scene();
    scene.fates["203.0.113.1:1"] = "open";
    const cause = new FirefliesError("certificate-invalid", "It is of another network.");
    const failed = await scene.dialledWithin(["203.0.113.1:1"], {}, () => Promise.reject(cause));
    expect(failed).toMatchObject({ code: "certificate-invalid", reason: "handshake", message: cause.message, cause });
    expect(scene.connections[0]!.near.destroyed).toBe(true);
  });

  it("because another member answers does not keep me from that one", async () => {
    const scene = new Scene();
    scene.fates["203.0.113.1:1"] = "open";
    const claimed = (id: MemberId) =>
      scene.dial(["203.0.113.1:1"], { expect: id }, async (_, address) => {
        if (id !== MEMBER) throw new PeerMismatch(formatAddress(address), id, MEMBER);
        return "found";
      });
    expect(await claimed(LIAR)).toMatchObject({ code: "peer-mismatch", reason: "handshake" });
    expect(reason(await claimed(LIAR))).toBe("backoff");
    expect(await claimed(MEMBER)).toBe("found");
    expect(reason(await claimed(LIAR))).toBe("handshake");
  });
});

describe("an address that failed", () => {
  it("is left alone for a while, whoever claims it and by whatever name, unless it is forgiven", async () => {
    const scene = new Scene();
    scene.names["a.example"] = ["203.0.113.1"];
    expect(reason(await scene.dial(["203.0.113.1:1"], { expect: MEMBER }))).toBe("refused");
    expect(reason(await scene.dial(["a.example:1"], { expect: LIAR }))).toBe("backoff");
    await vi.advanceTimersByTimeAsync(250);
    expect(reason(await scene.dial(["a.example:1"], { expect: LIAR }))).toBe("refused");
    expect(reason(await scene.dial(["a.example:1"]))).toBe("backoff");
    scene.dialler.forgive(["a.example:1", "nonsense"]);
    expect(reason(await scene.dial(["203.0.113.1:1"]))).toBe("refused");
    expect(scene.dialled.length).toBe(3);
  });

  it("for want of descriptors is tried again at once", async () => {
    const scene = new Scene();
    scene.fates["203.0.113.1:1"] = "local";
    expect(reason(await scene.dial(["203.0.113.1:1"]))).toBe("local");
    scene.fates["203.0.113.1:1"] = "open";
    expect(await scene.dial(["203.0.113.1:1"])).toBe("203.0.113.1:1");
  });

  it("by being late counts only if it had a second", async () => {
    const scene = new Scene();
    scene.fates["203.0.113.1:1"] = "hangs";
    expect(reason(await scene.dialledWithin(["203.0.113.1:1"], { timeoutMs: 999 }))).toBe("timeout");
    expect(reason(await scene.dialledWithin(["203.0.113.1:1"], { timeoutMs: 1_000 }))).toBe("timeout");
    expect(reason(await scene.dial(["203.0.113.1:1"]))).toBe("backoff");
  });

  it("is dialled by others meanwhile, 512 attempts at once in all", async () => {
    const scene = new Scene();
    const controller = new AbortController();
    const addresses = Array.from({ length: 513 }, (_, index) => `203.0.${index >> 8}.${index & 255}:1`);
    for (const address of addresses) scene.fates[address] = "hangs";
    const dials = addresses.map((address) => scene.dial([address], { signal: controller.signal }));
    expect(reason(await dials.at(-1)!)).toBe("local");
    controller.abort();
    expect(new Set((await Promise.all(dials)).map(reason))).toEqual(new Set(["cancelled", "local"]));
  });
});
