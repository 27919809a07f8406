/** Links over TCP: the contract, and what outsiders and the network can do to a listener. */
import { once } from "node:events";
import { createServer as createHttp2Server, connect as http2Connect } from "node:http2";
import { createServer, type Socket, connect as tcpConnect } from "node:net";
import { type ConnectionOptions, type TLSSocket, connect as tlsConnect } from "node:tls";
import { Worker } from "node:worker_threads";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { formatAddress } from "../../client/address.js";
import { grpcTransport } from "../../client/grpc/transport.js";
import type { ByteDuplex, Link, Listener, TransportHandlers } from "../../client/transport.js";
import {
  certificatesToPem,
  type FirefliesError,
  generateKeyPair,
  type Identity,
  privateKeyToPem,
} from "../../identity/index.js";
import { DEADLINE_MS } from "../support/network.js";
import { TestNetwork } from "../support/test-network.js";
import { transportContract } from "./transport-contract.js";

transportContract("grpc over IPv4", { create: () => grpcTransport, host: "127.0.0.1" });

const TIMEOUT_MS = 5_000;
let network: TestNetwork;
let alice: Identity;
let bob: Identity;
beforeAll(async () => {
  network = await TestNetwork.create();
  [alice, bob] = [await network.member(), await network.member()];
});

const open: { close(graceMs: number): unknown }[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(open.splice(0).map((each) => each.close(0)));
});

const handlers: TransportHandlers = {
  admit: () => undefined,
  onCall: async (_peer, _kind, body) => body,
  onDuplex: () => {},
};
const transportOf = (identity: Identity) => grpcTransport({ identity: () => identity, now: () => Date.now() });
async function listen(host = "127.0.0.1", port = 0): Promise<Listener> {
  const listener = await transportOf(bob).listen({ host, port, handlers });
  open.push(listener);
  return listener;
}
async function dial({ host, port }: { host: string; port: number }, identity = alice): Promise<Link> {
  const link = await transportOf(identity).dial(formatAddress(host, port), { timeoutMs: TIMEOUT_MS });
  open.push(link);
  return link;
}
/** The code that a duplex ends with. */
function endOf(duplex: ByteDuplex): Promise<string | undefined> {
  return new Promise((resolve) => duplex.once("error", (error) => resolve((error as FirefliesError).code)));
}
async function works(listener: Listener): Promise<void> {
  const link = await dial(listener);
  await expect(link.call("probe", Uint8Array.of(1), { timeoutMs: TIMEOUT_MS })).resolves.toEqual(Uint8Array.of(1));
}

