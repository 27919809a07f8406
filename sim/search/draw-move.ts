/** Moves and what else a program is of, drawn at random. Every saying, role, audience and time that there is can come. */
import type { Chance } from "../chance.js";
import type {
  Accused,
  Audience,
  Casting,
  Count,
  Lateness,
  Move,
  Rings,
  Role,
  Telling,
  When,
  Withholding,
} from "../puppets/program.js";

/** Times are drawn in tenths of a beat: finer than any of the protocol's intervals. */
const TENTHS = 10;
/** Latest beat of a move's beginning: a removal takes three beats in a LAN and six over continents. */
const BEATS_MAX = 4;
/** The next beat's budgets, several times a beat, or less often. */
const EVERY = [1, 1, 1, 0.5, 0.25, 2] as const;
/** In a beat, so many times and so far apart: what wants to be first when a budget refills. */
const TIMES_MAX = 20;
const APARTS = [0.003, 0.02, 0.1] as const;
const COUNT_MAX = 6;
/** So many at once are a flood: beyond any budget, and below what a packet holds. */
const FLOOD = 40;
const BEARERS_MAX = 4;
const COPIES_MAX = 4;
/** How long liars may sit on answers, in tenths of a beat: two beats are the deadline of a call in a LAN. */
const LATE_TENTHS = 19;

type Weights<T extends string> = Readonly<Record<T, number>>;

/** Of ten moves: an attack needs one that accuses, and what the screen says of itself decides who sees what. */
export const SAYINGS: Weights<Move["say"]> = {
  live: 3,
  masked: 1,
  bulky: 0.5,
  leave: 3,
  low: 0.5,
  accusation: 4,
  proof: 3,
  certificate: 1,
  summons: 2,
  gone: 1,
  renewal: 0.5,
};
/** The screen speaks about itself, the accuser of the victim; the others are there for what nobody expects. */
const ABOUT_ITSELF: Weights<Role> = { screen: 16, accuser: 3, crowd: 1 };
const ABOUT_OTHERS: Weights<Role> = { accuser: 14, crowd: 5, screen: 1 };
const UNSIGNED: Weights<Role> = { crowd: 2, accuser: 1, screen: 1 };
const RINGS: Weights<Rings> = { scene: 4, held: 1, strange: 2 };
const ACCUSED: Weights<Accused> = { victim: 8, screen: 2, shields: 1 };

export const AUDIENCES: readonly Audience[] = [
  "victim",
  "others",
  "all",
  "few",
  "rest",
  "half",
  "other-half",
  "neighbours",
];
export const CASTINGS: readonly Casting[] = ["screened", "direct", "ahead", "newcomer", "forgetful", "alone"];
const CASTING: Weights<Casting> = { screened: 9, direct: 3, ahead: 2, newcomer: 2, forgetful: 1, alone: 4 };
/** What is said of the screen is what views are to differ in. */
const WITHHOLDINGS: Weights<Withholding["what"]> = {
  screen: 4,
  notes: 1,
  charges: 1,
  certificates: 1,
  answers: 1,
  all: 2,
};
export const WITHHELD: readonly Withholding["what"][] = [
  "screen",
  "notes",
  "charges",
  "certificates",
  "answers",
  "all",
];

export function drawCasting(chance: Chance): Casting {
  return weighed(chance, CASTING);
}

/** At once, or so many: with more of them one run tries more victims. */
export function drawScenes(chance: Chance): number {
  return chance.pick([1, 1, 3, 100])!;
}

/** How many "few" are: a single view removes a member alone. */
export function drawFew(chance: Chance): number {
  return chance.pick([1, 1, 3])!;
}

/** Beats until other scenes are cast. */
export function drawLasts(chance: Chance): number {
  return chance.pick([6, 12, 24, 24])!;
}

export function drawWithheld(chance: Chance): Withholding {
  const what = weighed(chance, WITHHOLDINGS);
  return { what, from: chance.pick(["victim", "all"] as const)! };
}

