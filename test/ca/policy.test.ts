/** The authority's decisions on values, as tables. */

import type { NetworkInterfaceInfo } from "node:os";
import { describe, expect, it } from "vitest";
import { RateLimit } from "../../ca/gate/rate-limit.js";
import { urlsOf } from "../../ca/http/urls.js";
import { areAddresses, isAwaited, isFresh, memberIdOf, silentSince, validityAt } from "../../ca/policy.js";
import { isPrincipal, reservedFor } from "../../identity/index.js";

describe("principals", () => {
  it.each([
    ["a", true],
    ["7", true],
    ["node-1.rack_2", true],
    ["a".repeat(64), true],
    ["a".repeat(65), false],
    ["", false],
    [".a", false],
    ["_a", false],
    ["a\n", false],
    ["a/b", false],
  ])("%j: %s", (name, expected) => {
    expect(isPrincipal(name)).toBe(expected);
  });
});

describe("reserved names", () => {
  it.each([
    ["authority.fireflies.internal", true],
    ["Authority.Fireflies.INTERNAL", true],
    ["authority.fireflies.internal.", true],
    ["fireflies.internal", true],
    ["anything.below.fireflies.internal..", true],
    ["authority", true],
    ["Fireflies", true],
    ["localhost", true],
    ["db.localhost", true],
    ["LOCALHOST.", true],
    ["0".repeat(64), true],
    ["deadbeef".repeat(4), true],
    ["DEADBEEF".repeat(8), true],
    ["deadbeef", false],
    [`${"0".repeat(31)}`, false],
    [`${"0".repeat(40)}-x`, false],
    ["authority-1", false],
    ["my.authority", false],
    ["notfireflies.internal", false],
    ["fireflies.internal.example.org", false],
    ["mylocalhost", false],
    ["localhost-1", false],
  ])("%s: %s", (name, expected) => {
    expect(isPrincipal(name)).toBe(true);
    expect(reservedFor(name) !== undefined).toBe(expected);
  });
});

describe("who still needs its certificate", () => {
  const DAY = 86_400_000;
  const now = 100 * DAY;
  const there = { since: now - 10 * DAY, at: now - 60_000 };
  it.each([
    ["served for days", there, now - 3 * DAY],
    ["not served", { since: 0, at: 0 }, undefined],
    ["served until an hour ago", { since: now - 10 * DAY, at: now - 3_600_000 }, undefined],
    ["served for half an hour, after a pause", { since: now - 1_800_000, at: now }, undefined],
    ["served for an hour: all who run have reported", { since: now - 3_600_000, at: now }, now - 3 * DAY],
  ])("%s: silence counts from %s", (_, served, expected) => {
    expect(silentSince(now, 3 * DAY, served)).toBe(expected);
  });

  const since = now - 3 * DAY;
  it.each([
    ["heard of yesterday", { heardAt: now - DAY, goneAt: undefined, how: "token" }, since, true],
    ["silent for four days", { heardAt: now - 4 * DAY, goneAt: undefined, how: "renewal" }, since, false],
    ["silent, where silence says nothing", { heardAt: 0, goneAt: undefined, how: "token" }, undefined, true],
    [
      "signed offline, and so never heard of",
      { heardAt: now - 90 * DAY, goneAt: undefined, how: "offline" },
      since,
      true,
    ],
    ["gone", { heardAt: now - DAY, goneAt: now, how: "token" }, undefined, false],
    ["signed offline, and gone", { heardAt: now - DAY, goneAt: now, how: "offline" }, undefined, false],
  ])("%s: %s", (_, heard, silent, expected) => {
    expect(isAwaited(heard, silent)).toBe(expected);
  });
});

describe("member ids", () => {
  const secret = new Uint8Array(32).fill(1);

  it("depend on secret, name and generation, and on nothing else", () => {
    const id = memberIdOf(secret, "alice", 0);
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect(memberIdOf(secret, "alice", 0)).toBe(id);
    expect(memberIdOf(secret, "alice", 1)).not.toBe(id);
    expect(memberIdOf(secret, "Alice", 0)).not.toBe(id);
    expect(memberIdOf(new Uint8Array(32), "alice", 0)).not.toBe(id);
  });

  it("are the HMAC that OpenSSL computes: they must never change", () => {
    expect(memberIdOf(secret, "alice", 0)).toBe("9fc68d76deafaf45e0189c8e8cfbc2c1ca9e2f6ca369d2decdcda52af61a5edb");
  });
});

