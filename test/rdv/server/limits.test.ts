/** What a server decides by values alone: rates, origins, forwarded addresses. */
import type { Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { forwardedAddress, type RdvRequest } from "../../../rdv/index.js";
import { isMeeting } from "../../../rdv/server/first-bytes.js";
import { originOf, RateLimit } from "../../../rdv/server/rate-limit.js";
import { Undecided } from "../../../rdv/server/undecided.js";
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

describe("connections that have not shown what they are", () => {
  it("give way in the order in which they came: of the address that has too many, else of all", () => {
    const undecided = new Undecided({ allMax: 4, perAddressMax: 2 });
    const gone: string[] = [];
    const from = (name: string, remoteAddress: string) => {
      const socket = { remoteAddress } as Socket;
      undecided.add(socket, () => gone.push(name));
      return socket;
    };
    from("a1", "192.0.2.1");
    from("b1", "2001:db8::1");
    const c1 = from("c1", "192.0.2.3");
    from("b2", "2001:db8::2");
    from("b3", "2001:db8::3"); // The third of one /64.
    expect([gone, undecided.size]).toEqual([["b1"], 4]);
    from("d1", "192.0.2.4");
    expect(gone).toEqual(["b1", "a1"]);
    undecided.remove(c1);
    from("d2", "192.0.2.4");
    expect([gone, undecided.size]).toEqual([["b1", "a1"], 4]);
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
