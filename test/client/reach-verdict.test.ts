/** What follows from the words of neighbours of whom up to t lie. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { candidatesOf, natOf, type Observation, observedOf } from "../../client/reach/observations.js";
import {
  afterVerdict,
  DOUBT_MS,
  guessed,
  isVouchedFor,
  NO_MS,
  type Standing,
  UNKNOWN,
  UNKNOWN_MS,
  type Verdict,
  verdictOf,
  type Witness,
  witnessesOf,
  YES_MS,
  YOUNG_MS,
} from "../../client/reach/verdict.js";
import type { MemberId } from "../../rings/index.js";

const idOf = (name: string) => name as MemberId;
const witness = (id: string, rings: number, says?: "yes" | "no"): Witness => ({ id: idOf(id), rings, says });

describe("dialable, by predecessors on more than t rings", () => {
  it.each<[what: string, t: number, witnesses: Witness[], verdict: "yes" | "no" | undefined]>([
    ["nobody is there", 4, [], undefined],
    ["nobody has said anything", 4, [witness("a", 9)], undefined],
    ["too few have", 4, [witness("a", 4, "yes"), witness("b", 5)], undefined],
    ["one on more than t rings", 4, [witness("a", 5, "yes"), witness("b", 4)], "yes"],
    ["t rings of liars against the others", 4, [witness("a", 4, "no"), witness("b", 5, "yes")], "yes"],
    ["the only other one", 4, [witness("a", 9, "no")], "no"],
    ["both on more than t rings, the more", 1, [witness("a", 2, "no"), witness("b", 3, "yes")], "yes"],
    ["both on equally many", 1, [witness("a", 2, "no"), witness("b", 2, "yes")], "no"],
  ])("%s", (_, t, witnesses, verdict) => {
    expect(verdictOf(witnesses, t)).toBe(verdict);
  });

  it("counts a predecessor by its rings", () => {
    const [a, b] = [idOf("a"), idOf("b")];
    expect(witnessesOf([a, b, a, undefined, a], (id) => (id === a ? "yes" : undefined))).toEqual([
      { id: a, rings: 3, says: "yes" },
      { id: b, rings: 1, says: undefined },
    ]);
  });
});

describe("an address of the note", () => {
  it.each<[what: string, t: number, witnesses: Witness[], isVouched: boolean]>([
    ["nobody", 1, [], false],
    ["all of few", 4, [witness("a", 9, "yes")], true],
    ["one of few, on many rings", 4, [witness("a", 6, "yes"), witness("b", 3)], false],
    ["t + 1 of many", 1, [witness("a", 1, "yes"), witness("b", 1, "yes"), witness("c", 1, "no")], true],
    ["t of many", 1, [witness("a", 1, "yes"), witness("b", 1), witness("c", 1)], false],
    ["t + 1 members on t rings", 3, [witness("a", 1, "yes"), witness("b", 1, "yes"), witness("c", 5)], false],
  ])("%s", (_, t, witnesses, isVouched) => {
    expect(isVouchedFor(witnesses, t)).toBe(isVouched);
  });

  it("is never a third party's while one neighbour is correct and at most t members lie", () => {
    const rings = fc.integer({ min: 1, max: 9 });
    const liars = fc.array(rings, { maxLength: 9 });
    const correct = fc.array(fc.record({ rings, says: fc.constantFrom("no" as const, undefined) }), { minLength: 1 });
    fc.assert(
      fc.property(liars, correct, fc.integer({ min: 0, max: 3 }), (lying, honest, spare) => {
        const t = lying.length + spare;
        const witnesses = [
          ...lying.map((count, index) => witness(`liar${index}`, count, "yes")),
          ...honest.map(({ rings: count, says }, index) => witness(`m${index}`, count, says)),
        ];
        expect(isVouchedFor(witnesses, t)).toBe(false);
      }),
    );
  });
});

describe("is kept until others say otherwise twice", () => {
  const yes: Standing = { dialable: "yes", contrary: 0, rounds: 9, askAt: 0 };
  const no: Standing = { ...yes, dialable: "no" };

  it.each<[what: string, before: Standing, verdict: Verdict, after: Standing]>([
    ["presumed, at first", UNKNOWN, "presumed", { ...guessed(0), askAt: DOUBT_MS }],
    ["presumed, once", yes, "presumed", { ...yes, contrary: 1, askAt: DOUBT_MS }],
    ["the first word decides", UNKNOWN, "no", { ...no, rounds: 1, askAt: YOUNG_MS }],
    ["the second is soon after", { ...yes, rounds: 1 }, "yes", { ...yes, rounds: 2, askAt: 4 * YOUNG_MS }],
    ["nothing is said", UNKNOWN, undefined, { ...UNKNOWN, askAt: UNKNOWN_MS }],
    ["nothing is said any more", yes, undefined, { ...yes, askAt: DOUBT_MS }],
    ["the same again", yes, "yes", { ...yes, rounds: 10, askAt: YES_MS }],
    ["the same again", no, "no", { ...no, rounds: 10, askAt: NO_MS }],
    ["otherwise, once", yes, "no", { ...yes, contrary: 1, askAt: DOUBT_MS }],
    ["otherwise, twice", { ...yes, contrary: 1 }, "no", { ...no, rounds: 10, askAt: NO_MS }],
    ["otherwise, once, and back", { ...yes, contrary: 1 }, "yes", { ...yes, rounds: 10, askAt: YES_MS }],
    ["after a guess the first word decides", guessed(0), "yes", { ...yes, rounds: 1, askAt: YOUNG_MS }],
  ])("%s", (_, before, verdict, after) => {
    expect(afterVerdict(before, verdict, 0)).toEqual(after);
  });
});

const seen = (by: string, udp?: string, tcp?: string): Observation => ({ by: idOf(by), tcp, udp });
const own = { hosts: new Set(["192.168.1.2"]), udpPort: 8400 };

describe("what lies between", () => {
  it.each<[what: string, seen: Observation[], nat: ReturnType<typeof natOf>]>([
    ["nobody says anything", [seen("a")], "unknown"],
    ["nothing", [seen("a", "192.168.1.2:8400", "192.168.1.2:5000"), seen("b", "192.168.1.2:8400")], "none"],
    ["one port for all", [seen("a", "203.0.113.7:1"), seen("b", "203.0.113.7:1")], "mapped"],
    ["another port for each", [seen("a", "203.0.113.7:1"), seen("b", "203.0.113.7:2")], "symmetric"],
    [
      "one port for all but a liar",
      [seen("a", "203.0.113.7:1"), seen("b", "203.0.113.7:1"), seen("liar", "198.51.100.1:9")],
      "mapped",
    ],
    [
      "beside those on the same network",
      [seen("a", "192.168.1.2:8400"), seen("b", "203.0.113.7:1"), seen("c", "203.0.113.7:1")],
      "mapped",
    ],
    ["one liar", [seen("a", "192.168.1.2:8400"), seen("liar", "203.0.113.7:1")], "none"],
    ["no UDP", [seen("a", undefined, "203.0.113.7:1"), seen("b", undefined, "203.0.113.7:2")], "translated"],
    ["the only other one", [seen("a", "203.0.113.7:1")], "translated"],
    ["what is no address", [seen("a", "nonsense", "elsewhere:1")], "unknown"],
  ])("%s", (_, observations, nat) => {
    expect(natOf(observations, own)).toBe(nat);
  });

  it("candidates are what two agree on, or the only one", () => {
    const agreed = [seen("a", "203.0.113.7:1"), seen("b", "203.0.113.7:1"), seen("liar", "198.51.100.1:9")];
    expect(candidatesOf(agreed, 3)).toEqual(["udp://203.0.113.7:1"]);
    expect(candidatesOf(agreed.slice(1), 3)).toEqual([]);
    expect(candidatesOf([seen("a", "203.0.113.7:1")], 1)).toEqual(["udp://203.0.113.7:1"]);
  });

  it("one liar never makes a candidate beside others, whatever it says", () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.integer({ min: 1, max: 65_535 }), (host, port) => {
        const lie = `${host}:${port}`;
        const honest = [seen("a", "203.0.113.7:1"), seen("b", "203.0.113.7:2")].filter(({ udp }) => udp !== lie);
        expect(candidatesOf([...honest, seen("liar", lie)], 3)).toEqual([]);
      }),
    );
  });

  it("is shown with how many say so", () => {
    const observations = [seen("a", "203.0.113.7:1", "203.0.113.7:9"), seen("b", "203.0.113.7:2", "203.0.113.7:8")];
    expect(observedOf(observations)).toEqual([
      { address: "203.0.113.7", transport: "tcp", by: 2 },
      { address: "203.0.113.7:1", transport: "udp", by: 1 },
      { address: "203.0.113.7:2", transport: "udp", by: 1 },
    ]);
  });
});