describe("addresses", () => {
  it.each([
    ["127.0.0.1:1", true],
    ["host.example.org:65535", true],
    ["a_b:1", true],
    ["[::1]:80", true],
    ["[fe80::1%eth0]:80", true],
    ["::1:80", false],
    ["host", false],
    ["host:0", false],
    ["host:99999", false],
    [":80", false],
    ["a b:80", false],
    ["-a:80", false],
    ["udx://[::1]:80", true],
    ["ws://a.example:80/members/7/fireflies", true],
    ["ws://a.example:80/?q", false],
    ["ws://a.example/fireflies", false],
    ["a.example:80/fireflies", false],
    ["UDX://a:80", false],
  ])("%j: %s", (address, expected) => {
    expect(areAddresses([address])).toBe(expected);
  });

  it("are at most eight", () => {
    expect(areAddresses(new Array(8).fill("a:1"))).toBe(true);
    expect(areAddresses(new Array(9).fill("a:1"))).toBe(false);
  });
});

describe("the life of a certificate", () => {
  it("begins before now, because clocks differ", () => {
    expect(validityAt(1_000_000, 60_000)).toEqual({ notBefore: 700_000, notAfter: 1_060_000 });
  });

  it("is fresh in its first tenth", () => {
    const life = { issuedAt: 0, notAfter: 900 };
    expect([0, 89, 90, 900].map((now) => isFresh(life, now))).toEqual([true, true, false, false]);
  });
});

describe("the rate limit", () => {
  const options = { burst: 3, perSecond: 2, callersMax: 2 };

  it("lets a burst pass, then one call per half second; others are not touched", () => {
    const limit = new RateLimit(options);
    const calls = (caller: string, now: number, count: number) =>
      Array.from({ length: count }, () => limit.take(caller, now));
    expect(calls("a", 0, 4)).toEqual([0, 0, 0, 1]);
    expect(calls("b", 0, 1)).toEqual([0]);
    expect(calls("a", 500, 2)).toEqual([0, 1]);
    expect(calls("a", 60_000, 4)).toEqual([0, 0, 0, 1]);
  });

  it("survives a clock that is put back, and remembers only so many", () => {
    const limit = new RateLimit(options);
    for (let i = 0; i < 3; i++) limit.take("a", 1_000_000);
    expect(limit.take("a", 0)).toBe(1);
    expect(limit.take("a", 500)).toBe(0);
    limit.take("b", 500);
    limit.take("c", 500);
    expect(limit.take("a", 500)).toBe(0);
  });
});

describe("where the authority is reached", () => {
  it("is what it listens on, or every interface of a wildcard", () => {
    expect(urlsOf("10.0.0.1", 8300)).toEqual(["https://10.0.0.1:8300"]);
    expect(urlsOf("::1", 1)).toEqual(["https://[::1]:1"]);
    expect(urlsOf("0.0.0.0", 1)).toContain("https://127.0.0.1:1");
    for (const url of urlsOf("::", 1)) expect(URL.canParse(url)).toBe(true);
  });

  const entry = (address: string, internal: boolean) => {
    const family = address.includes(":") ? "IPv6" : "IPv4";
    return { address, internal, family, netmask: "", mac: "", cidr: null, scopeid: 0 } as NetworkInterfaceInfo;
  };
  const [v4, v6] = [entry("127.0.0.1", true), entry("::1", true)];
  const [far4, far6, link6] = [entry("10.0.0.5", false), entry("2001:db8::5", false), entry("fe80::5", false)];

  it.each<[string, NetworkInterfaceInfo[], string[]]>([
    ["::", [v6], ["[::1]"]],
    ["::", [v4, v6], ["127.0.0.1"]],
    ["::", [v6, far6, link6], ["[2001:db8::5]", "[::1]"]],
    ["::", [v4, v6, far4, far6], ["10.0.0.5", "[2001:db8::5]", "127.0.0.1"]],
    ["::", [], ["[::1]"]],
    ["0.0.0.0", [v6], ["127.0.0.1"]],
    ["0.0.0.0", [v4, v6, far4, far6], ["10.0.0.5", "127.0.0.1"]],
  ])("names only addresses that this machine has: %s of %j", (host, present, hosts) => {
    expect(urlsOf(host, 1, { lo: present })).toEqual(hosts.map((name) => `https://${name}:1`));
  });
});
