/** Signed, answered messages over one duplex: what callers get, what handlers may do, and what a liar can not. */

import { once } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { Budget, type BudgetLimits } from "../../client/messages/budget.js";
import { encodeContent } from "../../client/messages/content.js";
import {
  decodeFrame,
  encodeBatch,
  encodeHello,
  FRAME_VERSION,
  NONCE_BYTES,
  SALT_BYTES,
} from "../../client/messages/frame.js";
import { linkNonce, listBody, listPrefix } from "../../client/messages/list.js";
import { Requester, type RequesterLimits } from "../../client/messages/requester.js";
import { type Dispatch, Responder } from "../../client/messages/responder.js";
import { FRAME_BYTES_MAX, MESSAGE_BYTES_MAX } from "../../client/protocols.js";
import { FirefliesError, type Identity, ReplyError, sign } from "../../identity/index.js";
import type { ByteDuplex } from "../../net/index.js";
import { duplexPair } from "../support/duplex-pair.js";
import { TestNetwork } from "../support/test-network.js";

let alice: Identity;
let bob: Identity;
beforeAll(async () => {
  const network = await TestNetwork.create();
  [alice, bob] = [await network.member(), await network.member()];
});

/** Nothing here waits for it: ten times what a hundred answers of a MiB take on a busy machine. */
const CALL_MS = 50_000;
const text = (value: string) => new TextEncoder().encode(value);
const string = (value: Uint8Array) => new TextDecoder().decode(value);
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "no error",
    (error: unknown) => (error instanceof FirefliesError ? error.code : error),
  );
/** A promise and its ways out. */
function deferred<T = void>() {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    [resolve, reject] = [yes, no];
  });
  return { promise, resolve, reject };
}

interface Setup {
  readonly limits?: Partial<RequesterLimits>;
  readonly budget?: Partial<BudgetLimits>;
  readonly gossip?: Partial<BudgetLimits>;
  readonly handlerTimeoutMs?: number;
  readonly refusal?: () => FirefliesError | undefined;
  readonly onEnd?: (error: FirefliesError) => void;
}

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
  vi.useRealTimers();
});

/** Alice asks, Bob answers. */
function connect(dispatch: Dispatch, { limits, budget, gossip, ...rest }: Setup = {}) {
  const [near, far] = duplexPair(FRAME_BYTES_MAX);
  const budgets = { message: new Budget(budget), gossip: new Budget(gossip) };
  const requester = new Requester({ duplex: near, identity: alice, peer: bob.certificate, limits });
  const responder = new Responder({
    duplex: far,
    identity: bob,
    peer: alice.certificate,
    dispatch,
    budgets,
    ...rest,
  });
  closing.push(() => requester.close());
  const ask = (
    value: string,
    options: { timeoutMs?: number; signal?: AbortSignal; kind?: "message" | "gossip" } = {},
  ) => requester.request(options.kind ?? "message", text(value), { timeoutMs: CALL_MS, ...options });
  return { requester, responder, ask, near, far, budgets };
}

const echo: Dispatch = async (_kind, payload) => payload;

