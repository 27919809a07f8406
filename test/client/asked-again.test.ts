/** Links that are cut while messages are under way: each message is answered over another link, and handled once. */
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import { Budget } from "../../client/messages/budget.js";
import { LOST_MS, LostLinks } from "../../client/messages/lost-links.js";
import { Requester, type RequesterOptions } from "../../client/messages/requester.js";
import { type Dispatch, Responder } from "../../client/messages/responder.js";
import { FRAME_BYTES_MAX } from "../../client/protocols.js";
import { formatAddress } from "../../net/index.js";
import type { MemberId } from "../../rings/index.js";
import { duplexPair } from "../support/duplex-pair.js";
import { codeOf, deferred, OfflineNetwork, read, type TestClient, text, whole } from "../support/network.js";
import { freePort, TcpProxy } from "../support/tcp-proxy.js";
import { TestNetwork } from "../support/test-network.js";

vi.setConfig({ testTimeout: 30_000 });

/** Members a and b, whose sessions pass a proxy, whoever dials. */
async function scene(network: OfflineNetwork) {
  const proxies: TcpProxy[] = [];
  const member = async (entryAddrs: string[] = []) => {
    const port = await freePort();
    const proxy = network.closing(await TcpProxy.to({ scheme: "tcp", host: "127.0.0.1", port }), (each) =>
      each.close(),
    );
    proxies.push(proxy);
    const listen = `127.0.0.1:${port}`;
    return await network.member({ entryAddrs, listen, advertise: [formatAddress(proxy.address)] });
  };
  const a = await member();
  await a.start();
  const b = await member([a.address]);
  const handled = new Map<string, number>();
  const gate = { open: Promise.resolve() };
  b.registerMessageHandler(async (data) => {
    const what = read(data);
    handled.set(what, (handled.get(what) ?? 0) + 1);
    await gate.open;
    return text(`${what}!`);
  });
  await b.start();
  await whole([a, b]);
  const cut = () => {
    for (const proxy of proxies) proxy.reset();
  };
  return { a, b, handled, gate, cut };
}

const ask = (from: TestClient, to: TestClient, what: string) => from.sendToId(to.id, text(what), { timeout: 10_000 });

describe("a link that is cut", () => {
  it("while handlers run costs no message its answer, and none is handled twice", async () => {
    await using network = await OfflineNetwork.create();
    const { a, b, handled, gate, cut } = await scene(network);
    const open = deferred();
    gate.open = open.promise;
    const asked = Array.from({ length: 20 }, (_, index) => ask(a, b, `m${index}`));
    await vi.waitFor(() => expect(handled.size).toBe(20));
    cut();
    // One that comes over the next link, so that the others have been asked again by then.
    const later = ask(a, b, "later");
    await vi.waitFor(() => expect(handled.has("later")).toBe(true), { timeout: 10_000 });
    open.resolve();
    expect((await Promise.all([...asked, later])).map(read)).toEqual([
      ...Array.from({ length: 20 }, (_, index) => `m${index}!`),
      "later!",
    ]);
    expect(new Set(handled.values())).toEqual(new Set([1]));
  });

  it("again and again under load loses nothing, and nothing is handled twice", async () => {
    await using network = await OfflineNetwork.create();
    const { a, b, handled, cut } = await scene(network);
    const outcomes: Promise<string>[] = [];
    let isOver = false;
    const sending = (async () => {
      for (let number = 0; !isOver; number++) {
        outcomes.push(codeOf(ask(a, b, `m${number}`)));
        await new Promise((done) => setImmediate(done));
      }
    })();
    for (let cuts = 0; cuts < 5; cuts++) {
      const before = handled.size;
      await vi.waitFor(() => expect(handled.size).toBeGreaterThan(before + 50), { timeout: 10_000 });
      cut();
    }
    isOver = true;
    await sending;
    expect(new Set(await Promise.all(outcomes))).toEqual(new Set(["none"]));
    expect(new Set(handled.values())).toEqual(new Set([1]));
    expect(handled.size).toBe(outcomes.length);
  });

  it.each(["before", "after"])(
    "%s its member begins to stop holds up the stop until the handlers have answered",
    async (when) => {
      await using network = await OfflineNetwork.create();
      const { a, b, handled, gate, cut } = await scene(network);
      const open = deferred();
      gate.open = open.promise;
      const asked = ["one", "two"].map((what) => ask(a, b, what));
      await vi.waitFor(() => expect(handled.size).toBe(2));
      if (when === "before") cut();
      const stopped = b.stop({ drain: 20_000 });
      if (when === "after") cut();
      // Its link has been made again when something new is refused over it.
      await vi.waitFor(async () => expect(await codeOf(ask(a, b, "new"))).toBe("member-stopping"), { timeout: 10_000 });
      open.resolve();
      expect((await Promise.all(asked)).map(read)).toEqual(["one!", "two!"]);
      await stopped;
      expect(new Set(handled.values())).toEqual(new Set([1]));
      expect(b.alarms).toEqual([]);
    },
  );

  it("is told of by a stop that cuts its handlers, and their callers are told", async () => {
    await using network = await OfflineNetwork.create();
    const { a, b, handled, gate, cut } = await scene(network);
    gate.open = deferred().promise;
    const asked = codeOf(ask(a, b, "for ever"));
    await vi.waitFor(() => expect(handled.size).toBe(1));
    cut();
    await b.stop({ drain: 1_000 });
    expect(b.alarms).toMatchObject([{ code: "drain-expired", message: expect.stringContaining("1 handler.") }]);
    expect(["handler-timeout", "link-closed"]).toContain(await asked);
  });

  it("does not keep a cancelled message alive: its handler hears of it over the next link", async () => {
    await using network = await OfflineNetwork.create();
    const { a, b, cut } = await scene(network);
    const started = deferred();
    const aborted = deferred<unknown>();
    b.registerMessageHandler((data, { signal }) => {
      if (read(data) !== "long") return data;
      started.resolve();
      return new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          aborted.resolve(signal.reason);
          reject(signal.reason);
        });
      });
    });
    const cancel = new AbortController();
    const asked = codeOf(a.sendToId(b.id, text("long"), { timeout: 20_000, signal: cancel.signal }));
    await started.promise;
    cut();
    // They wait for the same dial; after some round trips it has been asked again.
    for (let trip = 0; trip < 10; trip++) expect(read(await ask(a, b, `${trip}`))).toBe(`${trip}`);
    cancel.abort();
    expect(await asked).toBe("cancelled");
    expect(await aborted.promise).toMatchObject({ code: "cancelled" });
  });
});

