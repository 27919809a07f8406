/** Attacks as the search draws, breeds, keeps and shrinks them: as data, most of them without a run. */
import { describe, expect, it } from "vitest";
import { Chance } from "../../../sim/chance.js";
import type { Move, Program } from "../../../sim/puppets/program.js";
import { type Attack, type Nearness, scoreOf, type Tried } from "../../../sim/search/attack.js";
import { changed, crossed } from "../../../sim/search/breed.js";
import { drawAttack } from "../../../sim/search/draw-attack.js";
import { AUDIENCES, CASTINGS, SAYINGS, WITHHELD } from "../../../sim/search/draw-move.js";
import { attackOf } from "../../../sim/search/generation.js";
import { isOf, kindOf } from "../../../sim/search/kind.js";
import { parseAttack } from "../../../sim/search/parse-attack.js";
import { nicheOf, survivors } from "../../../sim/search/population.js";
import { shrinkAttack } from "../../../sim/search/shrink-attack.js";
import { attackLines } from "../../../sim/search/words.js";

const SEEDS = Array.from({ length: 300 }, (_, seed) => seed);
const drawn = SEEDS.map((seed) => attackOf(seed, []));
const all = drawn.flatMap(({ program }) => program.moves);
const moves = all.filter((move) => move.say !== "renewal");

const FAR: Nearness = { longest: 0, mean: 0, blind: 0, breadth: 0, parted: 0, burnt: 0 };

function triedOf(attack: Attack, seed: number, nearness: Partial<Nearness>, isBroken = false): Tried {
  const violation = { invariant: "S1", at: 1, member: "m1", text: "is out" } as const;
  return { seed, attack, outcome: { nearness: { ...FAR, ...nearness }, events: 1, ...(isBroken && { violation }) } };
}

const isUnderLast = (move: Move) => "under" in move && move.under === "last";
const same = (attack: Attack) => expect(parseAttack(JSON.stringify(attack))).toEqual(attack);

describe("draws", () => {
  it("are the same for the same seed", () => {
    expect(SEEDS.slice(0, 50).map((seed) => attackOf(seed, []))).toEqual(drawn.slice(0, 50));
  });

  it("can be written and read", () => {
    for (const attack of drawn) same(attack);
  });

  it("have every casting, audience, saying and withholding in them", () => {
    expect(new Set(drawn.map(({ program }) => program.casting))).toEqual(new Set(CASTINGS));
    expect(new Set(moves.map(({ to }) => to))).toEqual(new Set(AUDIENCES));
    expect(new Set(all.map(({ say }) => say))).toEqual(new Set(Object.keys(SAYINGS)));
    const withheld = drawn.flatMap(({ program }) => program.withheld.map(({ what }) => what));
    expect(new Set(withheld)).toEqual(new Set(WITHHELD));
    expect(drawn.some(({ program }) => program.late)).toBe(true);
  });

  it("whoever speaks under a further certificate has one, and shows it", () => {
    const speakers = drawn.flatMap(({ program }) =>
      program.moves
        .filter((move) => isUnderLast(move) && move.say !== "certificate")
        .map(({ by }) => ({ program, by })),
    );
    expect(speakers.length).toBeGreaterThan(20);
    for (const { program, by } of speakers) {
      const own = program.moves.filter((move) => move.by === by);
      expect(own.some(({ say }) => say === "renewal")).toBe(true);
      for (const said of ["certificate", "live"]) {
        expect(own.some((move) => move.say === said && isUnderLast(move))).toBe(true);
      }
    }
  });

  it("no clock and no newcomer is missing where the casting asks for it", () => {
    for (const { program, plan } of drawn) {
      const kinds = plan.faults.map(({ kind }) => kind);
      if (program.casting === "newcomer") expect(kinds).toContain("join");
      if (program.casting === "ahead") expect(kinds).toContain("skew");
    }
  });
});

describe("bred ones", () => {
  const chance = new Chance(1);

  it("differ from their parents and can be written and read", () => {
    let different = 0;
    for (const [index, attack] of drawn.entries()) {
      const children = [changed(attack, chance), crossed(attack, drawn[(index + 1) % drawn.length]!, chance)];
      for (const child of children) same(child);
      different += children.filter((child) => JSON.stringify(child) !== JSON.stringify(attack)).length;
    }
    expect(different).toBeGreaterThan(1.8 * drawn.length);
  });

  it("do not grow without end", () => {
    let attack = drawAttack(chance);
    for (let round = 0; round < 1_000; round++) attack = changed(attack, chance);
    expect(attack.program.moves.length).toBeLessThan(20);
  });

  it("depend on the population and the seed alone", () => {
    const population = drawn.slice(0, 20).map((attack, seed) => triedOf(attack, seed, { longest: seed / 20 }));
    expect(attackOf(7, population)).toEqual(attackOf(7, population));
    const children = SEEDS.map((seed) => attackOf(seed, population));
    expect(
      children.filter((child, seed) => JSON.stringify(child) !== JSON.stringify(drawn[seed])).length,
    ).toBeGreaterThan(200);
  });
});

