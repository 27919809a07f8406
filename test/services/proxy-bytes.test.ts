/** SOCKS 5 and HTTP CONNECT as bytes: the examples of the RFCs, bytes that come one by one, and what is neither. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HEAD_BYTES_MAX, parseConnect } from "../../services/forward/proxy/http-connect.js";
import {
  chooseMethod,
  encodeReply,
  type Parsed,
  parseCredentials,
  parseGreeting,
  parseRequest,
} from "../../services/forward/proxy/socks.js";

const bytes = (...values: readonly (number | string)[]) =>
  Uint8Array.from(values.flatMap((value) => (typeof value === "number" ? [value] : [...Buffer.from(value)])));
const found = <T>(value: T, length: number) => ({ kind: "found", value, length });

describe("SOCKS 5 (RFC 1928, 1929)", () => {
  it.each<[string, (from: Uint8Array) => Parsed<unknown>, Uint8Array, unknown]>([
    ["a greeting", parseGreeting, bytes(5, 2, 0, 2), [0, 2]],
    ["a password", parseCredentials, bytes(1, 3, "bob", 6, "secret"), { user: "bob", password: "secret" }],
    ["a password of nothing", parseCredentials, bytes(1, 0, 0), { user: "", password: "" }],
    [
      "a name",
      parseRequest,
      bytes(5, 1, 0, 3, 13, "bob.fireflies", 0, 80),
      { command: "connect", host: "bob.fireflies", port: 80 },
    ],
    [
      "IPv4",
      parseRequest,
      bytes(5, 1, 0, 1, 127, 0, 0, 1, 31, 64),
      { command: "connect", host: "127.0.0.1", port: 8000 },
    ],
    [
      "IPv6",
      parseRequest,
      bytes(5, 1, 0, 4, ...Array<number>(15).fill(0), 1, 0, 80),
      { command: "connect", host: "0000:0000:0000:0000:0000:0000:0000:0001", port: 80 },
    ],
    [
      "BIND, which nobody serves",
      parseRequest,
      bytes(5, 2, 0, 1, 0, 0, 0, 0, 0, 0),
      { command: "other", host: "0.0.0.0", port: 0 },
    ],
  ])("%s is read, however it is cut, and no byte further", (_, parse, whole, value) => {
    for (let end = 0; end < whole.length; end++) expect(parse(whole.subarray(0, end)).kind).toBe("more");
    expect(parse(whole)).toEqual(found(value, whole.length));
    expect(parse(bytes(...whole, 9, 9, 9))).toEqual(found(value, whole.length));
  });

  it.each<[string, (from: Uint8Array) => Parsed<unknown>, Uint8Array]>([
    ["SOCKS 4", parseGreeting, bytes(4, 1, 0, 80)],
    ["no methods", parseGreeting, bytes(5, 0)],
    ["another version of the password", parseCredentials, bytes(5)],
    ["another kind of address", parseRequest, bytes(5, 1, 0, 2)],
    ["a name of nothing", parseRequest, bytes(5, 1, 0, 3, 0)],
    ["a reserved byte that is used", parseRequest, bytes(5, 1, 1)],
  ])("%s is wrong", (_, parse, from) => {
    expect(parse(from).kind).toBe("wrong");
  });

  it("takes a password when one is set, and nothing else then", () => {
    expect(chooseMethod([0, 2], false)).toEqual({ isOffered: true, words: bytes(5, 0) });
    expect(chooseMethod([0, 2], true)).toEqual({ isOffered: true, words: bytes(5, 2) });
    expect(chooseMethod([0], true)).toEqual({ isOffered: false, words: bytes(5, 255) });
    expect(encodeReply("not-allowed")).toEqual(bytes(5, 2, 0, 1, 0, 0, 0, 0, 0, 0));
  });

  it("never throws, and never says more than it was given", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (any) => {
        for (const parse of [parseGreeting, parseCredentials, parseRequest, parseConnect] as const) {
          const parsed = parse(any);
          if (parsed.kind === "found") expect(parsed.length).toBeLessThanOrEqual(any.length);
        }
      }),
    );
  });
});

describe("HTTP CONNECT (RFC 9110, 9.3.6)", () => {
  it("is read up to the empty line", () => {
    const head = "CONNECT bob.fireflies:8000 HTTP/1.1\r\nHost: bob.fireflies:8000\r\n\r\n";
    const value = { method: "CONNECT", host: "bob.fireflies", port: 8000, credentials: undefined };
    expect(parseConnect(bytes(head, "more"))).toEqual(found(value, head.length));
    expect(parseConnect(bytes(head.slice(0, -1))).kind).toBe("more");
  });

  it("has a password in its field", () => {
    const basic = Buffer.from("bob:se:cret").toString("base64");
    const head = `CONNECT [::1]:80 HTTP/1.1\r\nproxy-AUTHORIZATION:  basic ${basic}\r\n\r\n`;
    const value = { method: "CONNECT", host: "::1", port: 80, credentials: { user: "bob", password: "se:cret" } };
    expect(parseConnect(bytes(head))).toEqual(found(value, head.length));
  });

  it("is told from other methods", () => {
    expect(parseConnect(bytes("GET http://bob.fireflies/ HTTP/1.1\r\n\r\n"))).toMatchObject({
      value: { method: "GET" },
    });
  });

  it.each([
    "CONNECT bob.fireflies HTTP/1.1\r\n\r\n",
    "connect x:1 HTTP/1.1\r\n\r\n",
    "\u0016\u0003\u0001\r\n\r\n",
    "x".repeat(HEAD_BYTES_MAX),
  ])("is not %j", (text) => {
    expect(parseConnect(bytes(text)).kind).toBe("wrong");
  });
});
