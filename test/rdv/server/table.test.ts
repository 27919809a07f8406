/** What a server answers, case by case, to sockets moved by hand: the table of docs/rdv.md. */
import { createServer } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import type { RdvServerOptions } from "../../../rdv/index.js";
import { HEAD_BYTES_MAX, TOKEN_BYTES_MAX } from "../../../rdv/limits.js";
import { RawSocket } from "../../support/raw-socket.js";
import { bytesOf } from "../../support/rdv-bytes.js";
import { Site } from "./site.js";

let site: Site;
afterEach(() => site.close());

async function open(options: RdvServerOptions = {}): Promise<void> {
  site = await Site.open(options);
}

const IDLE = "conn must idle while waiting for response header";
const SELF = "192.0.2.2:40479, [fd00::2]:40479";

/** Status, headers and body of an answer behind which the server closed. */
async function answerTo(socket: RawSocket): Promise<{ status: number; head: string; body: string }> {
  const [head = "", body = ""] = (await socket.rest()).split("\r\n\r\n");
  return { status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]), head, body };
}

describe("requests that are refused", () => {
  it.each([
    ["no Upgrade", 426, { "Upgrade: rdv/1\r\n": "" }],
    ["another Upgrade", 426, { "Upgrade: rdv/1": "Upgrade: websocket" }],
    ["another version", 426, { "Upgrade: rdv/1": "Upgrade: rdv/2" }],
    ["something beside it", 426, { "Upgrade: rdv/1": "Upgrade: rdv/1, foo" }],
    ["no Connection", 426, { "Connection: upgrade\r\n": "" }],
    ["Connection with more", 426, { "Connection: upgrade": "Connection: keep-alive, Upgrade" }],
    ["HTTP/1.0", 426, { "HTTP/1.1": "HTTP/1.0" }],
    ["no token", 400, { "/rdv/to%20k": "/rdv/" }],
    ["no token and no slash", 400, { "/rdv/to%20k": "/rdv" }],
    ["no token but a query", 400, { "/rdv/to%20k": "/rdv/?to%20k" }],
    ["a broken escape", 400, { "to%20k": "to%2" }],
    ["a token too long", 400, { "to%20k": "x".repeat(TOKEN_BYTES_MAX + 1) }],
    ["an own address without port", 400, { [SELF]: "192.0.2.2" }],
    ["a name among them", 400, { [SELF]: "192.0.2.2:1, host.example:2" }],
    ["a comma at the end", 400, { [SELF]: "192.0.2.2:1," }],
    ["ten own addresses", 400, { [SELF]: Array.from({ length: 10 }, (_, index) => `192.0.2.2:${index}`).join(",") }],
    ["no Host", 400, { "Host: 127.0.0.1:8321\r\n": "" }],
    ["no Host and no upgrade", 400, { "Host: 127.0.0.1:8321\r\n": "", "Upgrade: rdv/1\r\n": "" }],
    ["two Hosts", 400, { "Host: 127.0.0.1:8321": "Host: a\r\nHost: b" }],
    ["a malformed Host", 400, { "Host: 127.0.0.1:8321": "Host: a b" }],
    ["HTTP/1.0 without Host", 426, { "HTTP/1.1": "HTTP/1.0", "Host: 127.0.0.1:8321\r\n": "" }],
    ["HTTP/2 as text", 505, { "HTTP/1.1": "HTTP/2.0" }],
    ["a header without a colon", 400, { "X-Application: yes": "X-Application" }],
    ["another path", 404, { "/rdv/to%20k": "/elsewhere/to%20k" }],
    ["a head too long", 431, { "X-Application: yes": `X-Application: ${"y".repeat(HEAD_BYTES_MAX)}` }],
  ] as const)("%s: %s", async (_case, status, replacements) => {
    await open();
    const answer = await answerTo(await site.ask(replacements));
    expect(answer).toMatchObject({ status });
    expect(answer.head).toMatch(/\r\nContent-Type: text\/plain; charset=utf-8(\r\n|$)/);
    expect(answer.body).toMatch(/^[^\n]{5,}$/);
    expect(site.rdv.metrics().waiting).toBe(0);
  });

  it.each([
    ["a plain GET", 426, { DIAL: "GET", "Connection: upgrade\r\n": "", "Upgrade: rdv/1\r\n": "" }],
    ["a GET with the upgrade", 400, { DIAL: "GET" }],
    ["a method in lower case", 400, { DIAL: "dial" }],
    ["a POST", 426, { DIAL: "POST", "Connection: upgrade\r\n": "Content-Length: 0\r\n" }],
  ] as const)("%s: %s, from the HTTP server's side", async (_case, status, replacements) => {
    await open();
    expect(await answerTo(await site.ask(replacements))).toMatchObject({ status });
  });

  it("a GET with the upgrade is refused beside an upgrade listener of the program, which does not see it", async () => {
    await open();
    const seen: string[] = [];
    site.http.on("upgrade", ({ url = "" }, socket) => {
      seen.push(url);
      socket.end("HTTP/1.1 101 Switching Protocols\r\n\r\n");
    });
    expect(await answerTo(await site.ask({ DIAL: "GET" }))).toMatchObject({ status: 400 });
    const other = await site.ask({ DIAL: "GET", "/rdv/to%20k": "/chat", "rdv/1": "chat/1" });
    expect(await answerTo(other)).toMatchObject({ status: 101 });
    expect(seen).toEqual(["/chat"]);
  });

  it("a method that is sent byte by byte is the same", async () => {
    await open();
    const socket = await site.connect();
    for (const byte of bytesOf("request", { "rdv/1": "rdv/2" })) {
      socket.send(byte);
      await new Promise(setImmediate);
    }
    expect(await answerTo(socket)).toMatchObject({ status: 426 });
  });
});

