/** What members may make this process hold: as numbers, and with members of bad will over real connections. */
import { once } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, connect as http2Connect } from "node:http2";
import { connect as tlsConnect } from "node:tls";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { certificatesToPem, type FirefliesError, type Identity, privateKeyToPem } from "../../identity/index.js";
import type { Bound, ByteDuplex } from "../../net/index.js";
import { tcpTransport } from "../../net/index.js";
import { Budget, type Holder } from "../../net/session/budget.js";
import { STALL_MS, Stalls } from "../../net/session/stalls.js";
import type { MemberId } from "../../rings/index.js";
import { TestNetwork } from "../support/test-network.js";
import { bytes, codeOf, endOf, type Member, Scene, soon } from "./session-scene.js";

const MIB = 1024 * 1024;

describe("the budget", () => {
  const [greedy, modest] = ["aa", "bb"] as MemberId[];
  let budget: Budget;
  const cuts: string[] = [];
  beforeEach(() => {
    budget = new Budget(100);
    cuts.length = 0;
  });

  function holder(member: MemberId, name: string): Holder {
    const one: Holder = {
      cut: ({ code }) => {
        cuts.push(`${name} ${code}`);
        budget.set(member, one, 0);
      },
    };
    return one;
  }

  it("cuts the greediest member first, at its largest message", () => {
    budget.set(greedy!, holder(greedy!, "greedy small"), 20);
    budget.set(greedy!, holder(greedy!, "greedy large"), 50);
    const late = holder(modest!, "modest");
    budget.set(modest!, late, 20);
    expect(cuts).toEqual([]);
    budget.set(modest!, late, 40); // It is the modest one whose message grows over the limit.
    expect(cuts).toEqual(["greedy large overloaded"]);
    expect(budget.bytes).toBe(60);
  });

  it("cuts as many as it takes, and the one that asks if it is the greediest", () => {
    for (let i = 0; i < 4; i++) budget.set(modest!, holder(modest!, `modest ${i}`), 10);
    budget.set(greedy!, holder(greedy!, "greedy"), 101);
    expect(cuts).toEqual(["greedy overloaded"]);
    expect(budget.bytes).toBe(40);
  });

  it("counts to the byte what comes and goes", () => {
    const one = holder(modest!, "one");
    for (const held of [10, 60, 30, 0]) {
      budget.set(modest!, one, held);
      expect(budget.bytes).toBe(held);
    }
    expect(cuts).toEqual([]);
  });
});