describe("a request", () => {
  it("is answered by the member it was sent to, who is told the sender and the kind", async () => {
    const seen: string[] = [];
    const { ask } = connect((kind, payload, { from }) => {
      seen.push(`${kind} ${from.id}`);
      return text(`${string(payload)}!`);
    });
    expect(string(await ask("hello"))).toBe("hello!");
    expect(string(await ask("rumour", { kind: "gossip" }))).toBe("rumour!");
    expect(seen).toEqual([`message ${alice.certificate.id}`, `gossip ${alice.certificate.id}`]);
  });

  it("may be empty, and so may its answer", async () => {
    const { ask } = connect(() => undefined);
    expect(await ask("")).toEqual(new Uint8Array(0));
  });

  for (const { count, expected, how } of [
    { count: 31, expected: 1, how: "in one frame" },
    { count: 40, expected: 2, how: "in halves when they are many, so that the idle peer can begin" },
  ]) {
    it(`goes out with all others of its turn ${how}, and reaches the handlers in order`, async () => {
      const order: string[] = [];
      const { ask, far } = connect((_kind, payload) => {
        order.push(string(payload));
        return payload;
      });
      await ask("first");
      let frames = 0;
      far.on("data", () => frames++);
      const names = Array.from({ length: count }, (_, i) => `m${i}`);
      const answers = await Promise.all(names.map((name) => ask(name)));
      expect(answers.map(string)).toEqual(names);
      expect(order).toEqual(["first", ...names]);
      expect(frames).toBe(expected);
    });
  }

  it("is answered as soon as its own handler is done, whatever the others do", async () => {
    const gate = deferred<Uint8Array>();
    const { ask } = connect((_kind, payload) => (string(payload) === "slow" ? gate.promise : payload));
    const slow = ask("slow");
    expect(string(await ask("quick"))).toBe("quick");
    gate.resolve(text("at last"));
    expect(string(await slow)).toBe("at last");
  });

  it("carries the largest message both ways, beside small ones", async () => {
    const { requester, ask } = connect(echo);
    const large = new Uint8Array(MESSAGE_BYTES_MAX).fill(5);
    const both = Promise.all([requester.request("message", large, { timeoutMs: CALL_MS }), ask("small")]);
    const [a, b] = await both;
    expect(Buffer.compare(a, large)).toBe(0);
    expect(string(b)).toBe("small");
  });

  it("over the limit is refused before anything is sent, and so is such an answer", async () => {
    const { requester, ask } = connect(() => new Uint8Array(MESSAGE_BYTES_MAX + 1));
    const large = requester.request("message", new Uint8Array(MESSAGE_BYTES_MAX + 1), { timeoutMs: CALL_MS });
    await expect(large).rejects.toMatchObject({
      code: "message-too-large",
      message: expect.stringContaining("4194304"),
    });
    expect(await codeOf(ask("x"))).toBe("message-too-large");
  });
});

describe("a handler", () => {
  it("that throws, rejects or answers nonsense is an error without its text, and the next one is not disturbed", async () => {
    const { ask } = connect((_kind, payload) => {
      switch (string(payload)) {
        case "throw":
          throw new Error("no such key");
        case "reject":
          return Promise.reject("just a string");
        case "nonsense":
          return 7 as unknown as Uint8Array;
        case "other code":
          throw new FirefliesError("timeout", "its own call failed");
        case "reply":
          throw new ReplyError("sold out", { code: "gone" });
        case "missing":
          throw new FirefliesError("handler-missing");
        default:
          return payload;
      }
    });
    const { message } = new FirefliesError("handler-failed");
    for (const how of ["throw", "reject", "other code", "nonsense"]) {
      await expect(ask(how)).rejects.toMatchObject({ code: "handler-failed", message });
    }
    await expect(ask("reply")).rejects.toMatchObject({ name: "ReplyError", code: "gone", message: "sold out" });
    expect(await codeOf(ask("missing"))).toBe("handler-missing");
    expect(string(await ask("fine"))).toBe("fine");
  });

  it("that never returns is ended by its deadline: the sender is told, the signal fires, the slot is free", async () => {
    const signals: AbortSignal[] = [];
    const { ask, responder, budgets } = connect(
      (_kind, payload, { signal }) => {
        if (string(payload) !== "hang") return payload;
        signals.push(signal);
        return new Promise(() => {});
      },
      { handlerTimeoutMs: 20, budget: { concurrent: 1 } },
    );
    expect(await codeOf(ask("hang"))).toBe("handler-timeout");
    // Not before: what waits for the slot has the same time, and it would be over with this one's on a busy machine.
    expect(string(await ask("next"))).toBe("next");
    expect(signals[0]?.aborted).toBe(true);
    expect([responder.open, budgets.message.running]).toEqual([0, 0]);
  });

  it("that answers twice or too late changes nothing", async () => {
    const late = deferred<Uint8Array>();
    const { ask } = connect((_kind, payload) => (string(payload) === "late" ? late.promise : payload), {
      handlerTimeoutMs: 20,
    });
    expect(await codeOf(ask("late"))).toBe("handler-timeout");
    late.resolve(text("too late"));
    expect(string(await ask("fine"))).toBe("fine");
  });
});

