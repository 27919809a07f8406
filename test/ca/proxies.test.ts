/** Balancers in front of the authority: whose word on the caller's address is taken, in which form, and what it counts for. */
import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { connect } from "node:tls";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readProxyHeader } from "../../ca/gate/proxy-header.js";
import { SERVICE_LIMITS } from "../../ca/gate/service-limits.js";
import { TrustedProxies } from "../../ca/gate/trusted-proxies.js";
import type { RequestRecord } from "../../ca/http/service-metrics.js";
import { type AuthorityServer, serveAuthority } from "../../ca/index.js";
import { AuthorityFixture, codeOf } from "./authority-fixture.js";

const SIGNATURE = Buffer.from("0d0a0d0a000d0a515549540a", "hex");
const bytesOf = (...values: readonly number[]) => Buffer.from(values);

/** Version 2. `block` is what stands behind its first 16 bytes. */
function block(command: number, family: number, content: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(content.length);
  return Buffer.concat([SIGNATURE, bytesOf(command, family), length, content]);
}

const IPV4 = bytesOf(192, 0, 2, 7, 10, 0, 0, 1, 0x10, 0, 0x20, 0);
const IPV6 = Buffer.concat([Buffer.from("20010db8000000000000000000000007", "hex"), Buffer.alloc(20)]);
const MAPPED = Buffer.concat([Buffer.from("00000000000000000000ffffc0000207", "hex"), Buffer.alloc(20)]);

describe("a PROXY header", () => {
  it.each<[string, Buffer, string | undefined]>([
    ["version 1, IPv4", Buffer.from("PROXY TCP4 192.0.2.7 10.0.0.1 4711 8300\r\n"), "192.0.2.7"],
    ["version 1, IPv6", Buffer.from("PROXY TCP6 2001:db8::7 ::1 4711 8300\r\n"), "2001:db8::7"],
    ["version 1, IPv4 within IPv6", Buffer.from("PROXY TCP6 ::ffff:192.0.2.7 ::1 4711 8300\r\n"), "192.0.2.7"],
    ["version 1, the same in hex", Buffer.from("PROXY TCP6 ::FFFF:c000:207 ::1 4711 8300\r\n"), "192.0.2.7"],
    ["version 1, unknown", Buffer.from("PROXY UNKNOWN\r\n"), undefined],
    ["version 1, unknown with more", Buffer.from("PROXY UNKNOWN ffff::1 ::2 1 2\r\n"), undefined],
    ["version 2, IPv4", block(0x21, 0x11, IPV4), "192.0.2.7"],
    ["version 2, IPv4 with extras", block(0x21, 0x11, Buffer.concat([IPV4, Buffer.alloc(50)])), "192.0.2.7"],
    ["version 2, IPv6", block(0x21, 0x21, IPV6), "2001:db8:0:0:0:0:0:7"],
    ["version 2, IPv4 within IPv6", block(0x21, 0x21, MAPPED), "192.0.2.7"],
    ["version 2, a Unix socket", block(0x21, 0x31, Buffer.alloc(216)), undefined],
    ["version 2, of the proxy itself", block(0x20, 0x00, Buffer.alloc(0)), undefined],
    ["version 2, of the proxy itself with extras", block(0x20, 0x11, IPV4), undefined],
  ])("is read: %s", (_, header, address) => {
    const whole = { kind: "whole", length: header.length, address };
    expect(readProxyHeader(Buffer.concat([header, Buffer.from("\x16\x03\x01", "latin1")]))).toEqual(whole);
    expect(readProxyHeader(header)).toEqual(whole);
    for (let length = 0; length < header.length; length++) {
      expect(readProxyHeader(header.subarray(0, length)).kind, `${length} bytes`).toBe("unfinished");
    }
  });

  it.each<[string, Buffer]>([
    ["TLS", bytesOf(0x16, 3, 1, 2, 0)],
    ["HTTP", Buffer.from("GET / HTTP/1.1\r\n\r\n")],
    ["a family of its own", Buffer.from("PROXY TCP5 192.0.2.7 10.0.0.1 1 2\r\n")],
    ["the other family's address", Buffer.from("PROXY TCP4 2001:db8::7 ::1 1 2\r\n")],
    ["a name for an address", Buffer.from("PROXY TCP4 example.org 10.0.0.1 1 2\r\n")],
    ["no port", Buffer.from("PROXY TCP4 192.0.2.7 10.0.0.1 1\r\n")],
    ["a port beyond all", Buffer.from("PROXY TCP4 192.0.2.7 10.0.0.1 1 65536\r\n")],
    ["a line without an end", Buffer.from(`PROXY UNKNOWN ${"x".repeat(200)}`)],
    ["another version", block(0x31, 0x11, IPV4)],
    ["another command", block(0x22, 0x11, IPV4)],
    ["another family", block(0x21, 0x41, IPV4)],
    ["too few bytes", block(0x21, 0x21, IPV4)],
    ["too many bytes", block(0x21, 0x11, Buffer.alloc(4_096))],
  ])("is refused: %s", (_, bytes) => {
    expect(readProxyHeader(bytes)).toEqual({ kind: "invalid" });
  });

  it("of any bytes is decided within 2,064, and never read beyond them", () => {
    const heads = fc.constantFrom(Buffer.alloc(0), SIGNATURE, Buffer.from("PROXY "), bytesOf(...SIGNATURE, 0x21, 0x11));
    fc.assert(
      fc.property(heads, fc.uint8Array({ maxLength: 3_000 }), (head, rest) => {
        const bytes = Buffer.concat([head, rest]);
        const read = readProxyHeader(bytes);
        if (bytes.length >= 2_064) expect(read.kind).not.toBe("unfinished");
        if (read.kind === "whole") expect(read.length).toBeLessThanOrEqual(bytes.length);
      }),
    );
  });
});

