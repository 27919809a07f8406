/** Host names that mean members. */
import { describe, expect, it } from "vitest";
import { hostOfMember, memberOfHost } from "../../services/host-names.js";

const ID = "0123456789abcdef".repeat(4);

describe("the host name of a member", () => {
  it.each([
    ["bob.fireflies", "bob"],
    ["Bob.FIREFLIES", "Bob"],
    ["bob.fireflies.", "bob"],
    ["web.eu-1.fireflies", "web.eu-1"],
    [`${ID}.fireflies`, ID],
    [`${ID.toUpperCase()}.fireflies`, ID],
    [`${ID.slice(0, 32)}.${ID.slice(32)}.fireflies`, ID],
  ])("%s means %s", (host, name) => {
    expect(memberOfHost(host)).toBe(name);
  });

  it.each(["fireflies", ".fireflies", "bob", "bob.example", "bob.fireflies.example", "bobfireflies", ""])(
    "is not %j",
    (host) => {
      expect(memberOfHost(host)).toBeUndefined();
    },
  );

  it("is read back", () => {
    for (const name of ["bob", "web.eu-1", ID]) expect(memberOfHost(hostOfMember(name))).toBe(name);
  });
});