describe("a caller", () => {
  it("gets a timeout, and the handler is told", async () => {
    const aborted = deferred();
    const { ask, requester } = connect((_kind, _payload, { signal }) => {
      signal.addEventListener("abort", () => aborted.resolve());
      return new Promise(() => {});
    });
    expect(await codeOf(ask("x", { timeoutMs: 20 }))).toBe("timeout");
    await aborted.promise;
    expect(requester.pending).toBe(0);
  });

  it("can cancel, before and after sending, and the handler is told", async () => {
    const started = deferred();
    const aborted = deferred();
    const { ask, responder } = connect((_kind, _payload, { signal }) => {
      signal.addEventListener("abort", () => aborted.resolve());
      started.resolve();
      return new Promise(() => {});
    });
    expect(await codeOf(ask("x", { signal: AbortSignal.abort() }))).toBe("cancelled");
    const controller = new AbortController();
    const calls = Array.from({ length: 20 }, () => codeOf(ask("x", { signal: controller.signal })));
    await started.promise;
    controller.abort();
    expect(new Set(await Promise.all(calls))).toEqual(new Set(["cancelled"]));
    await aborted.promise;
    await turn();
    await turn();
    expect(responder.open).toBe(0);
  });

  it("learns of the link's end, once, with the reason", async () => {
    const { ask, requester, far } = connect(() => new Promise(() => {}));
    const reasons: string[] = [];
    requester.onClose((error) => reasons.push(error.code));
    const running = codeOf(ask("x"));
    await turn();
    far.destroy(new FirefliesError("peer-removed"));
    expect(await running).toBe("peer-removed");
    expect(await codeOf(ask("y"))).toBe("peer-removed");
    requester.onClose((error) => reasons.push(error.code));
    expect(reasons).toEqual(["peer-removed", "peer-removed"]);
  });

  it("is refused with overloaded when too much waits on its own side", async () => {
    const { ask } = connect(() => new Promise(() => {}), { limits: { inFlight: 2, waiting: 3 } });
    const waiting = Array.from({ length: 5 }, () => codeOf(ask("x", { timeoutMs: 1_000 })));
    expect(await codeOf(ask("one more"))).toBe("overloaded");
    closing.pop()?.();
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(["link-closed"]));
  });

  it("sends only as much ahead of the answers as it may", async () => {
    let running = 0;
    let most = 0;
    const { ask } = connect(
      async (_kind, payload) => {
        most = Math.max(most, ++running);
        await turn();
        running--;
        return payload;
      },
      { limits: { inFlight: 4 } },
    );
    await Promise.all(Array.from({ length: 50 }, () => ask("x")));
    expect(most).toBe(4);
  });
});

