/** R5 kept up to date change by change: always what a judgement finds that looks at everything for the first time. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PickSet } from "../../gossip/pick-set.js";
import { seededRandom } from "../support/gossip/random.js";
import { DELTA, Scene } from "../support/gossip/scene.js";
import { checked } from "../support/gossip/statements.js";

const MEMBERS = 9;
const RINGS = 3;
const step = fc.record({
  kind: fc.constantFrom("accuse", "accuse", "accuse", "accuse", "answer", "leave", "expire", "join", "wait"),
  who: fc.nat(MEMBERS - 1),
  whom: fc.nat(MEMBERS - 1),
  ring: fc.integer({ min: 1, max: RINGS }),
});

describe("the accused after any changes", () => {
  it("are those that a first look at the same evidence finds", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const scene = new Scene(MEMBERS, RINGS);
        const epochs = scene.members.map(() => 1n);
        let now = 0;
        for (const [number, { kind, who, whom, ring }] of steps.entries()) {
          const [member, other] = [scene.members[who]!, scene.members[whom]!];
          if (kind === "accuse") scene.accuse(member, other, ring, epochs[whom]!);
          else if (kind === "join") scene.join(`later ${number}`);
          else if (kind === "wait") now += DELTA / 2;
          else if (kind === "expire")
            scene.evidence.admitCertificate(checked(scene.authority.issue(`old ${number}`, { notAfter: 1 })));
          else {
            const epoch = epochs[who]! + 1n;
            if (scene.note(member, { epoch, leaving: kind === "leave" })) epochs[who] = epoch;
          }
          scene.judgement.update(now, 0);
          const first = scene.judge();
          first.update(now, 0);
          const accused = new Set(scene.judgement.accusedIds());
          expect(accused).toEqual(new Set(first.accusedIds()));
          const hasClock = [...accused].some((id) => scene.judgement.standing(id) === "suspected");
          expect(scene.judgement.hasOpenAccusations).toBe(hasClock);
        }
      }),
      { numRuns: 200 },
    );
  });

  it("lose their ground together: two that only rest on each other are cleared", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 40 }), (steps) => {
        const scene = new Scene(MEMBERS, RINGS);
        for (const { who, whom, ring } of steps) scene.accuse(scene.members[who]!, scene.members[whom]!, ring);
        scene.judgement.update(0, 0);
        const [first] = scene.judgement.accusedIds();
        if (first === undefined) return;
        scene.note(scene.of(first), { epoch: 2n });
        scene.judgement.update(1, 0);
        const anew = scene.judge();
        anew.update(1, 0);
        expect(new Set(scene.judgement.accusedIds())).toEqual(new Set(anew.accusedIds()));
      }),
      { numRuns: 100 },
    );
  });
});

describe("a set to draw from", () => {
  it("holds what a set holds, and draws only that", () => {
    const random = seededRandom(3);
    const set = new PickSet<number>();
    const model = new Set<number>();
    for (let turn = 0; turn < 2000; turn++) {
      const [item, isIn] = [Math.floor(random.number() * 12), random.number() < 0.5];
      set.keep(item, isIn);
      if (isIn) model.add(item);
      else model.delete(item);
      expect(set.size).toBe(model.size);
      const picked = set.pick(random);
      if (model.size === 0) expect(picked).toBeUndefined();
      else expect(model.has(picked!)).toBe(true);
    }
  });
});
