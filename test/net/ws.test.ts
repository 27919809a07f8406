/** WebSocket as a transport: the contract, and what stands between it and HTTP. */
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { connect, createServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { describe, expect, it, test } from "vitest";
import { WebSocket } from "ws";
import { type Address, type Bound, ConnectionGate, wsTransport } from "../../net/index.js";
import { transportContract } from "../../testing/index.js";
import { closed, knock, later } from "./waiting.js";

/** Takes connections and says nothing. */
async function silent() {
  const sockets: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket.on("error", () => {}))).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const address: Address = { scheme: "ws", host: "127.0.0.1", port };
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { address, close };
}

const failures = {
  handshake: async () => {
    const server = createHttpServer((_, response) => response.end("hello")).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    return { address: { scheme: "ws", host: "127.0.0.1", port }, close: () => void server.close() };
  },
  forbidden: () => ({ address: { scheme: "ws", host: "127.0.0.1", port: 1, path: "/admin" } }),
};
const runner = { describe, test };
const subject = { create: wsTransport, host: "127.0.0.1", handle: "TCPServerWrap", knock, failures };
transportContract("WebSocket", { ...subject, silent }, runner);
transportContract(
  "WebSocket below a path, behind a gate",
  { ...subject, create: () => wsTransport({ gate: new ConnectionGate() }), path: "/members/7/fireflies" },
  runner,
);

const never = new AbortController().signal;

describe("a listener of WebSockets", () => {
  async function scene(path?: string) {
    const accepted = later<Duplex>();
    const at = { host: "127.0.0.1", port: 0 };
    const bound: Bound = await wsTransport().listen(path === undefined ? at : { ...at, path }, (connection) =>
      accepted.resolve(connection),
    );
    return { bound, accepted: accepted.promise, port: bound.address.port };
  }

  /** What it answers to this request. */
  async function answer(port: number, request: string): Promise<string> {
    const socket = connect(port, "127.0.0.1").end(request.replaceAll("\n", "\r\n"));
    let text = "";
    for await (const chunk of socket) text += chunk;
    return text.split("\r\n")[0]!;
  }

  const UPGRADE =
    "Host: a\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\n\n";

  it("has its path, and answers nothing else", async () => {
    const { bound, port } = await scene("/a/fireflies");
    expect(bound.address).toEqual({ scheme: "ws", host: "127.0.0.1", port, path: "/a/fireflies" });
    expect(await answer(port, "GET /a/fireflies HTTP/1.1\nHost: a\n\n")).toBe("HTTP/1.1 426 Upgrade Required");
    expect(await answer(port, `GET /fireflies HTTP/1.1\n${UPGRADE}`)).toBe("HTTP/1.1 404 Not Found");
    expect(await answer(port, "nonsense\n\n")).toBe("");
    expect(await answer(port, `GET /a/fireflies HTTP/1.1\nHost: a\nX: ${"x".repeat(9_000)}\n\n`)).toBe("");
    const dialling = wsTransport().dial({ ...bound.address, path: "/fireflies" }, { signal: never });
    await expect(dialling).rejects.toMatchObject({ reason: "handshake", code: "peer-unreachable" });
    await bound.close();
  });

  it("ends its path as all do, so that a note cannot make members ask other servers for other things", async () => {
    const transport = wsTransport();
    const address = { scheme: "ws", host: "127.0.0.1", port: 1 };
    for (const path of ["/", "/admin/restart", "/xfireflies", "/fireflies/"]) {
      await expect(transport.dial({ ...address, path }, { signal: never })).rejects.toMatchObject({
        reason: "forbidden",
      });
      const listening = transport.listen({ host: "127.0.0.1", port: 0, path }, () => {});
      await expect(listening).rejects.toMatchObject({ code: "address-invalid" });
    }
  });

  it("is asked for by the name that was looked up", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const request = once(server, "connection").then(async ([socket]) => {
      const [head] = await once(socket, "data");
      socket.destroy();
      return String(head);
    });
    const address = { scheme: "ws", host: "127.0.0.1", port, path: "/a/fireflies" };
    const dialling = wsTransport().dial(address, { signal: never, name: "member.example" });
    await expect(dialling).rejects.toMatchObject({ reason: "handshake" });
    expect(await request).toMatch(
      new RegExp(`^GET /a/fireflies HTTP/1.1\r\n(?:[^]*\r\n)?Host: member.example:${port}\r\n`),
    );
    server.close();
  });

  it("cuts whoever sends text, or more than 256 KiB in one message", async () => {
    for (const data of ["text", Buffer.alloc(256 * 1024 + 1)]) {
      const { bound, accepted, port } = await scene();
      const ws = new WebSocket(`ws://127.0.0.1:${port}/fireflies`);
      ws.on("error", () => {});
      await once(ws, "open");
      const far = await accepted;
      far.resume();
      ws.send(data);
      await Promise.all([closed(far), once(ws, "close")]);
      await bound.close();
    }
  });

  it("agrees on no compression", async () => {
    const { bound, accepted, port } = await scene();
    const ws = new WebSocket(`ws://127.0.0.1:${port}/fireflies`, { perMessageDeflate: true });
    await once(ws, "open");
    expect(ws.extensions).toBe("");
    ws.terminate();
    await closed((await accepted).resume() as Duplex);
    await bound.close();
  });
});
