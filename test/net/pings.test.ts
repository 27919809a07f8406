/** Pings over UDP: authenticated both ways, nothing amplified, and junk that changes nothing. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { generateAgreementKey, pairwiseKey } from "../../identity/index.js";
import type { HostPort } from "../../net/address.js";
import {
  DATAGRAM_BYTES,
  decodeDatagram,
  encodeDatagram,
  FINGERPRINT_BYTES,
  isAuthentic,
  PING_NONCE_BYTES,
} from "../../net/pings/codec.js";
import { type PingPeer, Pings, type PingsOptions } from "../../net/pings/pings.js";
import { PlainSocket } from "../../net/udp/plain.js";
import { type MemberId, memberIdFromBytes, memberIdToBytes } from "../../rings/index.js";

const networkId = new Uint8Array(32).fill(9);
const idOf = (byte: number) => memberIdFromBytes(new Uint8Array(32).fill(byte));
const [alice, bob] = [idOf(1), idOf(2)];
const keys = new Map([alice, bob].map((id) => [id, generateAgreementKey()]));
const view = (byte: number) => new Uint8Array(FINGERPRINT_BYTES).fill(byte);
const tag = (byte: number) => new Uint8Array(8).fill(byte);
const nonce = (byte: number) => new Uint8Array(PING_NONCE_BYTES).fill(byte);

function shared(self: MemberId, peer: MemberId): PingPeer {
  const own = keys.get(self)!.privateKey;
  const key = pairwiseKey({ privateKey: own, publicKey: keys.get(peer)!.publicKey, networkId, self, peer });
  return { id: peer, key: key! };
}

interface Heard {
  readonly kind: "ping" | "pong" | "summons";
  readonly from: MemberId;
  readonly nonce?: Uint8Array;
  readonly fingerprint?: Uint8Array;
  readonly ring?: number;
  readonly epoch?: bigint;
}

class Ear {
  readonly heard: Heard[] = [];
  #waiting: (() => void) | undefined;
  add(one: Heard): void {
    this.heard.push(one);
    this.#waiting?.();
  }
  async next(): Promise<Heard> {
    while (this.heard.length === 0) await new Promise<void>((resolve) => (this.#waiting = resolve));
    return this.heard.shift()!;
  }
}

const open: { close(): void }[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.close();
});

async function bind(self: MemberId, peer: MemberId, more: Partial<PingsOptions & HostPort> = {}) {
  const ear = new Ear();
  const known = shared(self, peer);
  const prefix = peer.slice(0, 16);
  let lookups = 0;
  const { host = "127.0.0.1", port = 0 } = more;
  const pings = new Pings({
    ...{ carrier: await PlainSocket.bind({ host, port }), self, networkId },
    peerOf: (asked) => {
      lookups++;
      return asked === prefix ? known : undefined;
    },
    fingerprint: () => view(memberIdToBytes(self)[0]!),
    onPing: (from, fingerprint) => ear.add({ kind: "ping", from, fingerprint }),
    onPong: (from, echoed, fingerprint) => ear.add({ kind: "pong", from, nonce: echoed, fingerprint }),
    onSummons: (from, summons) => ear.add({ kind: "summons", from, ...summons }),
    ...more,
  });
  open.push(pings);
  return {
    pings,
    ear,
    address: `${pings.host.includes(":") ? `[${pings.host}]` : pings.host}:${pings.port}`,
    lookups: () => lookups,
  };
}

async function stranger() {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  open.push(socket);
  const answers: Uint8Array[] = [];
  socket.on("message", (bytes) => answers.push(bytes));
  return { socket, answers };
}

describe("pings", () => {
  it.each(["127.0.0.1", "::1"])("are answered over %s, and carry both fingerprints", async (host) => {
    const a = await bind(alice, bob, { host });
    const b = await bind(bob, alice, { host });
    a.pings.ping(shared(alice, bob), b.address, nonce(7));
    expect(await b.ear.next()).toEqual({ kind: "ping", from: alice, fingerprint: view(1) });
    expect(await a.ear.next()).toEqual({ kind: "pong", from: bob, nonce: nonce(7), fingerprint: view(2) });
  });

  it("and summonses, which nothing answers: with the ring and the epoch, up to the last one", async () => {
    const a = await bind(alice, bob);
    const b = await bind(bob, alice);
    const summons = { ring: 255, epoch: 2n ** 63n - 1n };
    a.pings.summon(shared(alice, bob), b.address, summons);
    expect(await b.ear.next()).toEqual({ kind: "summons", from: alice, ...summons });
    a.pings.ping(shared(alice, bob), b.address, nonce(7));
    expect((await a.ear.next()).kind).toBe("pong");
  });

  it("from an IPv6 socket reach IPv4", async () => {
    const a = await bind(alice, bob, { host: "::" });
    const b = await bind(bob, alice);
    a.pings.ping(shared(alice, bob), b.address, nonce(1));
    expect((await a.ear.next()).kind).toBe("pong");
  });

  it("say when the port is taken or the address is not ours", async () => {
    const a = await bind(alice, bob);
    await expect(bind(bob, alice, { port: a.pings.port })).rejects.toMatchObject({ code: "address-in-use" });
    await expect(bind(bob, alice, { host: "192.0.2.1" })).rejects.toMatchObject({ code: "address-invalid" });
  });

  it("to nonsense, or after close, are lost without a word", async () => {
    const a = await bind(alice, bob);
    for (const address of ["nonsense", "example.invalid:80", "127.0.0.1:0", "[::1]:9"]) {
      a.pings.ping(shared(alice, bob), address, nonce(1));
    }
    a.pings.close();
    a.pings.close();
    a.pings.ping(shared(alice, bob), "127.0.0.1:9", nonce(1));
  });

  it("of outsiders are never answered, and of strangers cost no cryptography", async () => {
    const b = await bind(bob, alice);
    const a = await bind(alice, bob);
    const { socket, answers } = await stranger();
    const honest = { kind: "ping", tag: networkId.slice(0, 8), sender: memberIdToBytes(alice).slice(0, 8) } as const;
    const rest = { receiver: memberIdToBytes(bob).slice(0, 8), nonce: nonce(1), fingerprint: view(1) };
    const { key } = shared(alice, bob);
    const wrongKey = new Uint8Array(32);
    const bad = [
      encodeDatagram({ ...honest, ...rest }, wrongKey),
      encodeDatagram({ ...honest, ...rest, sender: new Uint8Array(8) }, key),
      encodeDatagram({ ...honest, ...rest, tag: new Uint8Array(8) }, key),
      encodeDatagram({ ...honest, ...rest, receiver: new Uint8Array(8) }, key),
      encodeDatagram({ ...honest, ...rest }, key).subarray(1),
      Uint8Array.of(...encodeDatagram({ ...honest, ...rest }, key), 0),
      new Uint8Array(0),
      new Uint8Array(1200).fill(0x10),
    ];
    for (const bytes of bad) socket.send(bytes, b.pings.port, "127.0.0.1");
    for (let i = 0; i < 200; i++)
      socket.send(fc.sample(fc.uint8Array({ maxLength: 200 }), 1)[0]!, b.pings.port, "127.0.0.1");
    // Loopback keeps order: when this one is answered, the others have been looked at.
    socket.send(encodeDatagram({ ...honest, ...rest }, key), b.pings.port, "127.0.0.1");
    await b.ear.next();
    if (answers.length === 0) await once(socket, "message");
    expect(answers.length).toBe(1);
    expect(answers[0]!.length).toBe(DATAGRAM_BYTES);
    expect(b.ear.heard).toEqual([]);
    expect(b.lookups()).toBe(3);
    expect(a.ear.heard).toEqual([]);
  });

  it("do not reflect: a ping sent back to its sender is not one for it, and a pong answers nothing", async () => {
    const a = await bind(alice, bob);
    const b = await bind(bob, alice);
    const { socket, answers } = await stranger();
    const { key } = shared(alice, bob);
    const own = {
      tag: networkId.slice(0, 8),
      sender: memberIdToBytes(alice).slice(0, 8),
      receiver: memberIdToBytes(bob).slice(0, 8),
    };
    socket.send(
      encodeDatagram({ kind: "ping", ...own, nonce: nonce(1), fingerprint: view(1) }, key),
      a.pings.port,
      "127.0.0.1",
    );
    socket.send(
      encodeDatagram({ kind: "pong", ...own, nonce: nonce(2), fingerprint: view(1) }, key),
      b.pings.port,
      "127.0.0.1",
    );
    expect(await b.ear.next()).toMatchObject({ kind: "pong", nonce: nonce(2) });
    a.pings.ping(shared(alice, bob), b.address, nonce(3));
    expect((await a.ear.next()).nonce).toEqual(nonce(3));
    expect(answers).toEqual([]);
  });

  it("of one sender are answered only so often", async () => {
    const sent = 120;
    const perSecond = 50;
    let now = 0;
    let seen = 0;
    let allSeen!: () => void;
    const done = new Promise<void>((resolve) => (allSeen = resolve));
    const known = shared(bob, alice);
    const peerOf = () => {
      if (++seen === sent) setImmediate(allSeen);
      return known;
    };
    const b = await bind(bob, alice, { now: () => now, peerOf });
    const { socket } = await stranger();
    const own = {
      tag: networkId.slice(0, 8),
      sender: memberIdToBytes(alice).slice(0, 8),
      receiver: memberIdToBytes(bob).slice(0, 8),
    };
    const ping = encodeDatagram({ kind: "ping", ...own, nonce: nonce(1), fingerprint: view(1) }, known.key);
    for (let i = 0; i < sent; i++) socket.send(ping, b.pings.port, "127.0.0.1");
    await done;
    expect(b.ear.heard.length).toBe(perSecond);
    now = 100;
    b.ear.heard.length = 0;
    socket.send(ping, b.pings.port, "127.0.0.1");
    expect((await b.ear.next()).kind).toBe("ping");
  });
});

describe("datagrams", () => {
  it("are smaller than 150 bytes, of one size, and prove every byte of themselves", () => {
    const datagram = {
      kind: "ping",
      tag: tag(1),
      sender: tag(2),
      receiver: tag(3),
      nonce: nonce(4),
      fingerprint: view(5),
    } as const;
    const key = new Uint8Array(32).fill(6);
    const ping = encodeDatagram(datagram, key);
    expect(ping.length).toBe(65);
    expect(encodeDatagram({ ...datagram, kind: "pong" }, key).length).toBe(ping.length);
    expect(decodeDatagram(ping)).toEqual(datagram);
    expect(isAuthentic(ping, key)).toBe(true);
    for (let i = 0; i < ping.length; i++) {
      const changed = ping.slice();
      changed[i]! ^= 1;
      expect(isAuthentic(changed, key)).toBe(false);
    }
  });
});
