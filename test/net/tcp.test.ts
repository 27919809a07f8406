/** TCP as a transport: the contract, and what the system's failures become. */
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { describe, expect, it, test } from "vitest";
import { ConnectionGate, DialError, tcpTransport } from "../../net/index.js";
import { reasonOf } from "../../net/transports/tcp.js";
import { transportContract } from "../../testing/index.js";
import { closed, knock, later, soon } from "./waiting.js";

const runner = { describe, test };
transportContract("TCP", { create: tcpTransport, host: "127.0.0.1", handle: "TCPServerWrap" }, runner);
transportContract("TCP over IPv6", { create: tcpTransport, host: "::1", handle: "TCPServerWrap" }, runner);
/** One listener for both families, dialled by the other one. */
transportContract(
  "TCP of both families",
  {
    host: "::",
    diallerHost: "127.0.0.1",
    create: () => {
      const tcp = tcpTransport();
      return { listening: tcp, dialling: { ...tcp, dial: (to, how) => tcp.dial({ ...to, host: "127.0.0.1" }, how) } };
    },
  },
  runner,
);

const never = new AbortController().signal;

describe("a failed connection of TCP", () => {
  it.each([
    ["ECONNREFUSED", "refused"],
    ["ECONNRESET", "refused"],
    ["EHOSTUNREACH", "no-route"],
    ["ENETUNREACH", "no-route"],
    ["EACCES", "no-route"],
    ["EAFNOSUPPORT", "no-route"],
    ["ETIMEDOUT", "timeout"],
    ["EMFILE", "local"],
    ["ENFILE", "local"],
    ["EADDRNOTAVAIL", "local"],
    ["ENOBUFS", "local"],
    ["ESOMETHING", "no-route"],
  ])("%s is %s", (code, reason) => {
    expect(reasonOf(Object.assign(new Error(code), { code }))).toBe(reason);
  });

  it("says which address, and what the system said", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    server.close();
    const error = await tcpTransport()
      .dial({ scheme: "tcp", host: "127.0.0.1", port }, { signal: never })
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DialError);
    expect(error).toMatchObject({ reason: "refused", address: `127.0.0.1:${port}` });
    expect((error as Error).message).toContain("ECONNREFUSED");
  });
});

describe("a connection of TCP", () => {
  it("that waits at the gate closes with its listener", async () => {
    const gate = new ConnectionGate();
    const bound = await tcpTransport({ gate }).listen({ host: "127.0.0.1", port: 0 }, () => {});
    const knocking = await knock(bound.address);
    await soon(() => expect(gate.figures.held).toBe(1));
    await bound.close();
    await closed(knocking);
    expect(gate.figures).toEqual({ connections: 0, held: 0, shaking: 0, dropped: 0 });
  });

  it("sends small writes at once, on both sides", async () => {
    const accepted = later<Socket>();
    const transport = tcpTransport();
    const bound = await transport.listen({ host: "127.0.0.1", port: 0 }, (connection) =>
      accepted.resolve(connection as Socket),
    );
    const near = (await transport.dial(bound.address, { signal: never })) as Socket;
    const far = await accepted.promise;
    const NO_DELAY = Object.getOwnPropertySymbols(near).find((symbol) => symbol.description === "kSetNoDelay");
    expect(NO_DELAY).toBeDefined();
    expect([near, far].map((socket) => (socket as never)[NO_DELAY as never])).toEqual([true, true]);
    near.destroy();
    far.destroy();
    await bound.close();
  });

  it("that is reset fails with ECONNRESET at the other end", async () => {
    const accepted = later<Socket>();
    const transport = tcpTransport();
    const bound = await transport.listen({ host: "127.0.0.1", port: 0 }, (connection) =>
      accepted.resolve(connection as Socket),
    );
    const near = await transport.dial(bound.address, { signal: never });
    (await accepted.promise).resetAndDestroy();
    near.resume();
    const [error] = await once(near, "error");
    expect(error.code).toBe("ECONNRESET");
    await bound.close();
  });
});