describe("requests that are taken", () => {
  it.each([
    [
      "names and values of headers in any case",
      { "Connection: upgrade": "CONNECTION: UPGRADE", "Upgrade: rdv/1": "upgrade: RDV/1" },
    ],
    ["no own addresses", { [`Rdv-Self-Addrs: ${SELF}\r\n`]: "" }],
    ["an empty list of them", { [SELF]: "" }],
    ["nine", { [SELF]: Array.from({ length: 9 }, (_, index) => `192.0.2.2:${index}`).join(",") }],
    ["a zone, and IPv4 within IPv6", { [SELF]: "[fe80::1%eth0]:1, [::ffff:10.0.0.1]:2" }],
    ["Content-Length: 0", { "X-Application: yes": "Content-Length: 0" }],
    ["an empty Host", { "Host: 127.0.0.1:8321": "Host:" }],
    ["a body that never comes", { "X-Application: yes": "Content-Length: 5" }],
    ["a query", { "to%20k": "to%20k?DIAL&x=%zz" }],
    ["an absolute target", { "/rdv/to%20k": "http://127.0.0.1/rdv/to%20k" }],
    ["the longest token", { "to%20k": "x".repeat(TOKEN_BYTES_MAX) }],
  ] as const)("%s", async (_case, replacements) => {
    await open();
    await site.ask(replacements);
    await site.waiting(1);
  });

  it("a request whose lines end without carriage returns", async () => {
    await open();
    (await site.connect()).send(bytesOf("request").replaceAll("\r\n", "\n"));
    await site.waiting(1);
  });

  it.each([
    ["a%2Fb", "a/b"],
    ["%C3%BC", "%c3%bc"],
    ["%FF", "%ff"],
    ["to%20k?x", "to%20k?y"],
  ])("%s meets %s", async (one, other) => {
    await open();
    const accepter = await site.ask({ DIAL: "ACCEPT", "to%20k": one });
    const dialer = await site.ask({ "to%20k": other });
    for (const socket of [dialer, accepter]) expect(await socket.until("\r\n\r\n")).toMatch(/^HTTP\/1\.1 101 /);
  });

  it("tokens of other bytes do not meet", async () => {
    await open();
    await site.ask({ DIAL: "ACCEPT", "to%20k": "%FF" });
    await site.ask({ "to%20k": "%FE" });
    await site.waiting(2);
  });
});

