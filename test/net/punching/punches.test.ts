import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { askingOnly } from "../../../client/protocols.js";
import type { Identity } from "../../../identity/index.js";
import { deadlineIn, NameResolver, parseAddress, type Session, Stack, tcpTransport } from "../../../net/index.js";
import { encodeOffer, type NatMapping, NONCE_BYTES, type PunchOffer, parseOffer } from "../../../net/punching/offer.js";
import { PUNCH, Punches, type PunchWay } from "../../../net/punching/punches.js";
import { tcpWay } from "../../../net/punching/tcp-punch.js";
import { OutPort } from "../../../net/transports/out-port.js";
import { codeOf } from "../../support/network.js";
import { TestNetwork } from "../../support/test-network.js";

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

const now = () => performance.now();

/** A stack that punches over TCP, on loopback. */
class Puncher {
  readonly out = new OutPort();
  readonly ways: PunchWay[] = [tcpWay(this.out, Math.random)];
  mapping: NatMapping = "port";
  readonly stack: Stack;
  readonly punches: Punches;
  candidates: readonly string[] | undefined;
  mayDial = true;
  ready: Promise<void> = Promise.resolve();

  constructor(readonly identity: Identity) {
    const resolver = new NameResolver({ now });
    const protocols = askingOnly();
    this.stack = new Stack({
      transports: [tcpTransport({ out: this.out })],
      resolver,
      protocols,
      identity: () => identity,
      now,
      wall: Date.now,
      mine: () => ["127.0.0.1:1"],
    });
    this.punches = new Punches({
      self: identity.certificate.id,
      ways: this.ways,
      mine: () =>
        (this.candidates ?? [`127.0.0.1:${this.out.known}`]).map((text) => ({
          address: parseAddress(text)!,
          mapping: this.mapping,
        })),
      mayDial: () => this.mayDial,
      connect: (connection, options) => this.stack.connect(connection, options),
      accept: (connection, from, path) => this.stack.accept(connection, from, path),
      ready: () => this.ready,
      reached: (id) => this.stack.links.get(id)?.sessions.find(({ path }) => path.kind === "punched"),
      now,
    });
    this.punches.speak(protocols);
    open.push(async () => {
      this.punches.close();
      resolver.close();
      await this.stack.close(0);
    });
  }

  get id() {
    return this.identity.certificate.id;
  }

  paths(id: Puncher["id"]) {
    return this.stack.links.get(id)?.paths.map(({ kind }) => kind) ?? [];
  }
}
/** As if a relay had made it of two others. */
const RELAYED = { kind: "relayed", address: parseAddress(`relay://${"0f".repeat(32)}`)!, via: [] } as const;

/** Two of them, and a relayed session that the second has made: `over` is the first one's end of it, `back` the other. */
async function pair(): Promise<{ a: Puncher; b: Puncher; over: Session; back: Session; network: TestNetwork }> {
  const network = await TestNetwork.create();
  const a = new Puncher(await network.member());
  return { ...(await joined(network, a)), network };
}

/** Another one that has made a relayed session with this one. */
async function joined(network: TestNetwork, a: Puncher) {
  const b = new Puncher(await network.member());
  const relay = createServer((socket) => {
    a.stack.accept(socket, RELAYED.address, { ...RELAYED, direction: "accepted" });
  });
  await new Promise<void>((done) => relay.listen(0, "127.0.0.1", done));
  open.push(() => void relay.close());
  const path = { ...RELAYED, direction: "dialled" } as const;
  const connection = connect((relay.address() as AddressInfo).port, "127.0.0.1");
  const back = await b.stack.connect(connection, { path, expect: a.id, deadline: deadlineIn(5_000) });
  await Promise.all([a.out.port(), b.out.port()]);
  await expect.poll(() => a.stack.links.get(b.id)?.sessions.length).toBe(1);
  return { a, b, over: a.stack.links.get(b.id)!.sessions[0]!, back };
}