describe("budgets", () => {
  it("bound the handlers at once over all links, and serve first whose handlers are fewest", async () => {
    const budget = new Budget({ concurrent: 2, reserved: 0 });
    const order: string[] = [];
    const job = (name: string) => ({ bytes: 1, ready: () => true, start: () => void order.push(name) });
    const [a, b] = [budget.open(alice.certificate.id), budget.open(bob.certificate.id)];
    for (const name of ["a1", "a2", "a3", "a4", "a5"]) budget.submit(a, job(name));
    for (const name of ["b1", "b2"]) budget.submit(b, job(name));
    expect(order).toEqual(["a1", "a2"]);
    for (const done of [a, a, b, a, b]) budget.release(done);
    expect(order).toEqual(["a1", "a2", "b1", "a3", "b2", "a4", "a5"]);
    budget.release(a);
    budget.release(a);
    expect(budget.running).toBe(0);
  });

  it("do not grow the stack when every job ends at once", () => {
    const budget = new Budget({ concurrent: 1, reserved: 0, waitingPerPeer: 100_000 });
    const [a, b] = [budget.open(alice.certificate.id), budget.open(bob.certificate.id)];
    let done = 0;
    const start = () => {
      done++;
      budget.release(b);
    };
    const blocker = { bytes: 0, ready: () => true, start: () => {} };
    budget.submit(a, blocker);
    for (let i = 0; i < 50_000; i++) budget.submit(b, { bytes: 0, ready: () => true, start });
    budget.release(a);
    expect([done, budget.running]).toEqual([50_000, 0]);
  });

  it("refuse what is over the queue with overloaded, and answer the rest", async () => {
    const gate = deferred();
    const answer: Dispatch = async (_kind, payload) => {
      await gate.promise;
      return payload;
    };
    const { ask } = connect(answer, { budget: { concurrent: 1, waitingPerPeer: 2 } });
    const codes = Array.from({ length: 6 }, () => codeOf(ask("x")));
    await codes[5];
    gate.resolve();
    expect(await Promise.all(codes)).toEqual([
      "no error",
      "no error",
      "no error",
      "overloaded",
      "overloaded",
      "overloaded",
    ]);
  });

  it("end the duplex of a member that asks for more and more and reads no answer", async () => {
    const answer = new Uint8Array(1024 * 1024);
    const { ask, near, responder } = connect(() => answer, { budget: { waitingPerPeer: 20 } });
    await ask("hello");
    near.pause();
    const codes = Array.from({ length: 100 }, () => codeOf(ask("more")));
    for (let i = 0; i < 50; i++) await turn();
    expect(responder.ended).toBe(true);
    near.resume();
    expect(await Promise.all(codes)).toContain("overloaded");
  });

  it("keep messages and gossip apart", async () => {
    const { ask } = connect((kind, payload) => (kind === "message" ? new Promise(() => {}) : payload), {
      budget: { concurrent: 1 },
    });
    const stuck = codeOf(ask("x"));
    expect(string(await ask("rumour", { kind: "gossip" }))).toBe("rumour");
    closing.pop()?.();
    expect(await stuck).toBe("link-closed");
  });

  it("start no more for a member that does not read its answers", async () => {
    const answer = new Uint8Array(1024 * 1024);
    let started = 0;
    const { ask, near, requester } = connect(() => {
      started++;
      return answer;
    });
    await ask("hello");
    near.pause();
    const answers = Array.from({ length: 100 }, () => ask("more"));
    for (let i = 0; i < 50; i++) await turn();
    expect(started).toBeLessThan(60);
    near.resume();
    await Promise.all(answers);
    expect(started).toBe(101);
    expect(requester.pending).toBe(0);
  });
});

