/** The member's side of the authority's API, against servers that have its certificate and behave badly. */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import type { RequestListener } from "node:http";
import { createServer as createHttpsServer, type Server } from "node:https";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CertificateAuthority, serveAuthority } from "../../ca/index.js";
import { enroll, fetchRevocations, Line, placeOf, renew, report } from "../../client/authority/authority.js";
import {
  anyKeyFromPem,
  certificatesToPem,
  generateKeyPair,
  issueMember,
  privateKeyToPem,
  signRaw,
} from "../../identity/index.js";
import { AuthorityFixture, codeOf } from "../ca/authority-fixture.js";

let fixture: AuthorityFixture;
beforeAll(async () => {
  fixture = await AuthorityFixture.start({ open: true });
});
afterAll(() => fixture[Symbol.asyncDispose]());

/** Runs `work` against an HTTPS server with the authority's own credentials and other manners. */
async function against<T>(listener: RequestListener, work: (url: string) => Promise<T>): Promise<T> {
  const { authority } = fixture;
  const { pair, leaf } = await authority.createServerCertificate(60_000);
  const cert = certificatesToPem(leaf, authority.issuer, authority.root);
  const server: Server = createHttpsServer({ key: privateKeyToPem(pair.privateKey), cert }, listener);
  await once(server.listen(0, "127.0.0.1"), "listening");
  try {
    return await work(`https://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** The second network of a directory, served. */
async function opened(directory: string) {
  const authority = await CertificateAuthority.open({ directory, networkName: "second" });
  const server = await serveAuthority(authority, { port: 0 });
  const close = () => server.close().then(() => authority.close());
  return { url: server.urls[0]!, issuer: authority.issuer, [Symbol.asyncDispose]: close };
}

const ask = (url: string, options = {}) =>
  enroll({ ...fixture.named("a"), url } as Parameters<typeof enroll>[0], generateKeyPair(), {
    ...fixture.call(),
    ...options,
  });
const codeAgainst = (listener: RequestListener, options = {}) => against(listener, (url) => codeOf(ask(url, options)));

describe("answers that are none", () => {
  it.each<[string, RequestListener, string]>([
    ["no JSON", (_, response) => response.end("<html>"), "authority-answer-invalid"],
    ["null", (_, response) => response.end("null"), "authority-answer-invalid"],
    ["nothing in it", (_, response) => response.end("{}"), "authority-answer-invalid"],
    ["2 MiB", (_, response) => response.end(`"${"x".repeat(2 << 20)}"`), "authority-answer-invalid"],
    [
      "an unknown code",
      (_, response) => response.writeHead(400).end('{"code":"constructor"}'),
      "authority-answer-invalid",
    ],
    ["a known code", (_, response) => response.writeHead(409).end('{"code":"token-used"}'), "token-used"],
    [
      "a redirect",
      (_, response) => response.writeHead(302, { location: "https://127.0.0.1:1" }).end("{}"),
      "authority-answer-invalid",
    ],
    ["a closed connection", (request) => request.socket.destroy(), "authority-unreachable"],
    [
      "half an answer",
      (request, response) =>
        response.writeHead(200, { "content-length": "99" }).write("{", () => request.socket.destroy()),
      "authority-unreachable",
    ],
  ])("%s", async (_, listener, code) => {
    expect(await codeAgainst(listener)).toBe(code);
  });

  it("a certificate for another key, or under another root", async () => {
    const { certificate, root } = await fixture.join("somebody");
    const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
    const good = {
      certificate: base64(certificate.leaf),
      issuer: base64(certificate.issuer),
      root: base64(root),
      contacts: [],
    };
    const answering = (json: object) => codeAgainst((_, response) => response.end(JSON.stringify(json)));
    expect(await answering(good)).toBe("authority-answer-invalid");
    expect(await answering({ ...good, root: good.issuer })).toBe("authority-answer-invalid");
    expect(await answering({ ...good, certificate: good.issuer })).toBe("certificate-invalid");
  });
});

describe("another network of the same root", () => {
  it("is not the authority of a member, and no certificate of it is a renewal", async () => {
    await using other = await AuthorityFixture.start({ now: Date.now });
    other.clock.now = Date.now();
    const alice = await other.join("alice");
    const { id, notBefore, notAfter } = alice.certificate;
    const { directory, authority } = other;
    const network = await authority.addNetwork("second");
    await using second = await opened(directory);
    const at = other.call();
    expect(await codeOf(report([second.url], alice.identity, at))).toBe("authority-untrusted");
    expect(await codeOf(renew([second.url], alice.identity, alice.pair, at))).toBe("authority-untrusted");
    const key = anyKeyFromPem(await readFile(join(directory, "issuing-second.key.pem"), "utf8"));
    const issuer = { certificate: second.issuer, sign: (data: Uint8Array) => signRaw(key, data) };
    const leaf = await issueMember({ id, spki: alice.pair.spki, network, issuer, validity: { notBefore, notAfter } });
    const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
    const answer = {
      certificate: base64(leaf),
      issuer: base64(second.issuer),
      root: base64(authority.root),
      contacts: [],
    };
    const { pair, leaf: server } = await authority.createServerCertificate(60_000);
    const cert = certificatesToPem(server, authority.issuer, authority.root);
    const impostor = createHttpsServer({ key: privateKeyToPem(pair.privateKey), cert }, (_, response) =>
      response.end(JSON.stringify(answer)),
    );
    await once(impostor.listen(0, "127.0.0.1"), "listening");
    const url = `https://127.0.0.1:${(impostor.address() as AddressInfo).port}`;
    expect(await codeOf(renew([url], alice.identity, alice.pair, other.call()))).toBe("authority-answer-invalid");
    impostor.closeAllConnections();
    impostor.close();
  });
});