describe("a punch", () => {
  it("makes a session of its own, proven at both ends, from the ports that were named", async () => {
    const { a, b, over } = await pair();
    const session = await a.punches.punch(over);
    expect(session.peer.id).toBe(b.id);
    expect(session.path).toEqual({
      kind: "punched",
      direction: "dialled",
      address: { scheme: "tcp", host: "127.0.0.1", port: b.out.known },
    });
    await expect.poll(() => b.paths(a.id)).toContain("punched");
    expect(a.punches.figures).toEqual({ tried: 1, succeeded: 1 });
  });

  it("of both at once is one, and both have what comes of it", async () => {
    const { a, b, over, back } = await pair();
    const [one, other] = await Promise.all([a.punches.punch(over), b.punches.punch(back)]);
    expect([one.peer.id, other.peer.id]).toEqual([b.id, a.id]);
    expect([one.path.kind, other.path.kind]).toEqual(["punched", "punched"]);
    expect([a, b].map(({ punches }) => punches.isRunning(a.id) || punches.isRunning(b.id))).toEqual([false, false]);
  });

  it("that meets one of the other side under way waits for that, and has its outcome", async () => {
    const { a, b, over, back } = await pair();
    let answer!: () => void;
    b.ready = new Promise((resolve) => {
      answer = resolve;
    });
    const asked = a.punches.punch(over);
    await expect.poll(() => b.punches.isRunning(a.id)).toBe(true);
    const joined = b.punches.punch(back);
    answer();
    const sessions = await Promise.all([asked, joined]);
    expect(sessions.map(({ path }) => path.kind)).toEqual(["punched", "punched"]);
    expect([a.punches.figures.tried, b.punches.figures.tried]).toEqual([1, 1]);
  });

  it("offers what is known once it is known, on both sides", async () => {
    const { a, b, over } = await pair();
    for (const each of [a, b]) {
      each.candidates = [];
      each.ready = new Promise((resolve) => {
        setImmediate(() => {
          each.candidates = undefined;
          resolve();
        });
      });
    }
    await expect(a.punches.punch(over)).resolves.toMatchObject({ path: { kind: "punched" } });
  });

  it("over TCP with one whose NAT hides its port guesses nothing, so it uses up no guesses", async () => {
    const { a, b, over } = await pair();
    const runs: string[][] = [];
    const way = (scheme: string, isSearching: boolean): PunchWay => ({
      ...{ scheme, isSearching },
      run: async ({ targets }) => void runs.push(targets.map(({ address }) => address.scheme)),
    });
    a.ways.splice(0, 1, way("tcp", false), way("udx", true));
    b.ways.pop();
    b.candidates = ["127.0.0.1:9", "127.0.0.1:10", "udx://127.0.0.1:9", "udx://127.0.0.1:10"];
    b.mapping = "destination";
    for (let count = 0; count < 3; count++) await codeOf(a.punches.punch(over));
    // Two are allowed at once; then TCP alone is tried.
    const [tcp, udx] = [
      ["tcp", "tcp"],
      ["udx", "udx"],
    ];
    expect(runs).toEqual([tcp, udx, tcp, udx, tcp]);
  });

  it("goes on beside others from the same port, also those of liars that name the same address", async () => {
    const { a, b, over, network } = await pair();
    const others = await Promise.all([joined(network, a), joined(network, a)]);
    const [liar, second] = [others[0]!, others[1]!];
    // It never punches itself: what it names is the other one's address.
    const offer = encodeOffer(offerOf([`127.0.0.1:${b.out.known}`]));
    await liar.back.call(PUNCH, offer, { deadline: deadlineIn(2_000) });
    expect(a.punches.isRunning(liar.b.id)).toBe(true);
    const sessions = await Promise.all([a.punches.punch(over), second.b.punches.punch(second.back)]);
    expect(sessions.map(({ peer }) => peer.id)).toEqual([b.id, a.id]);
    expect(sessions[0]!.path.address.port).toBe(b.out.known);
    expect(sessions[1]!.path.address.port).toBe(a.out.known);
  });

  it("of those who ask leaves places for those that I begin", async () => {
    const { a, over, network } = await pair();
    const asked: string[] = [];
    for (let count = 0; count < 13; count++) {
      const liar = await joined(network, a);
      const offer = encodeOffer(offerOf(["127.0.0.1:9"]));
      asked.push(await codeOf(liar.back.call(PUNCH, offer, { deadline: deadlineIn(2_000) })));
    }
    expect(asked).toEqual([...Array.from({ length: 12 }, () => "none"), "overloaded"]);
    await expect(a.punches.punch(over)).resolves.toBeDefined();
  });

  it("without an address that may be dialled ends at once, and says what was offered", async () => {
    const { a, b, over } = await pair();
    [a.mayDial, b.candidates] = [false, ["192.0.2.1:9"]];
    const startedAt = now();
    await expect(a.punches.punch(over)).rejects.toMatchObject({
      code: "peer-unreachable",
      message: expect.stringContaining("the other side tcp with ports by port"),
    });
    expect(now() - startedAt).toBeLessThan(2_000);
  });

  it("where a stranger answers ends in its time, and the stranger got no session", async () => {
    const { a, b, over } = await pair();
    const met: Socket[] = [];
    const stranger = createServer((socket) => met.push(socket.on("error", () => {}).on("data", () => socket.end("?"))));
    await new Promise<void>((done) => stranger.listen(0, "127.0.0.1", done));
    open.push(() => void stranger.close());
    a.candidates = [];
    b.candidates = [`127.0.0.1:${(stranger.address() as { port: number }).port}`];
    await expect(a.punches.punch(over)).rejects.toMatchObject({ code: "peer-unreachable" });
    expect(met.length).toBeGreaterThan(0);
    for (const socket of met) socket.destroy();
    expect(a.paths(b.id)).toEqual(["relayed"]);
  });

  it("is asked for only so often by one member", async () => {
    const { a, b, over } = await pair();
    a.candidates = [];
    b.candidates = [];
    const offer = () => over.call(PUNCH, encodeOffer(offerOf([])), { deadline: deadlineIn(2_000) });
    for (let count = 0; count < 3; count++) {
      await offer();
      await expect.poll(() => b.punches.isRunning(a.id)).toBe(false);
    }
    await expect(offer()).rejects.toMatchObject({ code: "overloaded" });
  });

  it("refuses what is no offer", async () => {
    const { over } = await pair();
    await expect(over.call(PUNCH, new Uint8Array(3), { deadline: deadlineIn(2_000) })).rejects.toMatchObject({
      code: "bad-frame",
    });
  });
});

