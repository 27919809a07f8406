/** Address spaces: which one an address belongs to, and sets of them. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AddressSpaces, addressSpace, SPACES } from "../../rdv/index.js";

describe("the space of an address", () => {
  it.each([
    ["8.8.8.8", "public4"],
    ["100.64.0.1", "public4"],
    ["172.15.255.255", "public4"],
    ["172.32.0.0", "public4"],
    ["10.0.0.1", "private4"],
    ["172.16.0.1", "private4"],
    ["172.31.255.255", "private4"],
    ["192.168.255.1", "private4"],
    ["169.254.1.1", "link4"],
    ["127.255.0.1", "loopback4"],
    ["::ffff:10.0.0.1", "private4"],
    ["::1", "loopback6"],
    ["fe80::1", "link6"],
    ["febf::1%eth0", "link6"],
    ["fec0::1", "public6"],
    ["fc00::1", "private6"],
    ["fdff::1", "private6"],
    ["2001:db8::1", "public6"],
    ["0.0.0.0", undefined],
    ["255.255.255.255", undefined],
    ["224.0.0.1", undefined],
    ["239.255.255.255", undefined],
    ["::", undefined],
    ["ff02::1", undefined],
    ["localhost", undefined],
    ["", undefined],
  ])("%s: %s", (ip, space) => {
    expect(addressSpace(ip)).toBe(space);
  });

  it("each unicast address has one, and sets agree with it", () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (ip) => {
        const space = addressSpace(ip);
        const matching = SPACES.filter((name) => AddressSpaces[name].matches(ip));
        expect(matching).toEqual(space === undefined ? [] : [space]);
        expect(AddressSpaces.all.includesAddress(ip)).toBe(space !== undefined);
        expect(AddressSpaces.none.includesAddress(ip)).toBe(false);
      }),
    );
  });
});

describe("sets", () => {
  it.each([
    ["none", ""],
    ["public", "public4 public6"],
    ["default", "public4 public6 private4 private6"],
    ["all", SPACES.join(" ")],
    ["link4", "link4"],
  ] as const)("%s has %s", (name, spaces) => {
    expect(AddressSpaces[name].list().join(" ")).toBe(spaces);
    expect(`${AddressSpaces[name]}`).toBe(spaces.replaceAll(" ", ",") || "none");
  });

  it("include spaces and sets; the empty one is in none", () => {
    expect(AddressSpaces.default.includes("private4")).toBe(true);
    expect(AddressSpaces.default.includes(AddressSpaces.public)).toBe(true);
    expect(AddressSpaces.public.includes(AddressSpaces.default)).toBe(false);
    expect(AddressSpaces.public.includes(AddressSpaces.private4)).toBe(false);
    expect(AddressSpaces.all.includes(AddressSpaces.none)).toBe(false);
  });

  it("match only when they are the one space of an address", () => {
    expect(AddressSpaces.private4.matches("10.0.0.1")).toBe(true);
    expect(AddressSpaces.private4.matches("8.8.8.8")).toBe(false);
    expect(AddressSpaces.default.matches("10.0.0.1")).toBe(false);
  });

  it("are united by of()", () => {
    const set = AddressSpaces.of("loopback4", AddressSpaces.public);
    expect(set.list()).toEqual(["public4", "public6", "loopback4"]);
  });
});
