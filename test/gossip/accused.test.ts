/** R5 kept up to date change by change: always what a judgement finds that looks at everything for the first time. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PickSet } from "../../gossip/sample.js";
import { Accused } from "../../gossip/view/accused.js";
import type { Evidence } from "../../gossip/view/evidence.js";
import type { HeldAccusation } from "../../gossip/view/held.js";
import type { MemberId } from "../../rings/index.js";
import { seededRandom } from "../support/gossip/random.js";
import { DELTA, Scene } from "../support/gossip/scene.js";
import { checked } from "../support/gossip/statements.js";

const MEMBERS = 9;
const RINGS = 3;
const stepOf = (...kinds: string[]) =>
  fc.record({
    kind: fc.constantFrom("accuse", "accuse", "accuse", "accuse", ...kinds),
    who: fc.nat(MEMBERS - 1),
    whom: fc.nat(MEMBERS - 1),
    ring: fc.integer({ min: 1, max: RINGS }),
  });
const step = stepOf("answer", "leave", "expire", "join", "wait");

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

describe("the accused, and what makes them so, after batches of changes", () => {
  const change = stepOf("go", "come", "answer", "join");

  it("are those of a walk over everything that is held", () => {
    fc.assert(
      fc.property(fc.array(fc.array(change, { maxLength: 8 }), { maxLength: 25 }), (batches) => {
        const scene = new Scene(MEMBERS, RINGS);
        const news = scene.evidence.watch();
        const gone = new Set<MemberId>();
        const accused = new Accused(scene.evidence, (id) => gone.has(id));
        const epochs = scene.members.map(() => 1n);
        let before = new Set<MemberId>();
        for (const [number, batch] of batches.entries()) {
          for (const [index, { kind, who, whom, ring }] of batch.entries()) {
            const member = scene.members[who]!;
            if (kind === "accuse") scene.accuse(member, scene.members[whom]!, ring, epochs[whom]!);
            else if (kind === "join") scene.join(`${number} ${index}`);
            else if (kind === "answer") scene.note(member, { epoch: ++epochs[who]! });
            else {
              if (kind === "go") gone.add(member.id);
              else gone.delete(member.id);
              news.add(member.id);
            }
          }
          const { turned } = accused.update(news);
          news.clear();
          const naive = leastFixpoint(scene.evidence, gone);
          const now = new Set(accused.ids());
          expect(now).toEqual(new Set(naive.keys()));
          for (const { id } of scene.members) {
            expect(new Set(accused.validAgainst(id))).toEqual(naive.get(id) ?? new Set());
            expect(turned.has(id)).toBe(now.has(id) !== before.has(id));
          }
          before = now;
        }
      }),
      { numRuns: 150 },
    );
  });

  it("have all their accusations back when one who was passed over is accused again", () => {
    const scene = new Scene(MEMBERS, RINGS);
    const accused = new Accused(scene.evidence, () => false);
    const news = scene.evidence.watch();
    const valid = () => {
      accused.update(news);
      news.clear();
      return accused.validAgainst(target.id).map(({ accusation }) => accusation.ring);
    };
    const target = scene.members[0]!;
    const [passed, far] = scene.before(2, target, 2);
    const watcher = scene.before(3, passed!)[0]!;
    scene.accuse(scene.before(1, target)[0]!, target, 1);
    scene.accuse(far!, target, 2);
    scene.accuse(watcher, passed!, 3);
    expect(valid()).toEqual([1, 2]);
    scene.note(passed!, { epoch: 2n });
    expect(valid()).toEqual([1]);
    scene.accuse(watcher, passed!, 3, 2n);
    expect(valid()).toEqual([1, 2]);
  });

  it("may be more than a call takes as arguments", () => {
    const scene = new Scene(3, 1);
    const target = scene.members[0]!;
    const [passed, far] = scene.before(1, target, 2);
    scene.accuse(far!, target, 1);
    const [held] = scene.evidence.accusations(target.id);
    const many = Array.from({ length: 200_000 }, () => ({ ...held! }));
    const accusations = (id: MemberId) => (id === target.id ? many : []);
    const evidence = { rings: scene.evidence.rings, accusations } as unknown as Evidence;
    const gone = new Set([passed!.id]);
    const accused = new Accused(evidence, (id) => gone.has(id));
    accused.update(new Set([target.id]));
    gone.clear();
    expect([...accused.update(new Set([passed!.id])).turned]).toEqual([target.id]);
    gone.add(passed!.id);
    expect([...accused.update(new Set([passed!.id])).turned]).toEqual([target.id]);
  });
});

/** Rule R5 as it is written: look at everything until nothing more follows. The accusations that are valid, by accused. */
function leastFixpoint(evidence: Evidence, gone: ReadonlySet<MemberId>): Map<MemberId, Set<HeldAccusation>> {
  const found = new Map<MemberId, Set<HeldAccusation>>();
  const isPassed = (id: MemberId) => gone.has(id) || found.has(id);
  for (let isNews = true; isNews; ) {
    isNews = false;
    for (const id of evidence.accusedIds()) {
      if (gone.has(id)) continue;
      for (const held of evidence.accusations(id)) {
        const { ring, accuser, accused } = held.accusation;
        if (found.get(id)?.has(held) || ![...evidence.rings.between(ring, accuser, accused)].every(isPassed)) continue;
        found.set(id, (found.get(id) ?? new Set()).add(held));
        isNews = true;
      }
    }
  }
  return found;
}

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