describe("the population", () => {
  it("has the nearest first, and none that broke an invariant", () => {
    const tried = drawn.map((attack, seed) => triedOf(attack, seed, { longest: (seed % 100) / 100 }, seed % 10 === 9));
    const kept = survivors([], tried);
    expect(kept.length).toBeGreaterThan(20);
    expect(kept.length).toBeLessThanOrEqual(180);
    const scores = kept.map(({ outcome }) => scoreOf(outcome.nearness));
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    expect(kept.some(({ outcome }) => outcome.violation)).toBe(false);
  });

  it("keeps a few of each niche, and of equal ones fewer", () => {
    const tried = drawn.map((attack, seed) => triedOf(attack, seed, { longest: seed < 150 ? 0.5 + seed / 500 : 0.1 }));
    const kept = survivors([], tried);
    const counts = (those: readonly Tried[]) => {
      const niches = those.map(nicheOf);
      return niches.map((niche) => niches.filter((other) => other === niche).length);
    };
    expect(Math.max(...counts(kept))).toBe(6);
    const isFar = ({ outcome }: Tried) => outcome.nearness.longest === 0.1;
    expect(Math.max(...counts(kept.filter(isFar)))).toBeLessThanOrEqual(3);
    expect(new Set(kept.map(nicheOf))).toEqual(new Set(tried.map(nicheOf)));
  });

  it("has a niche for each casting and for each way to make views differ", () => {
    const attack = drawn.find(({ program }) => program.casting === "direct")!;
    const niche = (...said: Move["say"][]) => {
      const spoken = moves.filter(({ say }) => said.includes(say)).slice(0, 1);
      return nicheOf(triedOf({ ...attack, program: { ...attack.program, moves: spoken } }, 0, {}));
    };
    expect(niche("leave")).toBe("direct leave");
    expect(niche("proof")).toBe("direct proof");
    expect(niche("accusation")).toBe("direct");
  });

  it("is the same in whatever order its attacks were played", () => {
    const tried = drawn.map((attack, seed) => triedOf(attack, seed, { longest: (seed % 7) / 7 }));
    expect(survivors([], tried.toReversed())).toEqual(survivors([], tried));
  });
});

const LEAVE: Move = { by: "screen", say: "leave", to: "few", when: { at: 1 } };
const ACCUSE: Move = {
  by: "accuser",
  say: "accusation",
  rings: "scene",
  to: "all",
  when: { epochsFrom: 0 },
  bearers: 3,
};

describe("a finding", () => {
  const { plan } = drawn[0]!;
  const program: Program = {
    casting: "screened",
    scenes: 100,
    lasts: 12,
    moves: [...moves.slice(0, 8), LEAVE, ACCUSE],
    withheld: [{ what: "notes", from: "all" }],
    late: { from: "all", beats: 1 },
  };
  const violation = { invariant: "S1", at: 2_000, member: "m1", text: "is out" } as const;
  const needs = (say: Move["say"], attack: Attack) => attack.program.moves.some((move) => move.say === say);
  const breaks = (attack: Attack) => (needs("leave", attack) && needs("accusation", attack) ? violation : undefined);

  it("is made as small as it can be", () => {
    const { attack, tries } = shrinkAttack({ plan, program }, violation, breaks);
    expect(attack.program.moves.map(({ say }) => say).toSorted()).toEqual(["accusation", "leave"]);
    expect(attack.program.moves.some((move) => "bearers" in move || "copies" in move)).toBe(false);
    expect(attack.program).toMatchObject({ scenes: 1, withheld: [] });
    expect(attack.program.late).toBeUndefined();
    expect(attack.plan.faults).toEqual([]);
    expect(attack.plan.network.loss).toBe(0);
    expect(tries).toBeLessThanOrEqual(180);
  });

  it("of another invariant is not the same", () => {
    const { attack } = shrinkAttack({ plan, program }, violation, () => ({ ...violation, invariant: "L3" }));
    expect(attack).toEqual({ plan, program });
  });

  it("is of a known kind when it does all that this does", () => {
    const known = kindOf("S1", { ...program, moves: [LEAVE, ACCUSE], withheld: [] });
    expect(known.said).toEqual(["accuser accusation", "screen leave"]);
    expect(isOf(known, kindOf("S1", program))).toBe(true);
    expect(isOf(known, kindOf("L3", program))).toBe(false);
    expect(isOf(known, kindOf("S1", { ...program, moves: [ACCUSE] }))).toBe(false);
  });

  it("is told in lines", () => {
    const lines = attackLines({ plan, program: { ...program, moves: [LEAVE, ACCUSE] } });
    expect(lines).toContain("  beat 1: screen says leave to few");
    expect(lines).toContain(
      "  from beat 0, at each epoch of the victim: accuser says accusation to all (scene rings, of victim, 3 bearers)",
    );
    expect(lines).toContain("  liars keep from all: notes");
  });
});

describe("what is no attack", () => {
  const attack = drawn[0]!;
  const with_ = (changes: object) => JSON.stringify({ ...attack, program: { ...attack.program, ...changes } });
  it.each([
    ["no JSON", "{", "no JSON"],
    ["no program", JSON.stringify({ plan: attack.plan }), 'no valid "casting"'],
    ["a casting that there is not", with_({ casting: "alone?" }), 'no valid "casting"'],
    ["a move of nobody", with_({ moves: [{ ...LEAVE, by: "victim" }] }), 'no valid "moves"'],
    ["a move without end", with_({ moves: [{ ...LEAVE, when: { from: 0, every: 0 } }] }), 'no valid "moves"'],
    ["an accusation on no rings", with_({ moves: [{ ...ACCUSE, rings: undefined }] }), 'no valid "moves"'],
    ["a renewal of all", with_({ moves: [{ by: "crowd", say: "renewal", when: { at: 0 } }] }), 'no valid "moves"'],
    ["a delay by nothing", with_({ late: { from: "all" } }), 'no valid "late"'],
    ["no plan", JSON.stringify({ program: attack.program }), "a plan must be an object"],
  ])("%s is refused, and why", (_, text, why) => {
    expect(() => parseAttack(text)).toThrow(why);
  });
});
