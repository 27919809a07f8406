/** Which addresses of others may be dialled, and how often. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DialHistory } from "../../net/dialling/history.js";
import { DialError, formatAddress, PeerMismatch, parseAddress, rangeOf, refusalToDial } from "../../net/index.js";
import { canonical, ipv6Bytes, networkOf } from "../../net/ranges.js";
import type { MemberId } from "../../rings/index.js";

describe("an address is of the range", () => {
  it.each([
    ["127.0.0.1", "loopback"],
    ["127.255.255.254", "loopback"],
    ["localhost", "loopback"],
    ["LocalHost", "loopback"],
    ["db.localhost", "loopback"],
    ["localhost.", "loopback"],
    ["::1", "loopback"],
    ["0:0:0:0:0:0:0:1", "loopback"],
    ["0000::0001", "loopback"],
    ["::ffff:127.0.0.1", "loopback"],
    ["::FFFF:127.1.2.3", "loopback"],
    ["::ffff:7f00:1", "loopback"],
    ["0:0:0:0:0:ffff:7f00:1", "loopback"],
    ["::127.0.0.1", "loopback"],
    ["::7f00:1", "loopback"],
    ["64:ff9b::127.0.0.1", "loopback"],
    ["64:ff9b::7f00:1", "loopback"],
    ["64:ff9b:1::7f00:1", "loopback"],
    ["::ffff:0:127.0.0.1", "loopback"],
    ["2002:7f00:1::", "loopback"],
    ["0.0.0.0", "unspecified"],
    ["0.1.2.3", "unspecified"],
    ["::", "unspecified"],
    ["0:0::0", "unspecified"],
    ["::ffff:0.0.0.0", "unspecified"],
    ["64:ff9b::", "unspecified"],
    ["169.254.1.2", "link-local"],
    ["::ffff:169.254.1.2", "link-local"],
    ["fe80::1", "link-local"],
    ["FEBF::1", "link-local"],
    ["fe80::1%eth0", "link-local"],
    ["fec0::1", "site-local"],
    ["feff::1", "site-local"],
    ["224.0.0.1", "multicast"],
    ["239.255.255.250", "multicast"],
    ["255.255.255.255", "multicast"],
    ["ff02::1", "multicast"],
    ["::ffff:224.0.0.1", "multicast"],
    ["169.254.169.254", "metadata"],
    ["::ffff:169.254.169.254", "metadata"],
    ["::ffff:a9fe:a9fe", "metadata"],
    ["64:ff9b::169.254.169.254", "metadata"],
    ["169.254.170.2", "metadata"],
    ["100.100.100.200", "metadata"],
    ["168.63.129.16", "metadata"],
    ["fd00:ec2::254", "metadata"],
    ["FD00:0EC2:0:0::254", "metadata"],
    ["fd20:ce::254", "metadata"],
    ["::10.0.0.1", "reserved"],
    ["::2", "unspecified"],
    ["::1:2", "unspecified"],
    ["10.0.0.1", "ordinary"],
    ["192.168.1.1", "ordinary"],
    ["203.0.113.9", "ordinary"],
    ["2001:db8::1", "ordinary"],
    ["fd00:ec2::253", "ordinary"],
    ["::ffff:10.0.0.1", "ordinary"],
    ["::ffff:a00:1", "ordinary"],
    ["64:ff9b::203.0.113.9", "ordinary"],
    ["2002:cb00:7109::1", "ordinary"],
    ["member.example", "ordinary"],
    ["ff.example", "ordinary"],
    ["localhost.example", "ordinary"],
  ])("%s: %s", (host, range) => {
    expect(rangeOf(host)).toBe(range);
  });

  it("that it would be of as IPv4, when it embeds IPv4 and that is not ordinary", () => {
    const hex = (high: number, low: number) => (high * 256 + low).toString(16);
    fc.assert(
      fc.property(fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)), ([a, b, c, d]) => {
        const range = rangeOf(`${a}.${b}.${c}.${d}`);
        const words = `${hex(a, b)}:${hex(c, d)}`;
        for (const address of [
          `::ffff:${a}.${b}.${c}.${d}`,
          `::ffff:${words}`,
          `64:ff9b::${words}`,
          `2002:${words}::1`,
        ])
          expect(rangeOf(address)).toBe(range);
      }),
    );
  });
});

describe("an IPv6 address as bytes", () => {
  it("is the same in every form of RFC 4291", () => {
    const bytes = fc.array(fc.nat(255), { minLength: 16, maxLength: 16 });
    fc.assert(
      fc.property(bytes, fc.nat(7), fc.nat(8), (raw, from, length) => {
        // Zeroes in the middle, which "::" stands for.
        const all = raw.map((byte, at) => (at >= from * 2 && at < (from + length) * 2 ? 0 : byte));
        const groups = Array.from({ length: 8 }, (_, at) => (all[at * 2]! * 256 + all[at * 2 + 1]!).toString(16));
        const dotted = [...groups.slice(0, 6), all.slice(12).join(".")].join(":");
        const short = `${groups.slice(0, from).join(":")}::${groups.slice(from + length).join(":")}`;
        expect(ipv6Bytes(groups.join(":"))).toEqual(all);
        expect(ipv6Bytes(dotted)).toEqual(all);
        if (length > 0 && from + length <= 8) expect(ipv6Bytes(short)).toEqual(all);
      }),
    );
  });
});

describe("a host counts", () => {
  it.each([
    ["203.0.113.9", "203.0.113.9"],
    ["::ffff:203.0.113.9", "203.0.113.9"],
    ["2001:db8:1:2::7", "20010db800010002/64"],
    ["2001:db8:1:2:ffff::", "20010db800010002/64"],
    ["2001:db8:1:3::7", "20010db800010003/64"],
    ["fe80::1%eth0", "fe80000000000000/64"],
  ])("%s as %s", (host, network) => {
    expect(networkOf(host)).toBe(network);
  });
});

describe("an address has one way to be written", () => {
  it.each([
    ["[2001:DB8:0:0::1]:7", "[2001:db8::1]:7"],
    ["[::ffff:203.0.113.1]:7", "203.0.113.1:7"],
    ["[::ffff:cb00:7101]:7", "203.0.113.1:7"],
    ["203.0.113.1:7", "203.0.113.1:7"],
    ["[fe80::1%eth0]:7", "[fe80::1%eth0]:7"],
    ["Host.example:7", "Host.example:7"],
    ["tcp://203.0.113.1:7/path", "203.0.113.1:7"],
    ["ws://[::0:1]:7/path", "ws://[::1]:7/path"],
  ])("%s: %s", (text, written) => {
    expect(formatAddress(canonical(parseAddress(text)!))).toBe(written);
  });
});

describe("an address may be dialled", () => {
  const OUTSIDE = ["203.0.113.1:7000"];
  const LOCAL = ["127.0.0.1:7000"];
  it.each<[string, readonly string[], boolean]>([
    ["203.0.113.2:7000", OUTSIDE, true],
    ["203.0.113.1:7001", OUTSIDE, true],
    ["203.0.113.1:7000", OUTSIDE, false], // Mine.
    ["[::ffff:203.0.113.1]:7000", OUTSIDE, false],
    ["[2001:db8::1]:7000", ["[2001:DB8:0::1]:7000"], false],
    ["203.0.113.2:0", OUTSIDE, false],
    ["127.0.0.1:7001", OUTSIDE, false],
    ["localhost:7001", OUTSIDE, false],
    ["[::1]:7001", OUTSIDE, false],
    ["[::ffff:127.0.0.1]:7001", OUTSIDE, false],
    ["ws://127.0.0.1:7001/path", OUTSIDE, false],
    ["127.0.0.1:7001", LOCAL, true],
    ["[::1]:7001", LOCAL, true],
    ["ws://127.0.0.1:7001/path", LOCAL, true],
    ["127.0.0.1:7000", LOCAL, false], // Mine.
    ["203.0.113.2:7000", LOCAL, true],
    ["169.254.1.1:80", OUTSIDE, false],
    ["169.254.1.1:80", LOCAL, false],
    ["169.254.1.1:80", ["169.254.1.2:7000"], true],
    ["169.254.169.254:80", ["169.254.1.2:7000"], false],
    ["[fd00:ec2::254]:80", ["[fd00:ec2::1]:7000"], false],
    ["[fec0::2]:80", OUTSIDE, false],
    ["[fec0::2]:80", ["[fec0::1]:80"], true],
    ["[::10.0.0.1]:80", ["[::10.0.0.2]:80"], false],
    ["0.0.0.0:7001", LOCAL, false],
    ["0.0.0.0:7001", ["0.0.0.0:7000"], false],
    ["224.0.0.1:7001", ["224.0.0.2:7000"], false],
    ["127.0.0.1:7001", [], false],
  ])("%s by one at %j: %s", (text, mine, may) => {
    const refusal = refusalToDial(parseAddress(text)!, mine);
    expect(refusal === undefined).toBe(may);
  });
});

describe("an address that failed", () => {
  const error = new DialError("refused", "a:1");

  it("is tried again after a pause that doubles up to four seconds", () => {
    const history = new DialHistory();
    let now = 1000;
    expect(history.recent("a:1", now)).toBeUndefined();
    for (const pause of [250, 500, 1000, 2000, 4000, 4000]) {
      history.failed("a:1", now, error);
      expect(history.recent("a:1", now + pause - 1)).toBe(error);
      now += pause;
      expect(history.recent("a:1", now)).toBeUndefined();
    }
    expect(history.recent("b:1", 0)).toBeUndefined();
  });

  it("does not keep me from a member whose address another one claims, and still paces those who claim it", () => {
    const history = new DialHistory();
    const [owner, liar] = ["aa".repeat(32), "bb".repeat(32)] as [MemberId, MemberId];
    const mismatch = new DialError("handshake", "a:1", { cause: new PeerMismatch("a:1", liar, owner) });
    for (let count = 0; count < 5; count++) history.failed("a:1", 0, mismatch);
    expect(history.recent("a:1", 1, owner)).toBeUndefined();
    expect(history.recent("a:1", 1, liar)).toBe(mismatch);
    expect(history.recent("a:1", 1)).toBe(mismatch);
  });

  it("is forgiven as a whole", () => {
    const history = new DialHistory();
    for (let count = 0; count < 5; count++) history.failed("a:1", 0, error);
    history.forgive("a:1");
    expect(history.recent("a:1", 0)).toBeUndefined();
    history.failed("a:1", 0, error);
    expect(history.recent("a:1", 250)).toBeUndefined();
  });

  it("is remembered among 4,096 others; the longest known are forgotten", () => {
    const history = new DialHistory();
    for (let count = 0; count <= 4096; count++) history.failed(`host:${count}`, 0, error);
    expect(history.recent("host:0", 0)).toBeUndefined();
    expect(history.recent("host:1", 0)).toBe(error);
    expect(history.recent("host:4096", 0)).toBe(error);
  });
});