describe("a message that was begun", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it("is given up when hardly a byte of it comes, and not while it waits for its own reader", () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const stalls = new Stalls();
    const ended: string[] = [];
    const one = (name: string) => ({ received: 0, isPaused: false, stalled: () => ended.push(name) });
    const [silent, slow, paused] = [one("silent"), one("slow"), { ...one("paused"), isPaused: true }];
    for (const each of [silent, slow, paused]) stalls.begin(each);
    for (let passed = 0; passed < 2 * STALL_MS; passed += 1_000) {
      vi.advanceTimersByTime(1_000);
      slow.received += 200;
    }
    expect(ended).toEqual(["silent"]);
    for (const each of [silent, slow, paused]) stalls.end(each);
    vi.advanceTimersByTime(STALL_MS);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("members of bad will", () => {
  let network: TestNetwork;
  let scene: Scene;
  let bob: Member;
  let bound: Bound;
  const sessions: ClientHttp2Session[] = [];
  beforeAll(async () => {
    network = await TestNetwork.create();
  });
  beforeEach(async () => {
    scene = new Scene({ create: tcpTransport, host: "127.0.0.1" });
    bob = scene.member(await network.member(), { memoryMax: 8 * MIB });
    bound = await scene.listen(bob);
  });
  afterEach(async () => {
    for (const session of sessions.splice(0)) session.destroy();
    await scene.close();
  });

  /** A proven member with an HTTP/2 of its own. */
  function rogue(identity: Identity): ClientHttp2Session {
    const socket = tlsConnect({
      port: bound.address.port,
      host: "127.0.0.1",
      key: privateKeyToPem(identity.privateKey),
      cert: certificatesToPem(identity.certificate.leaf, identity.certificate.issuer),
      rejectUnauthorized: false,
      ALPNProtocols: ["h2"],
    });
    const session = http2Connect("https://member", { createConnection: () => socket });
    session.on("error", () => {});
    sessions.push(session);
    return session;
  }

  interface Stream {
    readonly stream: ClientHttp2Stream;
    /** "grpc-status" and the code, or what the stream was reset with. */
    readonly end: Promise<string>;
  }

  function begin(session: ClientHttp2Session, id: string, more: Record<string, string> = {}): Stream {
    const stream = session.request({
      ":method": "POST",
      ":path": `/fireflies.v1.Overlay/${id}`,
      "content-type": "application/grpc",
      ...more,
    });
    stream.on("error", () => {});
    const end = new Promise<string>((resolve) => {
      const told = (fields: Record<string, unknown>) => {
        if (fields["grpc-status"] === undefined) return;
        resolve(`${fields["grpc-status"]} ${decodeURI(String(fields["grpc-message"] ?? "")).split(":")[0]}`);
      };
      stream.on("response", told);
      stream.on("trailers", told);
      stream.on("close", () => resolve(`reset ${stream.rstCode}`));
    });
    stream.resume();
    return { stream, end };
  }

  const prefix = (length: number, flag = 0) => {
    const out = Buffer.alloc(5);
    out[0] = flag;
    out.writeUInt32BE(length, 1);
    return out;
  };

  it("are refused a message too large at its length, before anything of it is held", async () => {
    const session = rogue(await network.member());
    for (const id of ["exchange", "stream"]) {
      const { stream, end } = begin(session, id);
      stream.write(prefix(5 * MIB));
      expect(await end).toBe("8 message-too-large");
      expect(bob.host.memory).toBe(0);
    }
  });

  it("are refused compressed calls and compressed messages", async () => {
    const session = rogue(await network.member());
    for (const encoding of ["gzip", "deflate"]) {
      expect(await begin(session, "exchange", { "grpc-encoding": encoding }).end).toBe("10 bad-frame");
    }
    const { stream, end } = begin(session, "messages");
    stream.write(prefix(100, 1));
    expect(await end).toBe("10 bad-frame");
  });

  it("are refused what is no call of ours, each with a status", async () => {
    const session = rogue(await network.member());
    expect(await begin(session, "nothing").end).toBe("12 protocol-unknown");
    expect(await begin(session, "../exchange").end).toBe("12 protocol-unknown");
    const { stream, end } = begin(session, "exchange");
    stream.end(Buffer.concat([prefix(5), Buffer.from("ffffffffff", "hex")]));
    expect(await end).toBe("10 bad-frame");
    const empty = begin(session, "exchange");
    empty.stream.end();
    expect(await empty.end).toBe("10 bad-frame");
    const twice = begin(session, "exchange");
    twice.stream.end(Buffer.concat([prefix(0), prefix(0)]));
    expect(await twice.end).toBe("10 bad-frame");
    const page = session.request({ ":method": "GET", ":path": "/" });
    const [headers] = await once(page, "response");
    expect(headers[":status"]).toBe(415);
    await (await scene.connect(scene.member(await network.member()), bound)).call("probe", bytes(1), soon());
  });

  it("hold no more than the budget together, and an honest member's messages get through meanwhile", async () => {
    const rogues = await Promise.all(Array.from({ length: 3 }, async () => rogue(await network.member())));
    const held: Stream[] = [];
    let most = 0;
    for (let i = 0; i < 8; i++) {
      for (const session of rogues) {
        const one = begin(session, "messages");
        held.push(one);
        one.stream.write(Buffer.concat([prefix(4 * MIB), Buffer.alloc(900_000)]));
        most = Math.max(most, bob.host.memory);
      }
    }
    const session = await scene.connect(scene.member(await network.member()), bound);
    for (let i = 0; i < 10; i++) {
      expect((await session.call("exchange", new Uint8Array(MIB), soon())).length).toBe(MIB);
      most = Math.max(most, bob.host.memory);
    }
    expect(await Promise.race(held.map(({ end }) => end))).toBe("8 overloaded");
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(8 * MIB);
    for (const each of rogues) each.destroy();
    await vi.waitFor(() => expect(bob.host.memory).toBe(0));
  });

  it("hold what a reader has left, in however small pieces it comes, within the budget", async () => {
    const session = rogue(await network.member());
    const { stream, end } = begin(session, "stream");
    await bob.nextDuplex(); // And nobody reads.
    stream.write(Buffer.concat([prefix(3), Buffer.from([0x0a, 1, 7]), prefix(3), Buffer.from([0x0a, 1, 7])]));
    // A megabyte in data frames of one byte, each of which would keep a block of what was read.
    for (let i = 0; i < 60_000 && !stream.destroyed; i++) {
      if (!stream.write(Buffer.from([0]))) await new Promise(setImmediate);
    }
    expect(bob.host.memory).toBeLessThanOrEqual(8 * MIB);
    expect(["8 overloaded", "open"]).toContain(await Promise.race([end, Promise.resolve("open")]));
  });

  it("cannot make the end that dialled hold more either", async () => {
    const alice = scene.member(await network.member(), { memoryMax: 8 * MIB });
    const session = await scene.connect(alice, bound);
    const accepted = await bob.nextSession();
    // The accepting side answers many calls at once with large bodies, and floods what is not read.
    bob.onCall = async () => new Uint8Array(4 * MIB);
    const flooded: ByteDuplex[] = Array.from({ length: 16 }, () => accepted.open("stream"));
    for (const duplex of flooded) for (let i = 0; i < 8; i++) duplex.write(new Uint8Array(MIB));
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, () => codeOf(session.call("exchange", bytes(), soon()))),
    );
    expect(["no error", "overloaded"]).toEqual(expect.arrayContaining([...new Set(outcomes)]));
    expect(alice.host.memory).toBeLessThanOrEqual(8 * MIB);
    const cut = (await Promise.all(flooded.map((duplex) => (duplex.destroyed ? endOf(duplex) : ["open"])))).flat();
    expect(["open", "overloaded"]).toEqual(expect.arrayContaining([...new Set(cut)]));
  });

  it("do not hold a slot with a refused call that they go on sending", async () => {
    const session = rogue(await network.member());
    const { stream, end } = begin(session, "nothing");
    expect(await end).toBe("12 protocol-unknown");
    const closed = new Promise<void>((resolve) => stream.once("close", () => resolve()));
    const write = () => !stream.destroyed && stream.write(Buffer.alloc(1_000));
    const timer = setInterval(write, 10);
    await closed;
    clearInterval(timer);
  });

  it("are answered with what they asked, or told why not: errors are errors of ours", async () => {
    const session = await scene.connect(scene.member(await network.member()), bound);
    bob.onCall = async () => {
      throw Object.assign(new Error("x".repeat(10_000)));
    };
    const error = await session.call("exchange", bytes(), soon()).catch((caught: FirefliesError) => caught);
    expect((error as FirefliesError).message.length).toBeLessThan(600);
  });
});
