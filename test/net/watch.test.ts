/** A session whose other end has gone silent is found out and closed; one that is idle costs nothing. */
import { once } from "node:events";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { FirefliesError, Identity } from "../../identity/index.js";
import { deadlineIn, type Session, tcpTransport } from "../../net/index.js";
import { PING_TIMEOUT_MS, PULSE_BYTES, SILENCE_MS, Vigil, verdict, Watch } from "../../net/session/watch.js";
import { TcpProxy, type Way } from "../support/tcp-proxy.js";
import { TestNetwork } from "../support/test-network.js";
import { bytes, codeOf, endOf, type Opened, Scene } from "./session-scene.js";

describe("a silence", () => {
  it.each([
    { since: 0, pingedAt: undefined, now: SILENCE_MS - 1, expected: "wait" },
    { since: 0, pingedAt: undefined, now: SILENCE_MS, expected: "ping" },
    { since: 500, pingedAt: undefined, now: SILENCE_MS, expected: "wait" },
    { since: 0, pingedAt: 2_100, now: 2_100 + PING_TIMEOUT_MS - 1, expected: "wait" },
    { since: 0, pingedAt: 2_100, now: 2_100 + PING_TIMEOUT_MS, expected: "lost" },
  ])("since $since, pinged at $pingedAt, calls at $now for: $expected", ({ since, pingedAt, now, expected }) => {
    expect(verdict({ since, pingedAt }, now)).toBe(expected);
  });
});

describe("a vigil", () => {
  /** A session of numbers, on a clock of its own. */
  class Subject {
    bytesRead = 0;
    readonly told: string[] = [];
    readonly ping = () => void this.told.push("ping");
    readonly lost = () => void this.told.push("lost");
    readonly pulse = () => void this.told.push("pulse");
  }
  let subject: Subject;
  let vigil: Vigil;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "setInterval", "clearInterval", "performance"] });
    subject = new Subject();
    vigil = new Vigil(new Watch(), subject);
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** So many milliseconds in which this process ran, and what it reads from its sockets then. */
  async function pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 100) {
      vi.advanceTimersByTime(100);
      for (let turn = 0; turn < 8; turn++) await new Promise(setImmediate);
    }
  }

  it("pings after two seconds without an answer, and gives up after two more", async () => {
    vigil.asked();
    await pass(1_900);
    expect(subject.told).toEqual([]);
    await pass(300);
    expect(subject.told).toEqual(["ping"]);
    await pass(1_700);
    expect(subject.told).toEqual(["ping"]);
    await pass(300);
    expect(subject.told).toEqual(["ping", "lost"]);
  });

  it("takes any byte for life, again and again", async () => {
    vigil.asked();
    for (let i = 0; i < 3; i++) {
      await pass(3_000);
      subject.bytesRead += 17;
    }
    expect(subject.told).toEqual(["ping", "ping", "ping"]);
  });

  it("ends with the answer, and leaves no timer", async () => {
    vigil.asked();
    await pass(1_000);
    vigil.answered();
    await pass(200);
    expect(vi.getTimerCount()).toBe(0);
    vigil.sent();
    subject.bytesRead += 1;
    await pass(200);
    expect(vi.getTimerCount()).toBe(0);
    expect(subject.told).toEqual([]);
  });

  it("awaits something for what was sent since the last byte that came", async () => {
    vigil.sent();
    subject.bytesRead += 1;
    vigil.sent();
    await pass(2_200);
    expect(subject.told).toEqual(["ping"]);
  });

  it("gives a sign of life once a second while much arrives and nothing goes back, and needs no timer for it", async () => {
    const arrive = async (seconds: number, bytesEach: number) => {
      for (let tenth = 0; tenth < 10 * seconds; tenth++) {
        subject.bytesRead += bytesEach;
        vigil.arrived();
        await pass(100);
      }
    };
    await arrive(4, PULSE_BYTES / 10);
    expect(vi.getTimerCount()).toBe(0);
    expect(subject.told).toEqual(["pulse", "pulse", "pulse"]);
    subject.told.length = 0;
    await arrive(4, 10);
    expect(subject.told).toEqual([]);
    for (let tenth = 0; tenth < 40; tenth++) {
      vigil.sent();
      subject.bytesRead += PULSE_BYTES;
      vigil.arrived();
      await pass(100);
    }
    expect(subject.told).toEqual([]);
  });

  it("does not count the time in which its own process did not run", () => {
    vigil.asked();
    vigil.look(4_100, 4_000);
    vigil.look(6_000, 0);
    expect(subject.told).toEqual([]);
  });

  it("reads what waits in the sockets before it judges", async () => {
    vigil.asked();
    vi.advanceTimersByTime(2_100);
    setImmediate(() => {
      subject.bytesRead += 1; // Came long ago, and is read only now.
    });
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(subject.told).toEqual([]);
  });
});

