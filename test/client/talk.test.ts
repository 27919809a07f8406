/** Messages and application gossip between whole clients, over real sockets. */
import { type AddressInfo, createServer, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { CONCURRENT_MESSAGES } from "../../client/messages/budget.js";
import { MESSAGE_BYTES_MAX } from "../../client/protocols.js";
import { SEND_TIMEOUT_MS } from "../../client/timeouts.js";
import type { MessageContext } from "../../client/types.js";
import {
  codeOf,
  DEADLINE_MS,
  deferred,
  OfflineNetwork,
  read,
  type TestClient,
  text,
  until,
} from "../support/network.js";

let network: OfflineNetwork;
let alice: TestClient;
let bob: TestClient;
let carol: TestClient;

beforeAll(async () => {
  const made = await OfflineNetwork.of(3);
  network = made.network;
  [alice, bob, carol] = made.clients as [TestClient, TestClient, TestClient];
});
afterAll(() => network[Symbol.asyncDispose]());

const NOBODY = "127.0.0.1:1";
const echo = (data: Uint8Array) => data;

describe("a message", () => {
  it("goes to an address or to an id and comes back with the handler's reply", async () => {
    bob.registerMessageHandler(async (data) => text(`got ${read(data)}`));
    expect(read(await alice.sendTo(bob.address, text("one")))).toBe("got one");
    expect(read(await alice.sendToId(bob.id, text("two")))).toBe("got two");
  });

  it("goes to the member whose id alone begins so, and to nobody when several are meant", async () => {
    bob.registerMessageHandler(echo);
    expect(read(await alice.sendToId(bob.id.slice(0, 20).toUpperCase(), text("two")))).toBe("two");
    await expect(alice.sendToId("", text("x"))).rejects.toMatchObject({ code: "peer-unknown" });
    const ids = [alice.id, bob.id, carol.id];
    const shared = [..."0123456789abcdef"].find((digit) => ids.filter((id) => id.startsWith(digit)).length > 1);
    if (shared !== undefined) expect(await codeOf(alice.sendToId(shared, text("x")))).toBe("id-ambiguous");
  });

  it("of no bytes, and without a reply, is answered with no bytes", async () => {
    const seen: number[] = [];
    bob.registerMessageHandler((data) => {
      seen.push(data.length);
      return undefined;
    });
    expect(await alice.sendToId(bob.id, new Uint8Array(0))).toEqual(new Uint8Array(0));
    expect(seen).toEqual([0]);
  });

  it("tells the handler who sent it", async () => {
    const from: MessageContext["from"][] = [];
    carol.registerMessageHandler((_, context) => {
      from.push(context.from);
      return undefined;
    });
    await alice.sendToId(carol.id, text("a"));
    await bob.sendTo(carol.address, text("b"));
    expect(from).toEqual([
      { id: alice.id, address: alice.address },
      { id: bob.id, address: bob.address },
    ]);
  });

  it("that is small does not wait for a huge one that was sent before it", async () => {
    const arrived: number[] = [];
    bob.registerMessageHandler((data) => {
      arrived.push(data.length);
      return undefined;
    });
    await Promise.all([new Uint8Array(MESSAGE_BYTES_MAX), text("small")].map((data) => alice.sendToId(bob.id, data)));
    expect(arrived).toEqual([5, MESSAGE_BYTES_MAX]);
  });

  it("to nobody says so", async () => {
    expect(await codeOf(alice.sendToId("00".repeat(32), text("x")))).toBe("peer-unknown");
    const named = alice.sendToId("bob", text("x"));
    await expect(named).rejects.toMatchObject({ code: "peer-unknown", message: expect.stringContaining('name "bob"') });
    expect(await codeOf(alice.openStream("bob"))).toBe("peer-unknown");
    expect(await codeOf(alice.sendTo(NOBODY, text("x")))).toBe("peer-unreachable");
  });

  it("with a timeout that is no time is refused at once", async () => {
    for (const timeout of [0, -1, Number.NaN]) {
      await expect(alice.sendToId(bob.id, text("x"), { timeout })).rejects.toThrow(RangeError);
      await expect(alice.sendTo(bob.address, text("x"), { timeout })).rejects.toThrow(RangeError);
    }
  });

  it("over the limit is refused at once, and as a reply reaches the sender as an error", async () => {
    bob.registerMessageHandler(() => new Uint8Array(MESSAGE_BYTES_MAX + 1));
    expect(await codeOf(alice.sendToId(bob.id, new Uint8Array(MESSAGE_BYTES_MAX + 1)))).toBe("message-too-large");
    expect(await codeOf(alice.sendToId(bob.id, text("x")))).toBe("message-too-large");
  });

  it("of exactly the limit arrives", async () => {
    bob.registerMessageHandler(echo);
    const data = new Uint8Array(MESSAGE_BYTES_MAX).fill(7);
    expect((await alice.sendToId(bob.id, data)).length).toBe(MESSAGE_BYTES_MAX);
  });

  it("of anything but bytes is a mistake of the program, and says so", async () => {
    bob.registerMessageHandler(echo);
    for (const data of ["text", undefined, null, 3, { length: 3 }, [1, 2]]) {
      await expect(alice.sendToId(bob.id, data as never)).rejects.toThrow(TypeError);
      await expect(alice.sendTo(bob.address, data as never)).rejects.toThrow(TypeError);
      expect(() => alice.setGossipContent(data as never)).toThrow(TypeError);
    }
    expect(read(await alice.sendToId(bob.id, Buffer.from("a Buffer")))).toBe("a Buffer");
  });

  it("finds a handler that was registered late", async () => {
    const late = await network.start({ entryAddrs: [alice.address] });
    await until(alice, () => alice.ids.includes(late.id));
    await until(late, () => late.ids.includes(alice.id));
    expect(await codeOf(alice.sendToId(late.id, text("x")))).toBe("handler-missing");
    late.registerMessageHandler(echo);
    expect(read(await alice.sendToId(late.id, text("x")))).toBe("x");
    await late.stop();
    await until(alice, () => !alice.ids.includes(late.id));
  });
});

describe("a handler", () => {
  it.each([
    [
      "throws",
      () => {
        throw new Error("boom");
      },
    ],
    ["rejects", async () => Promise.reject(new Error("boom"))],
    [
      "throws something else",
      () => {
        throw "boom";
      },
    ],
  ])("that %s reaches the sender as handler-failed, without its text", async (_what, handler) => {
    bob.registerMessageHandler(handler as never);
    await expect(alice.sendToId(bob.id, text("x"))).rejects.toMatchObject({
      code: "handler-failed",
      message: expect.not.stringContaining("boom"),
    });
    bob.registerMessageHandler(echo);
    expect(read(await alice.sendToId(bob.id, text("still there")))).toBe("still there");
  });

  it("that returns something else than bytes fails", async () => {
    bob.registerMessageHandler((() => "text") as never);
    expect(await codeOf(alice.sendToId(bob.id, text("x")))).toBe("handler-failed");
  });

  it("that never returns costs the sender its timeout, and learns that nobody waits", async () => {
    const given = deferred<unknown>();
    bob.registerMessageHandler((_, { signal }) => {
      signal.addEventListener("abort", () => given.resolve(signal.reason), { once: true });
      return new Promise(() => {});
    });
    expect(["timeout", "handler-timeout"]).toContain(await codeOf(alice.sendToId(bob.id, text("x"), { timeout: 100 })));
    expect(await given.promise).toMatchObject({ code: expect.stringMatching(/^(cancelled|handler-timeout)$/) });
  });

  it("that never returns does not keep others waiting for ever", async () => {
    bob.registerMessageHandler((data) => (data[0] === 1 ? new Promise(() => {}) : data));
    const hanging = Array.from({ length: 60 }, () =>
      codeOf(alice.sendToId(bob.id, Uint8Array.of(1), { timeout: 300 })),
    );
    expect(await carol.sendToId(bob.id, Uint8Array.of(2))).toEqual(Uint8Array.of(2));
    for (const code of await Promise.all(hanging)) expect(["timeout", "handler-timeout"]).toContain(code);
  });
});

describe("a sender", () => {
  it("may cancel, before and during", async () => {
    const started = deferred();
    const ended = deferred();
    bob.registerMessageHandler((_, { signal }) => {
      signal.addEventListener("abort", () => ended.resolve(), { once: true });
      started.resolve();
      return new Promise(() => {});
    });
    const abort = new AbortController();
    const sent = codeOf(alice.sendToId(bob.id, text("x"), { signal: abort.signal }));
    await started.promise;
    abort.abort();
    expect(await sent).toBe("cancelled");
    await ended.promise;
    expect(await codeOf(alice.sendToId(bob.id, text("x"), { signal: abort.signal }))).toBe("cancelled");
    expect(await codeOf(alice.sendTo(NOBODY, text("x"), { signal: abort.signal }))).toBe("cancelled");
  });

  it("has 1,000 messages under way at once, each with its own reply", async () => {
    bob.registerMessageHandler(async (data) => {
      await new Promise(setImmediate);
      return data;
    });
    const sent = Array.from({ length: 1000 }, (_, index) => alice.sendToId(bob.id, text(`${index}`)));
    const replies = await Promise.all(sent);
    expect(replies.map(read)).toEqual(Array.from({ length: 1000 }, (_, index) => `${index}`));
  });

  it("is answered however many handlers of another member hang", async () => {
    const [hang, free] = [deferred(), deferred()];
    let hanging = 0;
    bob.registerMessageHandler(async (data, { from }) => {
      if (from.id === carol.id) return data;
      hanging += 1;
      if (hanging === CONCURRENT_MESSAGES) hang.resolve();
      await free.promise;
      return data;
    });
    const many = Array.from({ length: CONCURRENT_MESSAGES * 2 }, () => alice.sendToId(bob.id, text("x")));
    await hang.promise;
    expect(read(await carol.sendToId(bob.id, text("hello")))).toBe("hello");
    expect(hanging).toBe(CONCURRENT_MESSAGES);
    free.resolve();
    await Promise.all(many);
  });

  it("does not wait longer for a dial than its timeout", async () => {
    await using other = await OfflineNetwork.create();
    // Whoever listens here accepts and says nothing.
    const sockets: Socket[] = [];
    const silent = createServer((socket) => sockets.push(socket.on("error", () => {})));
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as AddressInfo;
    const lone = await other.start();
    const startedAt = performance.now();
    expect(await codeOf(lone.sendTo(`127.0.0.1:${port}`, text("x"), { timeout: 50 }))).toBe("timeout");
    const abort = new AbortController();
    const cancelled = codeOf(lone.sendTo(`127.0.0.1:${port}`, text("x"), { signal: abort.signal }));
    abort.abort();
    expect(await cancelled).toBe("cancelled");
    expect(performance.now() - startedAt).toBeLessThan(2_000); // Less than the dial's own deadline.
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
});

describe("application gossip", () => {
  it("reaches the neighbours' handlers, and their replies come back with their senders", async () => {
    const heard = new Map<string, string>();
    const answered = new Map<string, string>();
    const all = deferred();
    const clients = [alice, bob, carol];
    for (const client of clients) {
      client.registerGossipHandler((data, { from }) => {
        heard.set(`${from.id} to ${client.id}`, read(data));
        return text(`thanks from ${client.id}`);
      });
      client.registerResponseHandler((data, { from }) => {
        answered.set(`${from.id} to ${client.id}`, read(data));
        if (heard.size === 6 && answered.size === 6) all.resolve();
      });
      client.setGossipContent(text(`news of ${client.id}`));
    }
    await withDeadline(all.promise);
    for (const a of clients) {
      for (const b of clients) {
        if (a === b) continue;
        expect(heard.get(`${a.id} to ${b.id}`)).toBe(`news of ${a.id}`);
        expect(answered.get(`${b.id} to ${a.id}`)).toBe(`thanks from ${b.id}`);
      }
    }
  });

  it("survives handlers that throw, and says so to their own program", async () => {
    const failures = deferred();
    const seen = new Set<string>();
    alice.registerAlarmHandler((alarm) => {
      if (alarm.message.includes("gossip boom")) seen.add("gossip");
      if (alarm.message.includes("response boom")) seen.add("response");
      if (seen.size === 2) failures.resolve();
      throw new Error("an alarm handler that throws");
    });
    alice.registerGossipHandler(() => {
      throw new Error("gossip boom");
    });
    alice.registerResponseHandler(async () => {
      throw new Error("response boom");
    });
    await withDeadline(failures.promise);
    // And it goes on.
    const again = deferred();
    alice.registerResponseHandler(() => again.resolve());
    await withDeadline(again.promise);
  });

  it("over the limit is refused when it is set", () => {
    expect(() => alice.setGossipContent(new Uint8Array(MESSAGE_BYTES_MAX + 1))).toThrow(
      expect.objectContaining({ code: "message-too-large" }),
    );
  });

  it("goes on beside a response handler that never returns", async () => {
    const sends = 2; // One for each neighbour: as many handlers hang before the first is given up.
    let hanging = 0;
    const [allHang, goesOn] = [deferred(), deferred()];
    alice.registerResponseHandler(() => {
      hanging += 1;
      if (hanging === sends) allHang.resolve();
      if (hanging > sends) goesOn.resolve();
      return new Promise(() => {});
    });
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"], shouldAdvanceTime: true });
    try {
      await allHang.promise;
      vi.advanceTimersByTime(SEND_TIMEOUT_MS);
      await goesOn.promise;
    } finally {
      vi.useRealTimers();
    }
  });
});

async function withDeadline(promise: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("not in time")), DEADLINE_MS);
  });
  await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