describe("in the lobby", () => {
  it("two that meet get the bytes of docs/rdv.md: the other's addresses, own and observed, sorted, and their own", async () => {
    await open();
    const accepter = await site.ask({
      DIAL: "ACCEPT",
      [SELF]: "[2001:db8::1]:6, 127.0.0.1:5, 10.0.0.1:7, 127.0.0.1:5",
    });
    await site.waiting(1);
    const dialer = await site.ask({ [SELF]: "" });
    expect(await dialer.until("\r\n\r\n")).toBe(
      bytesOf("answer", {
        "127.0.0.1:39390": `127.0.0.1:${dialer.port}`,
        "127.0.0.1:5, ": `127.0.0.1:5, 127.0.0.1:${accepter.port}, `,
      }),
    );
    expect(await accepter.until("\r\n\r\n")).toBe(
      bytesOf("answer", {
        "127.0.0.1:39390": `127.0.0.1:${accepter.port}`,
        "10.0.0.1:7, 127.0.0.1:5, [2001:db8::1]:6": `127.0.0.1:${dialer.port}`,
      }),
    );
  });

  it("the older one with the same method and token is replaced, with the bytes of docs/rdv.md; the newer one meets", async () => {
    await open();
    const older = await site.ask();
    await site.waiting(1);
    const newer = await site.ask();
    expect(await older.rest()).toBe(bytesOf("refusal"));
    await site.ask({ DIAL: "ACCEPT" });
    expect(await newer.until("\r\n\r\n")).toMatch(/^HTTP\/1\.1 101 /);
  });

  it("one that speaks is refused, and its token is free", async () => {
    await open();
    const early = await site.ask();
    await site.waiting(1);
    early.send("CONTINUE\n");
    expect(await answerTo(early)).toMatchObject({ status: 400, body: IDLE });
    expect(site.rdv.metrics().waiting).toBe(0);
  });

  it("also when it speaks behind its request, in the same segment", async () => {
    await open();
    const glued = (await site.connect()).send(`${bytesOf("request")}x`);
    expect(await answerTo(glued)).toMatchObject({ status: 400, body: IDLE });
  });

  it("one that ends its side is refused", async () => {
    await open();
    const half = (await site.ask()).end();
    expect(await answerTo(half)).toMatchObject({ status: 400, body: IDLE });
    expect(site.rdv.metrics().waiting).toBe(0);
  });

  it("one that leaves frees its token", async () => {
    await open();
    const gone = await site.ask();
    await site.waiting(1);
    gone.socket.resetAndDestroy();
    await site.waiting(0);
    expect(site.rdv.metrics().left).toBe(1);
  });

  it("nobody came in time: 408", async () => {
    await open({ lobbyTimeoutMs: 30 });
    expect(await answerTo(await site.ask())).toMatchObject({ status: 408, body: "no matching peer found" });
  });

  it("shutdown: 503 for those that wait, and for those that come then", async () => {
    await open();
    const waiting = await site.ask();
    await site.waiting(1);
    site.rdv.shutdown();
    for (const socket of [waiting, await site.ask()]) {
      const answer = await answerTo(socket);
      expect(answer).toMatchObject({ status: 503 });
      expect(answer.head).toContain("\r\nRetry-After: 10\r\n");
    }
  });

  it.each([
    ["in all: 503", { waitingMax: 1 }, 503],
    ["for one address: 429", { waitingPerAddressMax: 1 }, 429],
  ] as const)(
    "full, %s, with a time to come back; the peer of one that waits needs no place",
    async (_case, limits, status) => {
      await open({ limits });
      await site.ask();
      await site.waiting(1);
      const answer = await answerTo(await site.ask({ "to%20k": "other" }));
      expect(answer).toMatchObject({ status });
      expect(answer.head).toContain("\r\nRetry-After: ");
      const peer = await site.ask({ DIAL: "ACCEPT" });
      expect(await peer.until("\r\n\r\n")).toMatch(/^HTTP\/1\.1 101 /);
    },
  );

  it.each([
    ["in all: 503", { pairsMax: 1 }, 503],
    ["of one address: 429", { pairsPerAddressMax: 2 }, 429],
  ] as const)(
    "pairs are limited, %s, with a time to come back, and the one that waited waits on",
    async (_case, limits, status) => {
      await open({ limits });
      const { dialer, accepter } = await site.pair();
      await site.ask({ DIAL: "ACCEPT" });
      await site.waiting(1);
      const answer = await answerTo(await site.ask());
      expect(answer).toMatchObject({ status });
      expect(answer.head).toContain("\r\nRetry-After: ");
      expect(site.rdv.metrics()).toMatchObject({ waiting: 1, pairs: 1 });
      for (const socket of [dialer, accepter]) socket.destroy();
      while (site.rdv.metrics().pairs > 0) await new Promise(setImmediate);
      const again = await site.ask();
      expect(await again.until("\r\n\r\n")).toMatch(/^HTTP\/1\.1 101 /);
    },
  );

  it("too many requests: 429 with a time to come back", async () => {
    await open({ limits: { requestsPerSecond: 0.01, requestsBurst: 1 } });
    await site.ask();
    await site.waiting(1);
    const answer = await answerTo(await site.ask({ "to%20k": "other" }));
    expect(answer).toMatchObject({ status: 429 });
    expect(answer.head).toMatch(/\r\nRetry-After: (99|100)\r\n/);
    expect(site.rdv.metrics().refused).toEqual({ 429: 1 });
  });
});

