/** Which addresses of others are dialled, and how often. */
import { describe, expect, it } from "vitest";
import { DialHistory, mayDial, rangeOf } from "../../client/driver/dial-policy.js";
import { PeerMismatch } from "../../client/guard.js";
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
    ["0.0.0.0", "unspecified"],
    ["0.1.2.3", "unspecified"],
    ["::", "unspecified"],
    ["0:0::0", "unspecified"],
    ["::ffff:0.0.0.0", "unspecified"],
    ["169.254.169.254", "link-local"],
    ["::ffff:169.254.169.254", "link-local"],
    ["::ffff:a9fe:a9fe", "link-local"],
    ["fe80::1", "link-local"],
    ["FEBF::1", "link-local"],
    ["fe80::1%eth0", "link-local"],
    ["224.0.0.1", "multicast"],
    ["239.255.255.250", "multicast"],
    ["255.255.255.255", "multicast"],
    ["ff02::1", "multicast"],
    ["::ffff:224.0.0.1", "multicast"],
    ["10.0.0.1", "ordinary"],
    ["192.168.1.1", "ordinary"],
    ["203.0.113.9", "ordinary"],
    ["2001:db8::1", "ordinary"],
    ["::ffff:10.0.0.1", "ordinary"],
    ["::ffff:a00:1", "ordinary"],
    ["fec0::1", "ordinary"],
    ["member.example", "ordinary"],
    ["ff.example", "ordinary"],
    ["localhost.example", "ordinary"],
  ])("%s: %s", (host, range) => {
    expect(rangeOf(host)).toBe(range);
  });
});

describe("an address may be dialled", () => {
  const OUTSIDE = ["203.0.113.1:7000"];
  const LOCAL = ["127.0.0.1:7000"];
  it.each<[string, readonly string[], boolean]>([
    ["203.0.113.2:7000", OUTSIDE, true],
    ["203.0.113.1:7001", OUTSIDE, true],
    ["203.0.113.1:7000", OUTSIDE, false], // Mine.
    ["203.0.113.2:0", OUTSIDE, false],
    ["203.0.113.2", OUTSIDE, false],
    ["nonsense", OUTSIDE, false],
    ["", OUTSIDE, false],
    ["127.0.0.1:7001", OUTSIDE, false],
    ["localhost:7001", OUTSIDE, false],
    ["[::1]:7001", OUTSIDE, false],
    ["[::ffff:127.0.0.1]:7001", OUTSIDE, false],
    ["127.0.0.1:7001", LOCAL, true],
    ["[::1]:7001", LOCAL, true],
    ["127.0.0.1:7000", LOCAL, false], // Mine.
    ["203.0.113.2:7000", LOCAL, true],
    ["169.254.1.1:80", OUTSIDE, false],
    ["169.254.1.1:80", LOCAL, false],
    ["169.254.1.1:80", ["169.254.1.2:7000"], true],
    ["0.0.0.0:7001", LOCAL, false],
    ["0.0.0.0:7001", ["0.0.0.0:7000"], false],
    ["224.0.0.1:7001", ["224.0.0.2:7000"], false],
    ["127.0.0.1:7001", [], false],
  ])("%s by one at %j: %s", (address, mine, may) => {
    expect(mayDial(address, mine)).toBe(may);
  });
});

describe("an address that failed", () => {
  const error = new Error("it failed");

  it("is tried again after a pause that doubles up to ten seconds", () => {
    const history = new DialHistory();
    let now = 1000;
    expect(history.recent("a:1", now)).toBeUndefined();
    for (const pause of [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]) {
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
    const mismatch = new PeerMismatch("a:1", liar, owner);
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
