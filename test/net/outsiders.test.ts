/** What outsiders, and members that stop half-way, can do to a host of sessions over TCP. */
import { once } from "node:events";
import { createServer, type Socket, connect as tcpConnect } from "node:net";
import { type ConnectionOptions, type TLSSocket, connect as tlsConnect } from "node:tls";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { certificatesToPem, generateKeyPair, type Identity, privateKeyToPem } from "../../identity/index.js";
import { type Bound, deadlineIn, tcpTransport } from "../../net/index.js";
import { HANDSHAKES_MAX } from "../../net/session/limits.js";
import { TestNetwork } from "../support/test-network.js";
import { bytes, codeOf, type Member, Scene, soon } from "./session-scene.js";
import { closed } from "./waiting.js";

let [aliceId, bobId]: Identity[] = [];
beforeAll(async () => {
  const network = await TestNetwork.create();
  [aliceId, bobId] = [await network.member(), await network.member()];
});

let scene: Scene;
let alice: Member;
let bob: Member;
let bound: Bound;
const sockets: Socket[] = [];
beforeEach(async () => {
  scene = new Scene({ create: tcpTransport, host: "127.0.0.1" });
  [alice, bob] = [scene.member(aliceId!), scene.member(bobId!)];
  bound = await scene.listen(bob);
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await scene.close();
});

const at = () => ({ port: bound.address.port, host: "127.0.0.1" });
const memberOptions = (): ConnectionOptions => ({
  key: privateKeyToPem(aliceId!.privateKey),
  cert: certificatesToPem(aliceId!.certificate.leaf, aliceId!.certificate.issuer),
  ALPNProtocols: ["h2"],
});
async function works(): Promise<void> {
  const session = await scene.connect(alice, bound);
  expect(await session.call("probe", bytes(1), soon())).toEqual(bytes(1));
}

function tcp(): Socket {
  const socket = tcpConnect(at()).on("error", () => {});
  sockets.push(socket);
  return socket;
}

function tls(options: ConnectionOptions): TLSSocket {
  const socket = tlsConnect({ ...at(), rejectUnauthorized: false, ...options });
  socket.on("error", () => {});
  sockets.push(socket);
  return socket;
}

/** Resolves when the client's side of the handshake is done; it may be refused after. */
async function handshake(options: ConnectionOptions): Promise<TLSSocket> {
  const socket = tls(options);
  await once(socket, "secureConnect");
  return socket;
}

describe("a host", () => {
  it("says nothing to anybody without a member's certificate", async () => {
    const own = { key: privateKeyToPem(aliceId!.privateKey) };
    const leaf = certificatesToPem(aliceId!.certificate.leaf);
    for (const outsider of [{}, { ...own, cert: leaf }, { ...memberOptions(), ALPNProtocols: [] }]) {
      let heard = 0;
      const socket = tls({ ALPNProtocols: ["h2"], ...outsider });
      socket.on("data", (data: Buffer) => (heard += data.length));
      await closed(socket);
      expect(heard).toBe(0);
    }
    // Another's certificate without its key does not get through the handshake's own proof.
    const { privateKey } = generateKeyPair();
    expect(() => tlsConnect({ ...at(), ...memberOptions(), key: privateKeyToPem(privateKey) })).toThrow();
    expect(bob.sessions).toEqual([]);
    await works();
  });

  it("speaks TLS 1.3 and HTTP/2 only", async () => {
    for (const old of [{ maxVersion: "TLSv1.2" }, { ALPNProtocols: ["http/1.1"] }] as const) {
      const socket = tls({ ...memberOptions(), ...old });
      let isSecure = false;
      socket.once("secureConnect", () => {
        isSecure = socket.getProtocol() === "TLSv1.2" || socket.alpnProtocol === "http/1.1";
      });
      await closed(socket);
      expect(isSecure).toBe(false);
    }
    expect((await handshake(memberOptions())).getProtocol()).toBe("TLSv1.3");
  });

  it("resumes no session, which would outlive its certificate", async () => {
    const sessions: Buffer[] = [];
    const first = tls(memberOptions());
    first.on("session", (session) => sessions.push(session));
    await once(first, "data"); // The host's settings come after its session tickets.
    for (const session of sessions) {
      expect((await handshake({ ...memberOptions(), session })).isSessionReused()).toBe(false);
    }
    await works();
  });

  it("goes on beside more silent sockets than it holds, and drops the oldest of them", async () => {
    const first = tcp();
    await once(first, "connect");
    const dropped = closed(first);
    for (let i = 0; i < HANDSHAKES_MAX; i++) tcp();
    await dropped;
    await works();
  });

  it("holds little of what comes before the proof, and cuts what is no handshake", async () => {
    // A record that begins a ClientHello of sixteen megabytes, and what is no TLS.
    const endless = Buffer.from([22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff, ...new Array(0x4000 - 4).fill(0)]);
    for (const junk of [endless, Buffer.alloc(0x4000, "GET / HTTP/1.1\r\n")]) {
      const socket = tcp();
      let sent = 0;
      while (!socket.destroyed && sent < 16 * 1024 * 1024) {
        sent += junk.length;
        socket.write(junk);
        await new Promise(setImmediate);
      }
      await closed(socket);
      expect(sent).toBeLessThan(8 * 1024 * 1024);
    }
    await works();
  });

  it("gives a handshake a few seconds, whatever comes of it meanwhile", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const silent = tcp();
      const cut = closed(silent);
      await vi.waitFor(() => expect(silent.connecting).toBe(false));
      // Accepted in the order of connecting: when this one is heard, the others wait already.
      await handshake(memberOptions());
      vi.advanceTimersByTime(5_100);
      await cut;
    } finally {
      vi.useRealTimers();
    }
  });

  it("survives a member that stops after the handshake, and one that speaks no HTTP/2", async () => {
    await handshake(memberOptions());
    const junk = await handshake(memberOptions());
    junk.write(Buffer.alloc(100_000, "no HTTP/2 at all "));
    await closed(junk.resume());
    await works();
  });
});