describe("of one address, more than five hundred connections that have not shown what they are", () => {
  it("leave the oldest one to the HTTP server, or refuse it with a time to come back when its request has begun", async () => {
    await open();
    const silent = await site.connect();
    const slow = (await site.connect()).send("DIAL /rdv/x HTTP/1.1\r\n");
    for (let count = 0; count < 500; count += 1) await site.connect();
    silent.send("GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    expect(await silent.rest()).toContain("page /a");
    const answer = await answerTo(slow);
    expect(answer).toMatchObject({ status: 429 });
    expect(answer.head).toContain("\r\nRetry-After: 10\r\n");
    await site.ask();
    await site.waiting(1);
  });
});

describe("the HTTP server beside it", () => {
  it("has all other requests, also several on one connection", async () => {
    await open();
    const get = (path: string, more = "") => `GET ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
    const socket = (await site.connect()).send(`${get("/a")}${get("/b")}`);
    expect(await socket.until("page /b")).toContain("page /a");
    socket.send(get("/c", "Connection: close\r\n"));
    expect(await socket.rest()).toContain("page /c");
  });

  it("has them again alone when the rendezvous has left", async () => {
    await open();
    await site.rdv.close();
    const socket = (await site.connect()).send("GET /rdv/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    expect(await socket.rest()).toContain("page /rdv/x");
  });

  it("has requests whose body comes later", async () => {
    await open();
    site.http.removeAllListeners("request").on("request", async (request, response) => {
      let body = "";
      for await (const chunk of request) body += chunk;
      response.end(`got ${body}`);
    });
    const socket = (await site.connect()).send(
      "POST /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\n",
    );
    socket.send("ab");
    await new Promise(setImmediate);
    socket.send("cd");
    expect(await socket.rest()).toContain("got abcd");
  });
});

describe("where a client comes from", () => {
  it("is plain IPv4 also on a dual-stack listener", async () => {
    site = await Site.open({}, "::");
    const accepter = await site.ask({ DIAL: "ACCEPT" });
    await site.ask();
    expect(await accepter.until("\r\n\r\n")).toContain(`Rdv-Observed-Addr: 127.0.0.1:${accepter.port}\r\n`);
  });

  it("is what the hook says; none, when it says none, throws, or says what is no address", async () => {
    const says: Record<string, () => string | undefined> = {
      a: () => "[::ffff:198.51.100.4]:7",
      b: () => undefined,
      c: () => {
        throw new Error("broken");
      },
      d: () => "proxy.example:7",
    };
    await open({ observedAddress: ({ token }) => says[token]?.() });
    for (const token of Object.keys(says)) {
      const accepter = await site.ask({ DIAL: "ACCEPT", "to%20k": token });
      const dialer = await site.ask({ "to%20k": token, [SELF]: "10.0.0.1:7" });
      const [own, peer] = [
        await accepter.until("\r\n\r\n"),
        (await accepter.socket) && (await dialer.until("\r\n\r\n")),
      ];
      expect(own.includes("Rdv-Observed-Addr: 198.51.100.4:7\r\n")).toBe(token === "a");
      expect(own).toContain(`Rdv-Peer-Addrs: 10.0.0.1:7${token === "a" ? ", 198.51.100.4:7" : ""}\r\n`);
      expect(peer.includes("Rdv-Observed-Addr")).toBe(token === "a");
    }
  });
});

it("a socket that a server of another kind accepted is taken with its bytes put back", async () => {
  await open();
  const told: Promise<string>[] = [];
  const plain = createServer((socket) => {
    socket.once("readable", () => {
      socket.unshift(socket.read());
      const upgrade = site.rdv.upgrade(socket, { prefix: "/rdv/" });
      told.push(
        upgrade.then(
          () => "taken",
          ({ code }) => code,
        ),
      );
    });
  });
  await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
  const { port } = plain.address() as { port: number };
  const one = (await RawSocket.connect({ host: "127.0.0.1", port })).send(bytesOf("request"));
  const other = await site.ask({ DIAL: "ACCEPT" });
  expect(await one.until("\r\n\r\n")).toMatch(/^HTTP\/1\.1 101 /);
  expect(await told[0]).toBe("taken");
  const refused = (await RawSocket.connect({ host: "127.0.0.1", port })).send(bytesOf("request", { "rdv/1": "rdv/2" }));
  expect(await answerTo(refused)).toMatchObject({ status: 426 });
  expect(await told[1]).toBe("rdv-handshake");
  for (const socket of [one, other, refused]) socket.destroy();
  plain.close();
});
