import { describe, expect, it } from "vitest";
import { parseAddress } from "../../net/address.js";
import { pathOf } from "../../net/session/path.js";

const [near, far] = ["a1".repeat(32), "0f".repeat(32)];

describe("a path", () => {
  it.each([
    ["dialled", "192.0.2.1:1", "direct", undefined],
    ["accepted", "192.0.2.1:1", "reversed", undefined],
    ["dialled", "udx://192.0.2.1:1", "direct", undefined],
    ["dialled", `relay://${near}`, "relayed", [near]],
    ["accepted", `relay://${near}`, "relayed", [near]],
    ["dialled", `relay://${near}/${far}`, "relayed", [near, far]],
  ] as const)("%s, %s: %s", (direction, text, kind, via) => {
    const address = parseAddress(text)!;
    expect(pathOf(direction, address)).toEqual({ kind, direction, address, ...(via && { via }) });
  });
});