describe("a member that stops", () => {
  it("answers what it has begun, refuses the rest, and knows then that its answers have come", async () => {
    const gate = deferred<Uint8Array>();
    const ended = deferred<FirefliesError>();
    const { ask, responder, requester } = connect(() => gate.promise, { onEnd: ended.resolve });
    const begun = ask("begun");
    await turn();
    expect(responder.drain()).toBe(true);
    expect(await codeOf(ask("new"))).toBe("member-stopping");
    expect(responder.ended).toBe(false);
    gate.resolve(text("done"));
    await ended.promise;
    expect(string(await begun)).toBe("done");
    expect(await codeOf(ask("too late"))).toBe("member-stopping");
    expect(requester.closed).toBe(true);
  });

  it("waits for the word of those that were answered just now, and of no others", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    const [idle, quiet, busy] = [connect(echo), connect(echo), connect(echo)];
    await quiet.ask("x");
    vi.advanceTimersByTime(2_000);
    await busy.ask("x");
    expect([idle, quiet, busy].map(({ responder }) => responder.drain())).toEqual([false, false, true]);
  });

  it("tells those it cuts whether their handler ran", async () => {
    const started = deferred();
    const { ask, responder, budgets } = connect(
      () => {
        started.resolve();
        return new Promise(() => {});
      },
      { budget: { concurrent: 1 } },
    );
    const codes = [codeOf(ask("runs")), codeOf(ask("waits")), codeOf(ask("waits"))];
    await started.promise;
    responder.drain();
    budgets.message.stop();
    expect(responder.cut()).toBe(1);
    expect(await Promise.all(codes)).toEqual(["handler-timeout", "member-stopping", "member-stopping"]);
    await expect.poll(() => responder.ended).toBe(true);
  });

  it("has settled when its own messages have their answers, whatever its gossip waits for", async () => {
    const gates = [deferred<Uint8Array>(), deferred<Uint8Array>()];
    const { ask, requester } = connect((kind, payload) =>
      kind === "gossip" ? new Promise(() => {}) : gates[Number(string(payload))]!.promise,
    );
    void codeOf(ask("rumour", { kind: "gossip" }));
    await requester.settled();
    const answers = [ask("0"), codeOf(ask("1"))];
    const order: string[] = [];
    const settled = requester.settled().then(() => order.push("settled"));
    await turn();
    order.push("one");
    gates[0]!.resolve(text("x"));
    await answers[0];
    await turn();
    order.push("two");
    gates[1]!.reject(new Error("boom"));
    await settled;
    expect(order).toEqual(["one", "two", "settled"]);
    expect(await answers[1]).toBe("handler-failed");
  });
});