/** HTTP/2 as bytes (RFC 9113, section 4.1; RFC 7541, section 6.2.2). */
function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt16BE((type << 8) | flags, 3);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

function request(path: string, type = "application/grpc"): Buffer {
  const fields = { ":method": "POST", ":path": path, ":scheme": "https", ":authority": "m", "content-type": type };
  const literal = (text: string) => Buffer.concat([Buffer.of(text.length), Buffer.from(text)]);
  return Buffer.concat(
    Object.entries(fields).flatMap(([name, value]) => [Buffer.of(0), literal(name), literal(value)]),
  );
}

describe("a member that opens and resets in one breath", () => {
  // A stream may be gone before anybody is told that it has come.
  it.each([
    ["a duplex", "/fireflies.v1.Overlay/stream"],
    ["a call", "/fireflies.v1.Overlay/probe"],
    ["the way back", "/fireflies.v1.Overlay/back"],
    ["what is no protocol", "/x"],
    ["what is not gRPC", "/x", "text/plain"],
  ])("%s ends nothing but that", async (_, path, type = "application/grpc") => {
    const thrown: unknown[] = [];
    const caught = (error: unknown) => thrown.push(error);
    const others = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException").on("uncaughtException", caught);
    try {
      const socket = await handshake(memberOptions());
      const [HEADERS, RST_STREAM, SETTINGS, PING] = [1, 3, 4, 6];
      const streams = Array.from({ length: 20 }, (_, index) => 2 * index + 1).flatMap((id) => [
        frame(HEADERS, 4, id, request(path, type)),
        frame(RST_STREAM, 0, id, Buffer.of(0, 0, 0, 8)),
      ]);
      const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
      const pong = new Promise<void>((resolve) => {
        socket.on("data", (data: Buffer) => data.includes("pingpong") && resolve());
        socket.once("close", () => resolve());
      });
      socket.write(Buffer.concat([preface, frame(SETTINGS, 0, 0, Buffer.alloc(0)), ...streams]));
      socket.write(frame(PING, 0, 0, Buffer.from("pingpong")));
      await pong;
      await works();
      expect(thrown).toEqual([]);
    } finally {
      process.off("uncaughtException", caught);
      for (const other of others) process.on("uncaughtException", other);
    }
  });
});

describe("dialling", () => {
  it("gives up in time on one who accepts and never answers, and leaves nothing behind", async () => {
    const silent = createServer((socket) => sockets.push(socket.on("error", () => {}))).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as { port: number };
    const cut = once(silent, "connection").then(([socket]) => closed((socket as Socket).resume()));
    const target = { address: { scheme: "tcp", host: "127.0.0.1", port }, close: async () => {} };
    expect(await codeOf(scene.connect(alice, target, { deadline: deadlineIn(100) }))).toBe("timeout");
    await cut;
    silent.close();
  });

  it("leaves nothing behind when all is closed", async () => {
    const handles = () =>
      process.getActiveResourcesInfo().filter((name) => /TCP|TLS|Timeout|Connect|Stream/.test(name)).length;
    await scene.close();
    const before = handles();
    scene = new Scene({ create: tcpTransport, host: "127.0.0.1" });
    [alice, bob] = [scene.member(aliceId!), scene.member(bobId!)];
    bound = await scene.listen(bob);
    const sessions = [await scene.connect(alice, bound), await scene.connect(alice, bound)];
    const duplexes = sessions.map((session) => session.open("stream"));
    await sessions[0]!.call("probe", bytes(1), soon());
    await (await bob.nextSession()).call("probe", bytes(1), soon());
    const ended = duplexes.map(closed);
    for (const session of sessions) session.close();
    await Promise.all(ended);
    await scene.close();
    for (let i = 0; i < 50 && handles() > before; i++) await new Promise(setImmediate);
    expect(handles()).toBeLessThanOrEqual(before);
  });
});