describe("a chain of proxies", () => {
  const trusted = ["10.0.0.0/8", "2001:db8:1::/48"];
  const proxies = new TrustedProxies({ trusted, form: "x-forwarded-for" });

  it.each<[string, string, string | undefined, string]>([
    ["nothing is said", "10.0.0.1", undefined, "10.0.0.1"],
    ["the caller is named", "10.0.0.1", "192.0.2.7", "192.0.2.7"],
    ["as IPv4 within IPv6", "::ffff:10.0.0.1", "192.0.2.7", "192.0.2.7"],
    ["as the same in hex", "::ffff:a00:1", "::ffff:c000:207", "192.0.2.7"],
    ["what the caller itself had sent is not believed", "10.0.0.1", "1.1.1.1, 192.0.2.7", "192.0.2.7"],
    ["two proxies", "10.0.0.1", "192.0.2.7, 10.0.0.2", "192.0.2.7"],
    ["proxies alone", "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"],
    ["with ports", "2001:db8:1::1", "[2001:db8:2::7]:4711", "2001:db8:2::7"],
    ["no address", "10.0.0.1", "unknown", "10.0.0.1"],
    ["from somebody else", "192.0.2.9", "1.1.1.1", "192.0.2.9"],
  ])("%s", (_, address, header, caller) => {
    expect(proxies.callerOf(address, header)).toBe(caller);
  });

  it.each(["10.0.0.0/33", "10.0.0", "localhost", "10.0.0.0/8/8", "", "::1/129", "10.0.0.1/"])("refuses %j", (range) => {
    expect(() => new TrustedProxies({ trusted: [range] })).toThrow(
      expect.objectContaining({ code: "ca-options-invalid" }),
    );
  });
});

