/** What a server decides by values alone: rates, origins, forwarded addresses. */
import { describe, expect, it } from "vitest";
import { forwardedAddress, type RdvRequest } from "../../../rdv/index.js";
import { isMeeting } from "../../../rdv/server/first-bytes.js";
import { originOf, RateLimit } from "../../../rdv/server/rate-limit.js";
import { parseIp } from "../../../rdv/wire/ip.js";

describe("a rate", () => {
  it("is a burst, then so many a second, for each origin alone", () => {
    let now = 0;
    const rate = new RateLimit(2, 3, () => now);
    const take = (origin: string) => rate.take(origin).ok;
    expect([take("a"), take("a"), take("a"), take("a"), take("b")]).toEqual([true, true, true, false, true]);
    expect(rate.take("a")).toEqual({ ok: false, waitMs: 500 });
    now = 500;
    expect([take("a"), take("a")]).toEqual([true, false]);
    now = 60_000;
    expect([take("a"), take("a"), take("a"), take("a")]).toEqual([true, true, true, false]);
  });

  it("forgets the origin that asked longest ago, beyond ten thousand", () => {
    const rate = new RateLimit(0.001, 1, () => 0);
    expect(rate.take("first").ok).toBe(true);
    for (let index = 0; index < 10_000; index += 1) rate.take(`${index}`);
    expect(rate.take("first").ok).toBe(true);
    expect(rate.take("9999").ok).toBe(false);
  });

  it.each([
    ["192.0.2.7", "192.0.2.7"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"],
  ])("%s counts as %s", (ip, origin) => {
    expect(originOf(parseIp(ip))).toBe(origin);
  });
});

describe("forwarded addresses", () => {
  it.each([
    ["198.51.100.4", "6000", "198.51.100.4:6000"],
    ["10.0.0.1, 198.51.100.4", "6000", "198.51.100.4:6000"],
    ["198.51.100.4:7000", "6000", "198.51.100.4:7000"],
    ["[2001:db8::1]", "6000", "[2001:db8::1]:6000"],
    ["2001:db8::1", "6000", "[2001:db8::1]:6000"],
    ["198.51.100.4", undefined, undefined],
    ["198.51.100.4", "0", undefined],
    ["198.51.100.4", "x", undefined],
    ["unknown", "6000", undefined],
    [undefined, "6000", undefined],
  ])("%s with port %s: %s", (from, port, expected) => {
    const headers = {
      ...(from === undefined ? {} : { "x-forwarded-for": from }),
      ...(port === undefined ? {} : { "x-forwarded-port": port }),
    };
    expect(forwardedAddress({ headers } as RdvRequest)).toBe(expected);
  });
});

describe("the first bytes", () => {
  it.each([
    ["", undefined],
    ["D", undefined],
    ["DIAL", undefined],
    ["DIAL ", true],
    ["DIAL /x", true],
    ["ACCEPT", undefined],
    ["ACCEPT /", true],
    ["DIALS", false],
    ["dial ", false],
    ["GET /", false],
    ["\x16\x03", false],
  ])("%j: %s", (text, expected) => {
    expect(isMeeting(Buffer.from(text))).toBe(expected);
  });
});
