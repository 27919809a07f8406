/** Parts of the machine against second, dumb implementations. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Timers } from "../../rings/timers.js";
import { Scene } from "../support/gossip/scene.js";

describe("Timers", () => {
  const name = fc.constantFrom(..."abcdefghijkl");
  const kind = fc.constantFrom("set", "set", "set", "setEarlier", "clear", "pop");
  const step = fc.record({ kind, name, at: fc.nat(50) });

  it("agree with a map that is searched anew each time", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const timers = new Timers();
        const model = new Map<string, number>();
        for (const { kind, name, at } of steps) {
          if (kind === "set") timers.set(name, at);
          if (kind === "setEarlier") timers.setEarlier(name, at);
          if (kind === "clear") timers.clear(name);
          if (kind === "set" || (kind === "setEarlier" && at < (model.get(name) ?? Infinity))) model.set(name, at);
          if (kind === "clear") model.delete(name);
          const earliest = model.size > 0 ? Math.min(...model.values()) : undefined;
          expect(timers.deadline).toBe(earliest);
          expect(timers.size).toBe(model.size);
          expect(timers.has(name)).toBe(model.has(name));
          if (kind !== "pop") continue;
          const popped = timers.pop(at);
          if (earliest === undefined || earliest > at) expect(popped).toBeUndefined();
          else {
            expect(model.get(popped!)).toBe(earliest);
            model.delete(popped!);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it("do not grow with deadlines that are moved for ever", () => {
    const timers = new Timers();
    for (let at = 0; at < 100_000; at++) timers.set("one", at);
    expect(timers.size).toBe(1);
    expect(timers.pop(99_998)).toBeUndefined();
    expect(timers.pop(99_999)).toBe("one");
    expect(timers.deadline).toBeUndefined();
  });
});

describe("R5 the least fixpoint", () => {
  const MEMBERS = 9;
  const RINGS = 3;
  const accusations = fc.array(fc.tuple(fc.nat(MEMBERS - 1), fc.nat(MEMBERS - 1), fc.integer({ min: 1, max: RINGS })), {
    maxLength: 25,
  });
  const leaving = fc.uniqueArray(fc.nat(MEMBERS - 1), { maxLength: 3 });

  function stage(list: readonly (readonly [number, number, number])[], left: readonly number[]): Scene {
    const scene = new Scene(MEMBERS, RINGS);
    for (const index of left) scene.note(scene.members[index]!, { epoch: 2n, leaving: true });
    for (const [accuser, accused, ring] of list) scene.accuse(scene.members[accuser]!, scene.members[accused]!, ring);
    scene.judgement.update(0, 0);
    return scene;
  }

  /** By the definition: of all sets that are closed under the rule, the intersection. 2^9 of them, tried in turn. */
  function byDefinition(scene: Scene): Set<string> {
    const { evidence, members } = scene;
    const present = members.filter(({ id }) => !evidence.note(id)!.note.leaving);
    const held = present.flatMap(({ id }) => evidence.accusations(id).map(({ accusation }) => accusation));
    const between = held.map(({ ring, accuser, accused }) => {
      const order = [...evidence.rings.ids()].sort();
      const around = new Set(order);
      const inside = evidence.rings
        .predecessors(ring, accused, MEMBERS)
        .filter((id) => around.has(id))
        .slice(0, evidence.rings.predecessors(ring, accused, MEMBERS).indexOf(accuser));
      return inside.filter((id) => present.some((member) => member.id === id));
    });
    let least = new Set(present.map(({ id }) => id as string));
    for (let bits = 0; bits < 2 ** present.length; bits++) {
      const set = new Set(present.flatMap(({ id }, index) => (bits & (1 << index) ? [id as string] : [])));
      const isClosed = held.every(
        ({ accused }, index) => set.has(accused) || between[index]!.some((id) => !set.has(id)),
      );
      if (isClosed) least = new Set([...least].filter((id) => set.has(id)));
    }
    return least;
  }

  it("is the smallest set closed under the rule", () => {
    fc.assert(
      fc.property(accusations, leaving, (list, left) => {
        const scene = stage(list, left);
        const suspected = scene.members.filter(({ id }) => scene.judgement.standing(id) === "suspected");
        expect(new Set(suspected.map(({ id }) => id as string))).toEqual(byDefinition(scene));
      }),
      { numRuns: 150 },
    );
  });

  it("does not depend on the order of arrival", () => {
    fc.assert(
      fc.property(accusations, leaving, fc.nat(), (list, left, turn) => {
        const at = turn % (list.length + 1);
        const [one, other] = [stage(list, left), stage([...list.slice(at), ...list.slice(0, at)].reverse(), left)];
        for (const { id } of one.members) expect(one.judgement.standing(id)).toBe(other.judgement.standing(id));
      }),
      { numRuns: 100 },
    );
  });
});