function offerOf(candidates: readonly string[], mapping: NatMapping = "port"): PunchOffer {
  const told = candidates.map((text) => ({ address: parseAddress(text)!, mapping }));
  return { nonce: new Uint8Array(NONCE_BYTES), candidates: told };
}

describe("an offer", () => {
  const address = fc.oneof(
    fc.tuple(fc.ipV4(), fc.integer({ min: 1, max: 65_535 })).map(([host, port]) => `${host}:${port}`),
    fc.tuple(fc.ipV6(), fc.integer({ min: 1, max: 65_535 })).map(([host, port]) => `udx://[${host}]:${port}`),
  );

  it("is read as it was written", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: NONCE_BYTES, maxLength: NONCE_BYTES }),
        fc.constantFrom<NatMapping>("unknown", "port", "destination"),
        fc.array(address, { maxLength: 6 }),
        (nonce, mapping, candidates) => {
          const offer: PunchOffer = { ...offerOf(candidates, mapping), nonce };
          expect(parseOffer(encodeOffer(offer))).toEqual(offer);
        },
      ),
    );
  });

  it("is undefined for any other bytes, and longer ones", () => {
    const bytes = encodeOffer(offerOf(["192.0.2.1:1"]));
    for (let length = 0; length < bytes.length; length++) expect(parseOffer(bytes.subarray(0, length))).toBeUndefined();
    expect(parseOffer(new Uint8Array([...bytes, 0]))).toBeUndefined();
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (any) => void parseOffer(any)));
  });
});