describe("a session over a path that stops forwarding", () => {
  let [aliceId, bobId]: Identity[] = [];
  beforeAll(async () => {
    const network = await TestNetwork.create();
    [aliceId, bobId] = [await network.member(), await network.member()];
  });

  interface Pair {
    readonly dialled: Session;
    readonly accepted: Session;
    readonly opened: () => Promise<Opened>;
    readonly proxy: TcpProxy;
  }
  const closing: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  async function pair({ upRate = Number.POSITIVE_INFINITY } = {}): Promise<Pair> {
    const scene = new Scene({ create: tcpTransport, host: "127.0.0.1" });
    const [alice, bob] = [scene.member(aliceId!), scene.member(bobId!)];
    bob.onCall = alice.onCall = async (_, body) => (body.length > 0 ? body : new Promise<never>(() => {}));
    const proxy = await TcpProxy.to((await scene.listen(bob)).address);
    closing.push(
      () => scene.close(),
      () => proxy.close(),
    );
    proxy.upRate = upRate;
    const dialled = await scene.connect(alice, { address: proxy.address, close: async () => {} });
    return { dialled, accepted: await bob.nextSession(), opened: () => bob.nextDuplex(), proxy };
  }

  const lossOf = (session: Session) =>
    new Promise<{ readonly afterMs: number; readonly reason: FirefliesError }>((resolve) => {
      const from = performance.now();
      session.onClose((reason) => resolve({ afterMs: performance.now() - from, reason }));
    });

  const ask = (session: Session) => codeOf(session.call("probe", bytes(1), { deadline: deadlineIn(60_000) }));

  /** What is awaited, of which session, and which way is stalled. */
  const losses: Readonly<Record<string, (made: Pair) => [Session, Promise<unknown>, ...Way[]]>> = {
    "a call of the end that dialled": ({ dialled }) => [dialled, ask(dialled), "up", "down"],
    "an answer, while all that is sent arrives": ({ dialled }) => [dialled, ask(dialled), "down"],
    "a call back that does not get there": ({ accepted }) => [accepted, ask(accepted), "down"],
    "bytes on a duplex": ({ dialled }) => {
      const duplex = dialled.open("stream");
      duplex.write(bytes(1));
      return [dialled, endOf(duplex).then(([code]) => code), "up"];
    },
  };

  it("is closed within 4.5 s, whatever is awaited and whichever way is stalled", async () => {
    const found = await Promise.all(
      Object.values(losses).map(async (begin) => {
        const made = await pair();
        await made.dialled.call("probe", bytes(1), { deadline: deadlineIn(5_000) });
        const [session, outcome, ...ways] = begin(made);
        made.proxy.stall(...ways);
        return { ...(await lossOf(session)), outcome: await outcome };
      }),
    );
    for (const { afterMs, reason, outcome } of found) {
      expect(afterMs).toBeGreaterThan(SILENCE_MS + PING_TIMEOUT_MS - 100);
      expect(afterMs).toBeLessThan(4_500);
      expect(reason).toMatchObject({ code: "link-closed", message: expect.stringContaining("four seconds") });
      expect(outcome).toBe("link-closed");
    }
  });

  it("sends nothing while nothing is awaited, however long a handler of the other side takes to begin", async () => {
    const { dialled, accepted, proxy } = await pair();
    const idle = dialled.open("stream");
    idle.write(bytes(1));
    await dialled.call("probe", bytes(1), { deadline: deadlineIn(5_000) });
    await accepted.call("probe", bytes(1), { deadline: deadlineIn(5_000) });
    await vi.waitFor(() => expect(accepted.active).toBe(1));
    let before = -1;
    // Until the last acknowledgements have passed.
    await vi.waitFor(() => {
      const { bytes: now } = proxy;
      const isQuiet = now === before;
      before = now;
      expect(isQuiet).toBe(true);
    });
    const awaited = await pair();
    awaited.proxy.stall("up", "down");
    ask(awaited.dialled);
    await lossOf(awaited.dialled); // Four seconds, by an event.
    expect(proxy.bytes - before).toBe(0);
    expect([dialled.closed, accepted.closed]).toEqual([false, false]);
    idle.end();
    await once(idle, "finish");
  });

  it("ends a duplex with link-closed at both ends, though only one of them finds it out", async () => {
    const { dialled, opened, proxy } = await pair();
    const mine = dialled.open("stream");
    const ended = endOf(mine);
    mine.write(bytes(1));
    const { duplex: theirs } = await opened();
    theirs.write(bytes(2));
    await once(mine, "data");
    proxy.stall("up");
    theirs.write(bytes(3)); // Arrives; that it has does not.
    expect([await endOf(theirs), await ended]).toEqual([["link-closed"], ["link-closed"]]);
  });

  it("carries what takes longer than that over a slow path", async () => {
    const { dialled, accepted, proxy } = await pair({ upRate: 120 * 1024 });
    // A whole window is on its way at once, and its receiver has nothing to say to any of it: 8 seconds.
    const answer = dialled.call("probe", new Uint8Array(960 * 1024), { deadline: deadlineIn(60_000) });
    expect(await codeOf(answer)).toBe("no error");
    expect(proxy.bytes).toBeGreaterThan(960 * 1024);
    expect([dialled.closed, accepted.closed]).toEqual([false, false]);
  }, 30_000);

  it("lives on when the path comes back before it is given up", async () => {
    const { dialled, proxy } = await pair();
    proxy.stall("up", "down");
    const answer = ask(dialled);
    const awaited = await pair();
    awaited.proxy.stall("up", "down");
    // A ping of the other pair has been sent when its first silence is over.
    const before = awaited.proxy.bytes;
    ask(awaited.dialled);
    setTimeout(() => proxy.flow(), SILENCE_MS + 1_000);
    expect(await answer).toBe("no error");
    expect(awaited.proxy.bytes).toBe(before);
    expect(dialled.closed).toBe(false);
  });
});