describe("frames that lie", () => {
  /** Bob answers; the other end is written by hand. */
  async function attack(refusal?: () => FirefliesError | undefined) {
    const [near, far] = duplexPair(FRAME_BYTES_MAX);
    const delivered: string[] = [];
    const ended = deferred<FirefliesError>();
    const budgets = { message: new Budget(), gossip: new Budget() };
    new Responder({
      ...{ duplex: far, identity: bob, peer: alice.certificate, budgets, refusal },
      dispatch: (_kind, payload) => {
        delivered.push(string(payload));
        return payload;
      },
      onEnd: ended.resolve,
    });
    const nonce = new Uint8Array(NONCE_BYTES).fill(1);
    near.write(encodeHello({ version: FRAME_VERSION, nonce }));
    const hello = decodeFrame(((await once(near, "data")) as [Uint8Array])[0]);
    if (hello?.kind !== "hello") throw new Error("no hello");
    const common = linkNonce(nonce, hello.nonce);
    const forge = (
      id: number,
      counter: number,
      changes: {
        from?: Identity;
        to?: Identity;
        nonce?: Uint8Array;
        networkId?: Uint8Array;
        type?: "application";
      } = {},
    ) => {
      const { from = alice, to = bob } = changes;
      const content = encodeContent({ kind: "message", id, deadlineMs: 1000, payload: text(`m${id}`) }, SALT_BYTES);
      const prefix = listPrefix({
        sender: from.certificate.id,
        receiver: to.certificate.id,
        linkNonce: changes.nonce ?? common,
      });
      const list = listBody(prefix, counter, [content]);
      const networkId = changes.networkId ?? from.certificate.networkId;
      return {
        counter,
        signature: sign(from.privateKey, changes.type ?? "frame", networkId, list),
        messages: [content],
      };
    };
    return { near, delivered, ended: ended.promise, forge };
  }

  const send = (near: ByteDuplex, ...frames: Parameters<typeof encodeBatch>[0][]) => {
    for (const frame of frames) near.write(encodeBatch(frame));
  };

  it("are told from honest ones", async () => {
    const { near, delivered, forge } = await attack();
    send(near, forge(1, 1), forge(2, 2));
    await once(near, "data");
    expect(delivered).toEqual(["m1", "m2"]);
  });

  it.each([
    ["signed by another member", { from: "bob" }],
    ["for another receiver", { to: "alice" }],
    ["of another link", { nonce: new Uint8Array(32) }],
    ["of another network", { networkId: new Uint8Array(32) }],
    ["signed as something else", { type: "application" }],
  ] as const)("%s end the duplex before delivery", async (_what, changes) => {
    const { near, delivered, ended, forge } = await attack();
    const who = { bob, alice };
    const { from, to, ...rest } = changes as { from?: "bob"; to?: "alice" };
    send(
      near,
      forge(1, 1),
      forge(2, 2, { ...rest, ...(from && { from: who[from] }), ...(to && { to: who[to] }) }),
      forge(3, 3),
    );
    expect((await ended).code).toBe("bad-frame");
    expect(delivered).toEqual(["m1"]);
  });

  it.each([
    ["replayed", [1, 1]],
    ["skipped", [1, 3]],
    ["backwards", [2]],
  ])("with a counter %s end the duplex", async (_what, counters) => {
    const { near, delivered, ended, forge } = await attack();
    send(near, ...counters.map((counter, i) => forge(i + 1, counter)));
    expect((await ended).code).toBe("bad-frame");
    expect(delivered.length).toBe(counters.length - 1);
  });

  it("with a changed message, a second hello, a repeated id or an answer nobody asked for end the duplex", async () => {
    for (const make of [
      ({ near, forge }: Awaited<ReturnType<typeof attack>>) => {
        const frame = forge(1, 1);
        frame.messages[0]![SALT_BYTES + 14]! ^= 1;
        send(near, frame);
      },
      ({ near }: Awaited<ReturnType<typeof attack>>) =>
        near.write(encodeHello({ version: FRAME_VERSION, nonce: new Uint8Array(16) })),
      ({ near, forge }: Awaited<ReturnType<typeof attack>>) => send(near, forge(1, 1), forge(1, 2)),
      ({ near }: Awaited<ReturnType<typeof attack>>) => near.write(new Uint8Array(100)),
      ({ near }: Awaited<ReturnType<typeof attack>>) => near.write(new Uint8Array(0)),
    ]) {
      const setup = await attack();
      make(setup);
      expect((await setup.ended).code).toBe("bad-frame");
    }
  });

  it("and floods of them get a share of each turn, and get through", async () => {
    const { near, delivered, forge } = await attack();
    near.resume();
    const count = 200;
    send(near, ...Array.from({ length: count }, (_, index) => forge(index + 1, index + 1)));
    let most = 0;
    while (delivered.length < count) {
      const before = delivered.length;
      await new Promise((resolve) => setImmediate(resolve));
      most = Math.max(most, delivered.length - before);
    }
    expect(most).toBeLessThanOrEqual(32);
  });

  it.each([FRAME_VERSION - 1, FRAME_VERSION + 1])(
    "of version %i are refused with that reason, at both ends",
    async (version) => {
      const [near, far] = duplexPair(FRAME_BYTES_MAX);
      const requester = new Requester({ duplex: near, identity: alice, peer: bob.certificate });
      const call = codeOf(requester.request("message", text("x"), { timeoutMs: CALL_MS }));
      far.resume();
      far.write(encodeHello({ version, nonce: new Uint8Array(NONCE_BYTES) }));
      const [error] = (await once(far, "error")) as [FirefliesError];
      expect([await call, error.code]).toEqual(["protocol-version", "protocol-version"]);
    },
  );

  it("from a member that is no longer admitted end the duplex with the reason (R17)", async () => {
    let refused: FirefliesError | undefined;
    const { near, delivered, ended, forge } = await attack(() => refused);
    send(near, forge(1, 1));
    await once(near, "data");
    refused = new FirefliesError("peer-refused");
    send(near, forge(2, 2));
    expect((await ended).code).toBe("peer-refused");
    expect(delivered).toEqual(["m1"]);
  });
});

describe("deadlines on a virtual clock", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));

  it("leave no timer behind", async () => {
    const { ask } = connect(echo);
    await Promise.all(Array.from({ length: 10 }, () => ask("x", { timeoutMs: 60_000 })));
    expect(vi.getTimerCount()).toBe(0);
  });
});
