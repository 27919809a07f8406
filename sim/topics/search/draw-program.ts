/** Programs of liars drawn at random, and made from others. Every rule, saying and audience that there is can come. */
import type { Chance } from "../../chance.js";
import type { Audience, Deed, Fate, Program, Rule, Saying, Span } from "../liars/program.js";

const AUDIENCES: readonly Audience[] = ["all", "all", "correct", "fellows", "victim", "others", "publisher", "half"];
const KINDS: readonly Rule["kind"][] = [
  ...([
    "any",
    "batch",
    "batch",
    "announce",
    "pull",
    "progress",
    "gone",
    "ask",
    "heads",
    "start",
    "proof",
    "handled",
    "awaited",
    "part",
  ] as const),
];
const FATES: readonly Fate[] = ["drop", "drop", "drop", "delay", "hoard", "twice", "alter"];
const SAYINGS: readonly Saying[] = [
  ...([
    "claim",
    "claim",
    "held",
    "gone",
    "pull",
    "ask",
    "replay",
    "junk",
    "flood",
    "twice",
    "heads",
    "forge",
    "handled",
    "anything",
  ] as const),
];
/** Milliseconds: within a link's latency, around the time-outs of pulls and repair, and beyond a session's. */
const DELAYS = [5, 90, 400, 1_500, 6_000] as const;
const EVERY = [100, 100, 500, 2_000] as const;
const SHARES = [1, 1, 0.5, 0.1] as const;
const COUNTS = [1, 1, 1, 5] as const;
const RULES_MAX = 4;
const DEEDS_MAX = 3;
/** Seconds by which spans begin and end: within the publishing of a drawn work. */
const SPAN_SECONDS = 12;
const INTERESTS: readonly string[] = [">", "work.*", "work.0"];

export function drawProgram(chance: Chance): Program {
  const interests = INTERESTS.filter(() => chance.happens(0.4));
  return {
    rules: Array.from({ length: chance.between(0, RULES_MAX) }, () => drawRule(chance)),
    deeds: Array.from({ length: chance.between(0, DEEDS_MAX) }, () => drawDeed(chance)),
    ...(interests.length > 0 && { interests }),
    ...(chance.happens(0.3) && { acknowledges: true }),
    ...(chance.happens(0.5) && { isShared: true }),
  };
}

/** Changed in a place. */
export function changedProgram(program: Program, chance: Chance): Program {
  const { rules, deeds } = program;
  switch (chance.below(6)) {
    case 0:
      return { ...program, rules: [...rules, drawRule(chance)].slice(-RULES_MAX) };
    case 1:
      return { ...program, rules: without(rules, chance) };
    case 2:
      return { ...program, deeds: [...deeds, drawDeed(chance)].slice(-DEEDS_MAX) };
    case 3:
      return { ...program, deeds: without(deeds, chance) };
    case 4:
      return { ...program, rules: without(rules, chance).concat(drawRule(chance)) };
    default: {
      const { interests, acknowledges, isShared } = drawProgram(chance);
      return {
        rules,
        deeds,
        ...(interests && { interests }),
        ...(acknowledges && { acknowledges }),
        ...(isShared && { isShared }),
      };
    }
  }
}

/** Rules of the one, deeds of the other. */
export function crossedProgram(one: Program, other: Program): Program {
  return { ...one, deeds: other.deeds };
}

function drawRule(chance: Chance): Rule {
  const does = chance.pick(FATES)!;
  const span = does === "hoard" ? { until: chance.between(1, SPAN_SECONDS) } : drawSpan(chance);
  const share = chance.pick(SHARES)!;
  return {
    on: chance.happens(0.7) ? "sends" : "hears",
    kind: chance.pick(KINDS)!,
    with: chance.pick(AUDIENCES)!,
    does,
    ...((does === "delay" || does === "twice") && { ms: chance.pick(DELAYS)! }),
    ...(share < 1 && { share }),
    ...span,
  };
}

function drawDeed(chance: Chance): Deed {
  const count = chance.pick(COUNTS)!;
  return {
    say: chance.pick(SAYINGS)!,
    to: chance.pick(AUDIENCES)!,
    everyMs: chance.pick(EVERY)!,
    ...(count > 1 && { count }),
    ...drawSpan(chance),
  };
}

function drawSpan(chance: Chance): Span {
  if (chance.happens(0.7)) return {};
  const from = chance.between(0, SPAN_SECONDS - 1);
  return { from, until: chance.between(from + 1, SPAN_SECONDS) };
}

function without<T>(items: readonly T[], chance: Chance): T[] {
  const place = chance.below(items.length);
  return items.filter((_, index) => index !== place);
}