describe("a listener", () => {
  it("listens on IPv6, and on all addresses", async () => {
    await works(await listen("::1"));
    const { port } = await listen("::");
    await works({ host: "127.0.0.1", port } as Listener);
    await works({ host: "localhost", port } as Listener);
  });

  it("says what is wrong with the address", async () => {
    const { port } = await listen();
    await expect(listen("127.0.0.1", port)).rejects.toMatchObject({
      code: "address-in-use",
      message: expect.stringContaining(`127.0.0.1:${port}`),
    });
    await expect(listen("192.0.2.1")).rejects.toMatchObject({ code: "address-invalid" });
    await expect(listen("127.0.0.1", 70_000)).rejects.toMatchObject({ code: "address-invalid" });
  });

  it("speaks to nobody without a member's certificate", async () => {
    const listener = await listen();
    const pair = generateKeyPair();
    const own = { key: privateKeyToPem(alice.privateKey) };
    const leaf = certificatesToPem(alice.certificate.leaf);
    const chain = certificatesToPem(alice.certificate.leaf, alice.certificate.issuer);
    const outsiders: readonly ConnectionOptions[] = [
      {},
      { ...own, cert: leaf },
      { ...own, cert: chain, ALPNProtocols: [] },
    ];
    for (const outsider of outsiders) expect(await hears(listener, { ALPNProtocols: ["h2"], ...outsider })).toBe(0);
    // Another's certificate without its key does not get through the handshake's own proof.
    expect(() => tlsConnect({ port: listener.port, key: privateKeyToPem(pair.privateKey), cert: chain })).toThrow();
    await works(listener);
  });

  it("speaks TLS 1.3 and HTTP/2 only", async () => {
    const listener = await listen();
    const member = {
      key: privateKeyToPem(alice.privateKey),
      cert: certificatesToPem(alice.certificate.leaf, alice.certificate.issuer),
    };
    await expect(handshake(listener, { ...member, maxVersion: "TLSv1.2", ALPNProtocols: ["h2"] })).rejects.toThrow();
    await expect(handshake(listener, { ...member, ALPNProtocols: ["http/1.1"] })).rejects.toThrow();
    const socket = await handshake(listener, { ...member, ALPNProtocols: ["h2"] });
    expect(socket.getProtocol()).toBe("TLSv1.3");
  });

  it("resumes no session, which would outlive its certificate", async () => {
    const listener = await listen();
    const member = {
      key: privateKeyToPem(alice.privateKey),
      cert: certificatesToPem(alice.certificate.leaf, alice.certificate.issuer),
      ALPNProtocols: ["h2"],
    };
    const sessions: Buffer[] = [];
    const first = await handshake(listener, member, (socket) =>
      socket.on("session", (session) => sessions.push(session)),
    );
    await once(first, "data"); // The server's settings come after its session tickets.
    for (const session of sessions) {
      expect((await handshake(listener, { ...member, session })).isSessionReused()).toBe(false);
    }
    await works(listener);
  });

  it("goes on beside more silent sockets than it holds, and drops the oldest of them", async () => {
    const listener = await listen();
    const first = tcpConnect(listener.port, "127.0.0.1");
    sockets.push(first);
    await once(first, "connect");
    const dropped = once(first, "close");
    first.on("error", () => {});
    for (let i = 0; i < 300; i++) sockets.push(tcpConnect(listener.port, "127.0.0.1").on("error", () => {}));
    await works(listener);
    await dropped;
  });

  it("keeps a bounded number of connections per member, and cuts the oldest", async () => {
    const listener = await listen();
    const oldest = await dial(listener);
    const lost = new Promise<void>((resolve) => oldest.onClose(resolve));
    const others = [];
    for (let i = 0; i < 4; i++) others.push(await dial(listener));
    await lost;
    expect(others.map(({ closed }) => closed)).toEqual([false, false, false, false]);
  });

  it("lets no member begin more messages than it needs, over any number of connections, and never end them", async () => {
    let handed = 0;
    const onDuplex = () => {
      handed += 1;
    };
    const listener = await transportOf(bob).listen({ host: "127.0.0.1", port: 0, handlers: { ...handlers, onDuplex } });
    open.push(listener);
    const options = {
      key: privateKeyToPem(alice.privateKey),
      cert: certificatesToPem(alice.certificate.leaf, alice.certificate.issuer),
      rejectUnauthorized: false,
    };
    const sessions = [1, 2].map(() => http2Connect(`https://127.0.0.1:${listener.port}`, options));
    const refused = await new Promise<unknown[]>((resolve) => {
      const statuses: unknown[] = [];
      for (let count = 0; count < 60; count++) {
        const path = "/fireflies.v1.Overlay/Messages";
        const headers = { ":path": path, ":method": "POST", "content-type": "application/grpc" };
        const stream = sessions[count % 2]!.request(headers);
        stream.on("error", () => {});
        stream.on("response", (answer) => statuses.push(answer["grpc-status"]) === 52 && resolve(statuses));
        stream.write(Buffer.from("0000100000", "hex")); // One MiB is to follow, and never does.
      }
    });
    expect(new Set(refused)).toEqual(new Set(["8"]));
    const link = await dial(listener);
    expect(await endOf(link.open("messages"))).toBe("overloaded");
    await works(listener);
    expect(handed).toBe(8);
    for (const session of sessions) session.destroy();
    await vi.waitFor(() => {
      link.open("messages").destroy();
      expect(handed).toBeGreaterThan(8);
    }, DEADLINE_MS);
  });

  it("survives a member that speaks HTTP/2 but not our protocol", async () => {
    const listener = await listen();
    const session = http2Connect(`https://127.0.0.1:${listener.port}`, {
      key: privateKeyToPem(alice.privateKey),
      cert: certificatesToPem(alice.certificate.leaf, alice.certificate.issuer),
      rejectUnauthorized: false,
    });
    const statuses: unknown[] = [];
    for (const path of ["/", "/fireflies.v1.Overlay/Nothing", "/fireflies.v1.Overlay/Exchange"]) {
      const stream = session.request({ ":path": path, ":method": "POST", "content-type": "application/grpc" });
      stream.on("response", (headers) => statuses.push(headers["grpc-status"]));
      stream.resume();
      stream.end(Buffer.from("0000000005ffffffffff", "hex"));
      await once(stream, "close");
    }
    session.destroy();
    expect(statuses).toEqual(["12", "12", "13"]);
    await works(listener);
  });
});