describe("an authority behind a balancer", { timeout: 60_000 }, () => {
  let fixture: AuthorityFixture;
  let server: AuthorityServer | undefined;
  const told: RequestRecord[] = [];
  beforeEach(async () => {
    fixture = await AuthorityFixture.start();
    told.length = 0;
  });
  afterEach(async () => {
    await server?.close();
    server = undefined;
    await fixture[Symbol.asyncDispose]();
  });

  const few = { burst: 2, perSecond: 0.001, callersMax: 10 };

  async function serve(options: Parameters<typeof serveAuthority>[1] = {}): Promise<number> {
    server = await serveAuthority(fixture.authority, { port: 0, onRequest: (record) => told.push(record), ...options });
    return server.port;
  }

  /** What comes back for a request behind `header`; empty when the connection was closed. */
  async function asked(port: number, header: Buffer, lines = ""): Promise<string> {
    const socket: Socket = connectTcp({ host: "127.0.0.1", port });
    socket.on("error", () => {});
    await once(socket, "connect");
    // Byte by byte, as the worst of networks would.
    for (const byte of header) socket.write(bytesOf(byte));
    const secure = connect({ socket, rejectUnauthorized: false });
    secure.on("error", () => {});
    secure.write(`GET /v1/network HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${lines}\r\n`);
    let text = "";
    secure.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    await new Promise((resolve) => secure.once("close", resolve));
    return text.split("\r\n")[0]!;
  }

  it("knows each caller by the header, for limits and log, and lets nobody without one in", async () => {
    const proxies = { trusted: ["127.0.0.1"] };
    const port = await serve({ proxies, limits: { gate: { ...SERVICE_LIMITS.gate, handshakes: few } } });
    const of = (address: string) => Buffer.from(`PROXY TCP4 ${address} 10.0.0.1 1 2\r\n`);
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push(await asked(port, of("192.0.2.7")));
    expect(statuses).toEqual(["HTTP/1.1 200 OK", "HTTP/1.1 200 OK", ""]); // Too many of this caller ...
    expect(await asked(port, block(0x21, 0x21, IPV6))).toBe("HTTP/1.1 200 OK"); // ... not of this one.
    expect(told.map(({ address }) => address)).toEqual(["192.0.2.7", "192.0.2.7", "2001:db8:0:0:0:0:0:7"]);
    expect(await asked(port, Buffer.alloc(0))).toBe("");
    expect(await server!.metrics()).toContain('fireflies_ca_closed_connections_total{reason="proxy-header"} 1');
  });

  it("believes no header of others", async () => {
    const port = await serve({ proxies: { trusted: ["127.0.0.9"] } });
    expect(await asked(port, Buffer.from("PROXY TCP4 192.0.2.7 10.0.0.1 1 2\r\n"))).toBe("");
    expect(await asked(port, Buffer.alloc(0), "x-forwarded-for: 192.0.2.7\r\n")).toBe("HTTP/1.1 200 OK");
    expect(told.map(({ address }) => address)).toEqual(["127.0.0.1"]);
  });

  it("knows each caller by X-Forwarded-For of a proxy that ends TLS", async () => {
    const proxies = { trusted: ["127.0.0.1"], form: "x-forwarded-for" } as const;
    const port = await serve({ proxies, limits: { address: few } });
    const of = (address: string) => asked(port, Buffer.alloc(0), `x-forwarded-for: ${address}\r\n`);
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push(await of("192.0.2.7"));
    statuses.push(await of("192.0.2.8"));
    expect(statuses.map((status) => status.slice(9, 12))).toEqual(["200", "200", "429", "200"]);
    expect(told.at(-1)?.address).toBe("192.0.2.8");
  });

  it("counts nothing for an address behind which all callers are, when it says nothing of them", async () => {
    const proxies = { trusted: ["127.0.0.1"], form: "nothing" } as const;
    const gate = { ...SERVICE_LIMITS.gate, handshakes: few };
    const port = await serve({ proxies, limits: { address: few, gate, work: { max: 9, perAddressMax: 0 } } });
    const statuses = [];
    for (let i = 0; i < 5; i++) statuses.push(await asked(port, Buffer.alloc(0)));
    expect(new Set(statuses)).toEqual(new Set(["HTTP/1.1 200 OK"]));
  });

  it("is not started with what is no address", async () => {
    const proxies = { trusted: ["balancer.example.com"] };
    expect(await codeOf(serveAuthority(fixture.authority, { port: 0, proxies }))).toBe("ca-options-invalid");
  });
});