export function drawLate(chance: Chance): Lateness {
  const beats = chance.between(1, LATE_TENTHS) / TENTHS;
  return { from: chance.pick(["victim", "all"] as const)!, beats };
}

export function drawMove(chance: Chance, say = weighed(chance, SAYINGS)): Move {
  return say === "renewal" ? drawRenewal(chance) : drawTelling(chance, say);
}

function drawRenewal(chance: Chance): Move {
  const by = chance.happens(0.7) ? "screen" : "accuser";
  const when = { at: chance.happens(0.7) ? 0 : tenths(chance, 2) };
  const renewal = { by, say: "renewal", when } as const;
  return chance.happens(0.4) ? { ...renewal, overAfter: tenths(chance, 2) } : renewal;
}

function drawTelling(chance: Chance, say: Telling["say"]): Telling {
  const to = chance.pick(AUDIENCES)!;
  const rest = { to, when: drawWhen(chance, say), ...drawBearers(chance), ...drawCopies(chance) };
  switch (say) {
    case "accusation": {
      const by = weighed(chance, ABOUT_OTHERS);
      const of = weighed(chance, ACCUSED);
      const rings = weighed(chance, by === "crowd" ? { ...RINGS, scene: 0 } : RINGS);
      return {
        by,
        say,
        rings,
        ...drawCount(chance),
        ...(of !== "victim" && { of }),
        ...drawUnder(chance, by),
        ...rest,
      };
    }
    case "summons": {
      const way = chance.pick(["datagram", "call"] as const)!;
      return { by: weighed(chance, UNSIGNED), say, rings: weighed(chance, RINGS), ...drawCount(chance), way, ...rest };
    }
    case "gone":
      return { by: weighed(chance, UNSIGNED), say, ...rest };
    case "certificate": {
      const by = weighed(chance, ABOUT_ITSELF);
      return { by, say, ...drawUnder(chance, by), ...rest };
    }
    default: {
      const by = weighed(chance, ABOUT_ITSELF);
      return { by, say, ...drawCount(chance), ...drawUnder(chance, by), ...rest };
    }
  }
}

export function drawWhen(chance: Chance, say: Move["say"]): When {
  if (chance.happens(say === "accusation" ? 0.6 : 0.1)) return { epochsFrom: tenths(chance, BEATS_MAX) };
  if (chance.happens(0.4)) return { at: tenths(chance, BEATS_MAX) };
  const from = tenths(chance, BEATS_MAX);
  const every = chance.pick(EVERY)!;
  if (!chance.happens(0.2)) return { from, every };
  return { from, every, times: chance.between(2, TIMES_MAX), apart: chance.pick(APARTS)! };
}

export function drawCount(chance: Chance): { count?: Count } {
  if (chance.happens(0.55)) return {};
  if (chance.happens(0.1)) return { count: FLOOD };
  return { count: chance.happens(0.5) ? "budget" : chance.between(1, COUNT_MAX) };
}

export function drawBearers(chance: Chance): { bearers?: number | "any" } {
  if (chance.happens(0.6)) return {};
  return { bearers: chance.happens(0.2) ? "any" : chance.between(2, BEARERS_MAX) };
}

export function drawCopies(chance: Chance): { copies?: number } {
  return chance.happens(0.9) ? {} : { copies: chance.between(2, COPIES_MAX) };
}

/** The authority gives further certificates to the players of a scene alone. */
export function drawUnder(chance: Chance, by: Role): { under?: "last" } {
  return by === "crowd" || chance.happens(0.8) ? {} : { under: "last" };
}

export function tenths(chance: Chance, beatsMax: number): number {
  return chance.below(beatsMax * TENTHS + 1) / TENTHS;
}

function weighed<T extends string>(chance: Chance, weights: Weights<T>): T {
  const entries = Object.entries(weights) as [T, number][];
  let left = chance.number() * entries.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [value, weight] of entries) {
    left -= weight;
    if (left < 0) return value;
  }
  return entries[0]![0];
}