describe("no answer at all", () => {
  it("ends at the deadline, in TLS and before it", async () => {
    expect(await codeAgainst(() => {}, { timeoutMs: 200 })).toBe("authority-unreachable");
    expect(await codeAgainst((_, response) => response.writeHead(200).write("{"), { timeoutMs: 200 })).toBe(
      "authority-unreachable",
    );
    const silent = createTcpServer((socket) => socket.on("error", () => {}).resume());
    await once(silent.listen(0, "127.0.0.1"), "listening");
    const url = `https://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    expect(await codeOf(ask(url, { timeoutMs: 200 }))).toBe("authority-unreachable");
    silent.close();
  });

  it.each([
    ["SSH", "SSH-2.0-OpenSSH_9.9\r\n"],
    ["HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n"],
    ["noise", "\x07".repeat(4_096)],
  ])("but %s says so in words", async (_, spoken) => {
    const other = createTcpServer((socket) =>
      socket
        .on("error", () => {})
        .resume()
        .write(spoken),
    );
    await once(other.listen(0, "127.0.0.1"), "listening");
    const url = `https://127.0.0.1:${(other.address() as AddressInfo).port}`;
    const error = await ask(url, { timeoutMs: 5_000 }).catch((thrown: Error) => thrown);
    other.close();
    expect(error).toMatchObject({
      code: "authority-unreachable",
      message: `The authority at ${url} cannot be reached: what answers there does not speak TLS.`,
    });
  });

  it("ends when the caller gives up", async () => {
    const controller = new AbortController();
    const code = codeAgainst(() => controller.abort(), { signal: controller.signal });
    expect(await code).toBe("authority-unreachable");
    expect(await codeOf(ask(fixture.url, { signal: AbortSignal.abort() }))).toBe("authority-unreachable");
  });
});