describe("dialling", () => {
  it("gives up in time on one who accepts and never answers, and leaves nothing behind", async () => {
    const silent = createServer((socket) => sockets.push(socket));
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as { port: number };
    const address = formatAddress("127.0.0.1", port);
    const closed = once(silent, "connection").then(([socket]) => once((socket as Socket).resume(), "close"));
    await expect(transportOf(alice).dial(address, { timeoutMs: 100 })).rejects.toMatchObject({ code: "timeout" });
    await closed;
    silent.close();
  });

  it("gives up in time on an address that drops packets, and leaves nothing behind", async () => {
    // A listener that never accepts, with its queue full: the system drops what else comes.
    const code = `
      const { parentPort } = require("node:worker_threads");
      const server = require("node:net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
        parentPort.postMessage(server.address().port);
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
      });`;
    const worker = new Worker(code, { eval: true });
    const [port] = (await once(worker, "message")) as [number];
    for (let i = 0; i < 2; i++) {
      const filler = tcpConnect(port, "127.0.0.1").on("error", () => {});
      sockets.push(filler);
      await once(filler, "connect");
    }
    const before = handles();
    const dialled = transportOf(alice).dial(`127.0.0.1:${port}`, { timeoutMs: 100 });
    await expect(dialled).rejects.toMatchObject({ code: "timeout" });
    for (let i = 0; i < 50 && handles() > before; i++) await new Promise(setImmediate);
    expect(handles()).toBeLessThanOrEqual(before);
    await worker.terminate();
  });

  it("takes the longest deadline there is", async () => {
    const listener = await listen();
    const link = await transportOf(alice).dial(`127.0.0.1:${listener.port}`, { timeoutMs: Number.POSITIVE_INFINITY });
    open.push(link);
    await link.call("probe", Uint8Array.of(1), { timeoutMs: Number.POSITIVE_INFINITY });
  });

  it("refuses a server that is no member", async () => {
    const plain = createHttp2Server();
    plain.listen(0, "127.0.0.1");
    await once(plain, "listening");
    const { port } = plain.address() as { port: number };
    await expect(dial({ host: "127.0.0.1", port })).rejects.toMatchObject({ code: "peer-unreachable" });
    plain.close();
  });

  it("says when a name has no address", async () => {
    await expect(dial({ host: "nobody.invalid", port: 1 })).rejects.toMatchObject({ code: "peer-unreachable" });
  });
});

describe("after closing", () => {
  it("no handle is left", async () => {
    const before = handles();
    const listener = await listen();
    const links = [await dial(listener), await dial(listener)];
    const duplexes = links.map((link) => link.open("stream"));
    await links[0]!.call("probe", Uint8Array.of(1), { timeoutMs: TIMEOUT_MS });
    const closed = duplexes.map((duplex) => new Promise((resolve) => duplex.on("close", resolve)));
    for (const link of links) link.close();
    await Promise.all(closed);
    await listener.close(0);
    for (let i = 0; i < 50 && handles() > before; i++) await new Promise(setImmediate);
    expect(handles()).toBeLessThanOrEqual(before);
  });
});

function handles(): number {
  return process.getActiveResourcesInfo().filter((name) => /TCP|TLS|Timeout|Connect/.test(name)).length;
}

/** Resolves when the client's side of the handshake is done. */
async function handshake(
  { port }: Listener,
  options: ConnectionOptions,
  prepare: (socket: TLSSocket) => void = () => {},
): Promise<TLSSocket> {
  const socket = tlsConnect({ port, host: "127.0.0.1", rejectUnauthorized: false, ...options });
  sockets.push(socket);
  prepare(socket);
  await once(socket, "secureConnect");
  return socket;
}

/** How many bytes the listener says before it hangs up. */
async function hears(listener: Listener, options: ConnectionOptions): Promise<number> {
  let bytes = 0;
  const socket = tlsConnect({ port: listener.port, host: "127.0.0.1", rejectUnauthorized: false, ...options });
  sockets.push(socket);
  socket.on("data", (data) => (bytes += data.length));
  socket.on("error", () => {});
  await once(socket, "close");
  return bytes;
}
