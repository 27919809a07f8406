/** Addresses as text and as values. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Address, formatAddress, formatHostPort, parseAddress, parseEndpoint } from "../../net/index.js";

describe("an address", () => {
  it.each<[string, Address]>([
    ["203.0.113.1:7000", { scheme: "tcp", host: "203.0.113.1", port: 7000 }],
    ["[2001:db8::1]:7000", { scheme: "tcp", host: "2001:db8::1", port: 7000 }],
    ["[fe80::1%eth0]:7000", { scheme: "tcp", host: "fe80::1%eth0", port: 7000 }],
    ["fireflies-0.fireflies:7000", { scheme: "tcp", host: "fireflies-0.fireflies", port: 7000 }],
    ["member.example.:7000", { scheme: "tcp", host: "member.example.", port: 7000 }],
    ["ws://member.example:80/overlay", { scheme: "ws", host: "member.example", port: 80, path: "/overlay" }],
    ["ws://[::1]:80", { scheme: "ws", host: "::1", port: 80 }],
    ["ws://a:1/", { scheme: "ws", host: "a", port: 1, path: "/" }],
    ["memory://a:40000", { scheme: "memory", host: "a", port: 40_000 }],
  ])("%s is read and written again", (text, address) => {
    expect(parseAddress(text)).toEqual(address);
    expect(formatAddress(address)).toBe(text);
  });

  it.each([
    "",
    "a",
    ":7000",
    "7000",
    "a:65536",
    "2001:db8::1:7000",
    "a b:1",
    ".a:1",
    "-a:1",
    "ws://a",
    "ws://:80/x",
    "WS://a:80",
    "ws:/a:80",
    "://a:80",
    "ws://user@a:80",
    "ws://a:80/x?y",
    "ws://a:80/x#y",
    "ws://a:80/x y",
    "ws://a:80x",
    `${"a".repeat(254)}:1`,
    `ws://a:1/${"x".repeat(512)}`,
  ])("%j is none", (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });

  const [near, far] = ["a1".repeat(32), "0f".repeat(32)];
  it("through a relay has its id, and no port; through two, the nearer one first", () => {
    for (const text of [`relay://${near}`, `relay://${near}/${far}`])
      expect(formatAddress(parseAddress(text)!)).toBe(text);
    expect(parseAddress(`relay://${near}`)).toEqual({ scheme: "relay", host: near, port: 0 });
    for (const text of [
      `relay://${near}:1`,
      "relay://a:1",
      `relay://${near}/`,
      `relay://${near}/${far}/${near}`,
      "relay:",
    ])
      expect(parseAddress(text)).toBeUndefined();
  });

  it("of TCP may be written with its scheme", () => {
    expect(parseAddress("tcp://a:1")).toEqual(parseAddress("a:1"));
  });

  it("of any kind is read back as it was written", () => {
    const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());
    const path = fc.option(fc.stringMatching(/^\/[a-z0-9/._~-]{0,40}$/), { nil: undefined });
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-z][a-z0-9+-]{0,15}$/).filter((scheme) => scheme !== "relay"),
        host,
        fc.nat(65_535),
        path,
        (scheme, name, port, at) => {
          const address = at === undefined ? { scheme, host: name, port } : { scheme, host: name, port, path: at };
          expect(parseAddress(formatAddress(address))).toEqual(address);
        },
      ),
    );
  });

  it("whatever the text, is undefined or an address, and costs no time", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 2_000 }), (text) => {
        const address = parseAddress(text);
        if (address !== undefined) expect(parseAddress(formatAddress(address))).toEqual(address);
      }),
    );
  });
});

describe("an endpoint", () => {
  it.each([
    ["host:1", { host: "host", port: 1 }],
    ["host", { host: "host", port: undefined }],
    ["8300", { host: undefined, port: 8300 }],
    [":8300", { host: undefined, port: 8300 }],
    ["[::1]", { host: "::1", port: undefined }],
    ["[::1]:8300", { host: "::1", port: 8300 }],
    ["a:0", { host: "a", port: 0 }],
  ])("%s", (text, endpoint) => {
    expect(parseEndpoint(text)).toEqual(endpoint);
  });

  it("is written with brackets around IPv6", () => {
    expect([formatHostPort("::1", 1), formatHostPort("a", 1)]).toEqual(["[::1]:1", "a:1"]);
  });
});
