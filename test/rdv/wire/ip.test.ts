/** IP addresses have one spelling and one order, whatever they are written like. */
import { isIPv4, isIPv6, SocketAddress } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareIps, formatIp, parseIp, unmapped } from "../../../rdv/wire/ip.js";

const spelled = (text: string) => {
  const ip = parseIp(text);
  return ip && formatIp(ip);
};

describe("spelling (RFC 5952)", () => {
  it.each([
    ["127.0.0.1", "127.0.0.1"],
    ["255.255.255.255", "255.255.255.255"],
    ["::", "::"],
    ["::1", "::1"],
    ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["::ffff:10.0.0.1", "::ffff:10.0.0.1"],
    ["::ffff:a00:1", "::ffff:10.0.0.1"],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
    ["1::", "1::"],
    ["fe80::1%eth0", "fe80::1%eth0"],
  ])("of %s is %s", (text, expected) => {
    expect(spelled(text)).toBe(expected);
  });

  it.each([
    "",
    "1.2.3",
    "1.2.3.4.5",
    "01.2.3.4",
    "256.1.1.1",
    "1.2.3.4%eth0",
    "::1%",
    ":::",
    "1:2:3:4:5:6:7:8:9",
    "localhost",
  ])("%j is none", (text) => {
    expect(spelled(text)).toBeUndefined();
  });

  it("is the system's for all addresses", () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const family = text.includes(":") ? "ipv6" : "ipv4";
        expect(parseIp(spelled(text)!)).toEqual(parseIp(text));
        const system = new SocketAddress({ address: text, family }).address;
        // The system still writes all of ::/96 as IPv4 within IPv6, which RFC 4291 gave up.
        if (!/^::(?!ffff)[\d.]+$/.test(system)) expect(spelled(text)).toBe(system);
      }),
    );
  });

  it("takes what Node.js takes, and nothing else", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."0123456789abcdef:.%"), maxLength: 24 }), (text) => {
        expect(parseIp(text) !== undefined).toBe(isIPv4(text) || isIPv6(text));
      }),
    );
  });
});

it("IPv4 within IPv6 is IPv4, and only that", () => {
  expect(formatIp(unmapped(parseIp("::ffff:1.2.3.4")!))).toBe("1.2.3.4");
  expect(formatIp(unmapped(parseIp("::fffe:1.2.3.4")!))).toBe("::fffe:102:304");
  expect(formatIp(unmapped(parseIp("1.2.3.4")!))).toBe("1.2.3.4");
});

it("the order is total: IPv4 first, then by number, then by zone", () => {
  const ordered = [
    "1.2.3.4",
    "10.0.0.1",
    "255.0.0.0",
    "::1",
    "::ffff:1.2.3.4",
    "2001:db8::1",
    "fe80::1",
    "fe80::1%a",
    "fe80::1%b",
  ];
  const ips = ordered.map((text) => parseIp(text)!);
  expect(ips.toReversed().sort(compareIps)).toEqual(ips);
  expect(compareIps(ips[0]!, parseIp("1.2.3.4")!)).toBe(0);
});
