/** "ip:port" and lists of it. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatIpPort,
  formatIpPorts,
  ipPortOf,
  parseIpPort,
  parseIpPorts,
  sortedIpPorts,
} from "../../../rdv/wire/addresses.js";

const spelled = (text: string) => {
  const address = parseIpPort(text);
  return address && formatIpPort(address);
};

describe("one address", () => {
  it.each([
    ["1.2.3.4:5", "1.2.3.4:5"],
    ["1.2.3.4:0", "1.2.3.4:0"],
    ["1.2.3.4:0080", "1.2.3.4:80"],
    ["[2001:DB8::1]:65535", "[2001:db8::1]:65535"],
    ["[fe80::1%eth0]:7", "[fe80::1%eth0]:7"],
    ["[::ffff:1.2.3.4]:7", "[::ffff:1.2.3.4]:7"],
  ])("%s is %s", (text, expected) => {
    expect(spelled(text)).toBe(expected);
  });

  it.each([
    "",
    "1.2.3.4",
    "1.2.3.4:",
    "1.2.3.4:65536",
    "1.2.3.4:-1",
    "1.2.3.4:+1",
    "[1.2.3.4]:5",
    "::1:5",
    "[::1]",
    "host:5",
    " 1.2.3.4:5",
    "1.2.3.4:5\n",
  ])("%j is none", (text) => {
    expect(spelled(text)).toBeUndefined();
  });
});

describe("lists", () => {
  it("may be empty, and have blanks around their parts", () => {
    expect(parseIpPorts("")).toEqual([]);
    expect(formatIpPorts(parseIpPorts("1.2.3.4:5 ,\t[::1]:6")!)).toBe("1.2.3.4:5, [::1]:6");
  });

  it.each(["1.2.3.4:5,", ",1.2.3.4:5", "1.2.3.4:5,,[::1]:6", "1.2.3.4:5, host:7", " "])("%j is none", (text) => {
    expect(parseIpPorts(text)).toBeUndefined();
  });

  it("are sorted without duplicates: IPv4 first, by number, by port", () => {
    const list = parseIpPorts("[2001:db8::1]:6, 127.0.0.1:5, 10.0.0.1:70, 10.0.0.1:7, 127.0.0.1:5, [2001:DB8::1]:6")!;
    expect(formatIpPorts(sortedIpPorts(list))).toBe("10.0.0.1:7, 10.0.0.1:70, 127.0.0.1:5, [2001:db8::1]:6");
  });
});

it("what is written is read back", () => {
  const address = fc.tuple(
    fc.oneof(
      fc.ipV4(),
      fc.ipV6().map((ip) => `[${ip}]`),
    ),
    fc.nat(65_535),
  );
  fc.assert(
    fc.property(fc.array(address, { maxLength: 9 }), (parts) => {
      const list = parseIpPorts(parts.map(([ip, port]) => `${ip}:${port}`).join(","))!;
      expect(list).toHaveLength(parts.length);
      expect(parseIpPorts(formatIpPorts(list))).toEqual(list);
      expect(sortedIpPorts(sortedIpPorts(list))).toEqual(sortedIpPorts(list));
    }),
  );
});

it("nothing throws", () => {
  fc.assert(fc.property(fc.string({ maxLength: 60 }), (text) => void parseIpPorts(text)));
});

it("of a socket, IPv4 within IPv6 is IPv4", () => {
  expect(formatIpPort(ipPortOf("::ffff:1.2.3.4", 5)!)).toBe("1.2.3.4:5");
  expect(ipPortOf(undefined, undefined)).toBeUndefined();
});