it("what was on its way when its caller gave a link up is not handled beside the same message over another link", async () => {
  const network = await TestNetwork.create();
  const [alice, bob] = [await network.member(), await network.member()];
  const handled: string[] = [];
  const responders: Responder[] = [];
  const budgets = { message: new Budget(), gossip: new Budget() };
  const lost = {
    add: (_: string, responder: Responder) => responder.release(),
    get: (link: string) => responders.find((each) => each.link === link),
    came: () => true,
    neverCame: () => false,
  };
  const dispatch: Dispatch = (_, data) => {
    handled.push(read(data));
    return data;
  };
  const link = (onLost?: RequesterOptions["onLost"]) => {
    const [near, far] = duplexPair(FRAME_BYTES_MAX);
    const peer = alice.certificate;
    responders.push(new Responder({ duplex: far, identity: bob, peer, dispatch, budgets, lost }));
    return { near, far, requester: new Requester({ duplex: near, identity: alice, peer: bob.certificate, onLost }) };
  };
  const next = link();
  const first = link((requests) => {
    for (const request of requests) next.requester.resume(request);
  });
  const ask = (what: string) => first.requester.request("message", text(what), { timeoutMs: 10_000 });
  expect(read(await ask("before"))).toBe("before");
  // From here on what is sent stands still on the way, and only the caller knows that the link is lost.
  first.far.pause();
  const asked = ask("once");
  await turn();
  await turn();
  first.near.destroy = () => first.near;
  first.near.emit("close");
  expect(read(await asked)).toBe("once");
  first.far.resume();
  for (let turns = 0; turns < 10; turns++) await turn();
  expect(handled).toEqual(["before", "once"]);
  for (const each of [...responders, next.requester]) each.close();
});

it("a lost link is kept for those who ask again, and longer while somebody waits for an answer of its handlers", () => {
  vi.useFakeTimers();
  try {
    const lost = new LostLinks();
    const state = { isAskedAgain: false, ended: 0 };
    const responder = {
      get isAskedAgain() {
        return state.isAskedAgain;
      },
      release: () => void state.ended++,
    } as unknown as Responder;
    const id = "0f".repeat(32) as MemberId;
    lost.add(id, "link", responder);
    state.isAskedAgain = true;
    vi.advanceTimersByTime(10 * LOST_MS);
    expect(state.ended).toBe(0);
    state.isAskedAgain = false;
    vi.advanceTimersByTime(LOST_MS);
    expect(state.ended).toBe(1);
    expect(lost.get(id, "link")).toBeUndefined();
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});