describe("an authority that says later", () => {
  const busy: RequestListener = (_, response) => response.writeHead(503).end('{"code":"overloaded"}');

  it("is asked again, and gives what was asked for", async () => {
    let asked = 0;
    const listener: RequestListener = (request, response) => {
      asked += 1;
      if (asked === 1) busy(request, response);
      else response.writeHead(409).end('{"code":"token-used"}');
    };
    expect(await codeAgainst(listener)).toBe("token-used");
    expect(asked).toBe(2);
  });

  it("is not asked again once the caller gives up", async () => {
    const given = new AbortController();
    const listener: RequestListener = (request, response) => {
      response.once("close", () => given.abort());
      busy(request, response);
    };
    expect(await codeAgainst(listener, { signal: given.signal })).toMatch(/^(overloaded|authority-unreachable)$/);
  });
});

describe("contacts", () => {
  it("that do not hold up are left out, the others kept", async () => {
    const me = await fixture.join("me");
    const other = await fixture.join("other");
    const stranger = await AuthorityFixture.start();
    const foreign = await stranger.join("foreign");
    const contact = ({ certificate }: typeof me, addresses: unknown) => ({
      certificate: Buffer.from(certificate.leaf).toString("base64"),
      issuer: Buffer.from(certificate.issuer).toString("base64"),
      addresses,
    });
    const list = [
      null,
      7,
      {},
      contact(other, "x"),
      contact(other, []),
      contact(foreign, ["10.0.0.1:1"]),
      contact(other, ["junk", 7, "10.0.0.2:1"]),
    ];
    const found = await against(
      (_, response) => response.end(JSON.stringify({ contacts: list })),
      (url) => report([url], me.identity, fixture.call()),
    );
    expect(found.contacts.map(({ addresses }) => addresses)).toEqual([["10.0.0.2:1"]]);
    await stranger[Symbol.asyncDispose]();
  });
});

describe("an admission", () => {
  const fingerprint = "AB".repeat(32);
  const codeFor = (admission: Parameters<typeof placeOf>[0]) => codeOf((async () => placeOf(admission))());

  it("names a place, or is refused", async () => {
    expect(placeOf({ url: "https://h:1", fingerprint, principal: "a" })).toEqual({
      urls: ["https://h:1"],
      fingerprint: fingerprint.toLowerCase(),
    });
    expect(await codeFor({ url: "http://h:1", fingerprint, principal: "a" })).toBe("authority-unreachable");
    expect(await codeFor({ url: "https://h:1", fingerprint: "ab", principal: "a" })).toBe("authority-untrusted");
    expect(await codeFor({ token: "x" })).toBe("token-invalid");
  });
});

describe("the line to the authority", () => {
  const question = (line: Line | undefined, url: string) =>
    fetchRevocations({ urls: [url], fingerprint: fixture.authority.fingerprint }, 0n, { ...fixture.call(), line });

  /** Sockets of the requests, in order, when each of these lines asks in turn. */
  async function socketsOf(lines: readonly (Line | undefined)[], endsSecond = false): Promise<unknown[]> {
    const sockets: unknown[] = [];
    const answer: RequestListener = ({ socket }, response) => {
      const isAgain = sockets.includes(socket);
      sockets.push(socket);
      if (endsSecond && isAgain) socket.destroy();
      else response.end("{}");
    };
    await against(answer, async (url) => {
      for (const line of lines) await question(line, url);
    });
    for (const line of lines) line?.close();
    return sockets;
  }

  it("serves call after call; without one each call has a connection of its own", async () => {
    const line = new Line();
    expect(new Set(await socketsOf([line, line, line])).size).toBe(1);
    expect(new Set(await socketsOf([undefined, undefined])).size).toBe(2);
  });

  it("is made anew when the authority closes it just as it is asked", async () => {
    const line = new Line();
    const [first, second, third] = await socketsOf([line, line], true);
    expect(second).toBe(first);
    expect(third).toBeDefined();
    expect(third).not.toBe(first);
  });

  it("leads to one address, and is closed when told", async () => {
    const line = new Line();
    const { url } = fixture;
    await question(line, url);
    expect(line.idle(url)).toBeDefined();
    expect(line.idle("https://127.0.0.1:1")).toBeUndefined();
    line.close();
    expect(line.idle(url)).toBeUndefined();
  });
});
