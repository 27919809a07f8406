/** Who is not of the network stays out: other authorities, other networks, expired certificates, outsiders' datagrams. */
import { createSocket, Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { connect as tlsConnect } from "node:tls";
import { describe, expect, it, vi } from "vitest";
import { PROBE, STREAM } from "../../client/protocols.js";
import type { Identity } from "../../identity/index.js";
import { deadlineIn, formatAddress, parseAddress } from "../../net/index.js";
import { decodeDatagram } from "../../net/pings/codec.js";
import { toHex } from "../../rings/index.js";
import { loneStack } from "../support/lone-stack.js";
import {
  codeOf,
  DEADLINE_MS,
  OfflineNetwork,
  OnlineNetwork,
  type Stage,
  type TestClient,
  text,
  until,
  whole,
} from "../support/network.js";
import { DAY_MS, TestNetwork } from "../support/test-network.js";

const portOf = (client: TestClient) => parseAddress(client.address)!.port;

/** Every client sees all of its own and nobody else, after each has talked to the other network as much as it can. */
async function stayApart(left: readonly TestClient[], right: readonly TestClient[]): Promise<void> {
  for (const [own, others] of [
    [left, right],
    [right, left],
  ] as const) {
    await whole(own);
    for (const client of own) {
      for (const other of others) {
        expect(await codeOf(client.sendTo(other.address, text("x")))).toMatch(
          /^(certificate-invalid|peer-refused|peer-unreachable)$/,
        );
        expect(await codeOf(client.sendToId(other.id, text("x")))).toBe("peer-unknown");
      }
    }
  }
  for (const client of [...left, ...right]) {
    const own = left.includes(client) ? left : right;
    expect(client.members().every(({ id }) => own.some((each) => each.id === id))).toBe(true);
  }
}

describe("two networks", () => {
  it("never mix, though each is given the other's members as contacts", async () => {
    await using a = await OfflineNetwork.create();
    await using b = await OfflineNetwork.create();
    const [a1, b1] = [await a.start(), await b.start()];
    const entryAddrs = [b1.address, a1.address];
    const [a2, b2] = await Promise.all([a.start({ entryAddrs }), b.start({ entryAddrs })]);
    const more = [a1.address, b1.address, a2.address, b2.address];
    const [a3, b3] = await Promise.all([a.start({ entryAddrs: more }), b.start({ entryAddrs: more })]);
    await stayApart([a1, a2, a3], [b1, b2, b3]);
  });

  it("of two authorities never mix either", async () => {
    await using a = await OnlineNetwork.create();
    await using b = await OnlineNetwork.create();
    const [a1, b1] = await Promise.all([a.start(a.named("one")), b.start(b.named("one"))]);
    const entryAddrs = [a1.address, b1.address];
    const [a2, b2] = await Promise.all([
      a.start({ ...a.named("two"), entryAddrs }),
      b.start({ ...b.named("two"), entryAddrs }),
    ]);
    await stayApart([a1, a2], [b1, b2]);
  });

  it("under one root, of other ids, ring counts or Deltas, do not mix", async () => {
    await using a = await OfflineNetwork.create();
    await using b = await OfflineNetwork.create({ deltaMs: 700 });
    const a1 = await a.start();
    const b1 = await b.start({ entryAddrs: [a1.address] });
    await stayApart([a1], [b1]);
  });
});

describe("a member", () => {
  const dial = async (identity: Identity, to: TestClient) => {
    await using lone = loneStack(identity);
    return await codeOf(lone.links.reach({ addresses: [to.address] }, { deadline: deadlineIn(5_000) }));
  };

  async function listening(stage: Stage, identity: Identity): Promise<string> {
    const lone = stage.closing(loneStack(identity), (stack) => stack.close(0));
    return formatAddress((await lone.listen({ host: "127.0.0.1", port: 0 })).address);
  }

  it("of another authority is refused, dialling and dialled", async () => {
    await using network = await OfflineNetwork.create();
    const client = await network.start();
    const stranger = await (await TestNetwork.create({ ringCount: 9, deltaMs: 500 })).member();
    expect(await dial(stranger, client)).toBe("certificate-invalid");
    // Even when it believes in our root: ours does not believe in its.
    const credulous = { ...stranger, root: network.authority.root };
    expect(
      await dial({ ...credulous, certificate: { ...stranger.certificate, ...network.authority.network } }, client),
    ).toBe("peer-unreachable");
    expect(await codeOf(client.sendTo(await listening(network, stranger), text("x")))).toBe("certificate-invalid");
    expect(client.members()).toEqual([]);
  });

  it("with an expired certificate is refused, dialling and dialled, and cannot start", async () => {
    await using network = await OfflineNetwork.create();
    const client = await network.start();
    const now = Date.now();
    const validity = { notBefore: now - 10 * DAY_MS, notAfter: now - DAY_MS };
    const expired = await network.authority.member({ validity, at: now - 2 * DAY_MS });
    expect(await dial(expired, client)).toBe("peer-refused");
    expect(await codeOf(client.sendTo(await listening(network, expired), text("x")))).toBe("certificate-invalid");
    expect(await codeOf((await network.member({}, expired)).start())).toBe("identity-expired");
    expect(client.members()).toEqual([]);
  });

  it("that has left the view may speak of membership only", async () => {
    await using network = await OfflineNetwork.create();
    const client = await network.start();
    client.registerStreamHandler(() => {});
    const identity = await network.authority.member();
    const leaver = await network.start({ entryAddrs: [client.address] }, identity);
    await whole([client, leaver]);
    await leaver.stop();
    await until(client, () => client.ids.length === 0);
    await using lone = loneStack(identity);
    const deadline = deadlineIn(5_000);
    const session = await lone.links.reach({ addresses: [client.address] }, { deadline });
    const stream = session.open(STREAM);
    stream.write(text("x"));
    const [error] = await once(stream, "error");
    expect(error.code).toBe("peer-removed");
    expect((await session.call(PROBE, text(""), { deadline })).length).toBe(16);
  });

  it("is answered nothing without its certificate", async () => {
    await using network = await OfflineNetwork.create();
    const client = await network.start();
    const socket = tlsConnect({
      host: "127.0.0.1",
      port: portOf(client),
      rejectUnauthorized: false,
      ALPNProtocols: ["h2"],
    });
    let heard = 0;
    socket.on("data", (data: Buffer) => {
      heard += data.length;
    });
    socket.on("error", () => {});
    await once(socket, "close");
    expect(heard).toBe(0);
    expect(client.members()).toEqual([]);
  });
});

describe("an outsider's datagrams", () => {
  async function outsider(stage: Stage): Promise<{ socket: UdpSocket; heard: Buffer[] }> {
    const socket = stage.closing(createSocket("udp4"), (each) => each.close());
    const heard: Buffer[] = [];
    socket.on("message", (bytes) => heard.push(bytes));
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    return { socket, heard };
  }

  /** An authentic ping on its way to this member, as one on the path would see it, and where it goes. */
  function captured(to: TestClient): Promise<{ readonly ping: Uint8Array; readonly port: number }> {
    const send = UdpSocket.prototype.send as (...args: unknown[]) => void;
    return new Promise((resolve) => {
      const spy = vi.spyOn(UdpSocket.prototype, "send").mockImplementation(function (
        this: UdpSocket,
        ...args: unknown[]
      ) {
        const [bytes, port] = args as [Uint8Array, number];
        const datagram = decodeDatagram(bytes);
        if (datagram?.kind === "ping" && to.id.startsWith(toHex(datagram.receiver))) {
          spy.mockRestore();
          resolve({ ping: Uint8Array.from(bytes), port });
        }
        send.apply(this, args);
      });
    });
  }

  const nonceOf = (ping: Uint8Array) => Buffer.from(decodeDatagram(ping)!.nonce);

  it("change nothing, and are never answered with more bytes than they had", async () => {
    await using network = await OfflineNetwork.create();
    const { socket, heard } = await outsider(network);
    const victim = await network.start();
    const other = await network.start({ entryAddrs: [victim.address] });
    await whole([victim, other]);
    await vi.waitFor(() => expect(victim.info().fingerprint).toBe(other.info().fingerprint), DEADLINE_MS);
    const { ping, port } = await captured(victim);
    const last = await captured(victim);
    const before = victim.info();
    const send = (bytes: Uint8Array) => socket.send(bytes, port, "127.0.0.1");
    const flipped = (at: number) => ping.map((byte, index) => (index === at ? byte ^ 1 : byte));
    for (let length = 0; length < ping.length; length++) send(ping.subarray(0, length));
    for (let at = 0; at < ping.length; at++) send(flipped(at));
    for (const length of [1, 64, 65, 66, 512, 1200, 9000]) send(new Uint8Array(length).fill(0xa5));
    send(Uint8Array.of(...ping, 0));
    // A replay is authentic: it is answered with as many bytes. Loopback keeps the order.
    const isLast = () => heard.at(-1)?.includes(nonceOf(last.ping));
    const answered = new Promise<void>((resolve) => socket.on("message", () => isLast() && resolve()));
    send(ping);
    send(last.ping);
    await answered;
    expect(heard.map((answer) => answer.length)).toEqual([ping.length, last.ping.length]);
    expect(heard[0]!.includes(nonceOf(ping))).toBe(true);
    expect(victim.ids).toEqual([other.id]);
    const { fingerprint, epoch, rejected } = before;
    expect(victim.info()).toMatchObject({ fingerprint, epoch, rejected, suspected: 0 });
    expect(other.info()).toMatchObject({ fingerprint, suspected: 0 });
  });
});
