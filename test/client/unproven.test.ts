/** Members whose way is not proven yet: their silence is no evidence, for a while (rule R21). */
import { describe, expect, it } from "vitest";
import { UNPROVEN_MS, Unproven } from "../../client/driver/unproven.js";
import type { Peer } from "../../gossip/index.js";
import { isProof, type Path } from "../../net/index.js";
import { memberIdFromBytes } from "../../rings/index.js";

const ID = memberIdFromBytes(new Uint8Array(32).fill(7));
const RELAY = `relay://${memberIdFromBytes(new Uint8Array(32).fill(8))}`;

class Scene {
  now = 1_000;
  wayProven = false;
  readonly unproven = new Unproven({ now: () => this.now, isWayProven: () => this.wayProven });

  tell(kind: "joined" | "updated" | "left" | "failed", ...addresses: readonly string[]): this {
    const member = { id: ID, addresses: addresses.map((text) => ({ transport: 1, text })) } as unknown as Peer;
    const row = this.unproven.told[kind] as (output: { readonly member: Peer }) => void;
    row({ member });
    return this;
  }

  get has(): boolean {
    return this.unproven.has(ID);
  }
}

const AT = "10.2.0.1:1";
const ELSEWHERE = "10.3.0.1:1";

describe("the silence of a member", () => {
  it("that has just come is no evidence, until it has had its time", () => {
    const scene = new Scene().tell("joined", AT);
    scene.now += UNPROVEN_MS - 1;
    expect(scene.has).toBe(true);
    scene.now += 1;
    expect(scene.has).toBe(false);
  });

  it("counts once it was reached, or has answered", () => {
    const reached = new Scene().tell("joined", AT);
    reached.wayProven = true;
    expect(reached.has).toBe(false);
    const answered = new Scene().tell("joined", AT);
    answered.unproven.proven(ID);
    expect(answered.has).toBe(false);
  });

  it("counts of one that was never told of, or is gone", () => {
    expect(new Scene().has).toBe(false);
    for (const kind of ["left", "failed"] as const)
      expect(new Scene().tell("joined", AT).tell(kind, AT).has).toBe(false);
  });

  it.each([
    ["another address", [AT], [ELSEWHERE], true],
    ["one more address", [AT], [AT, ELSEWHERE], false],
    ["relays", [AT], [AT, RELAY], false],
    ["other metadata", [AT], [AT], false],
    ["another address, and the same relays", [AT, RELAY], [ELSEWHERE, RELAY], true],
  ] as const)("that was reached and says %s", (_, before, after, expected) => {
    const scene = new Scene().tell("joined", ...before);
    scene.wayProven = true;
    expect(scene.has).toBe(false);
    expect(scene.tell("updated", ...after).has).toBe(expected);
    scene.unproven.proven(ID);
    expect(scene.has).toBe(false);
  });

  it("is no evidence for no longer, however often it says the same", () => {
    const scene = new Scene().tell("joined", AT);
    scene.now += UNPROVEN_MS / 2;
    scene.tell("updated", AT, RELAY);
    scene.now += UNPROVEN_MS / 2;
    expect(scene.has).toBe(false);
  });
});

it.each([
  ["direct", "dialled", true],
  ["reversed", "accepted", true],
  ["punched", "accepted", true],
  ["relayed", "dialled", true],
  ["relayed", "accepted", false],
] as const)("a session that is %s and was %s shows a way to the other end: %s", (kind, direction, expected) => {
  expect(isProof({ kind, direction } as Path)).toBe(expected);
});
