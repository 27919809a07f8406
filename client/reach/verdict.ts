/**
 * Can others dial me? Decided by those who monitor me, as far as up to t of them lie, and kept until others say
 * otherwise twice: a member that reserves relays and gives them up at every dropped packet helps nobody.
 */
import type { MemberId } from "../../rings/index.js";

/** A ring predecessor, with what it says of something: "yes", "no", or nothing yet. */
export interface Witness {
  readonly id: MemberId;
  /** On how many rings it is my predecessor. */
  readonly rings: number;
  readonly says: "yes" | "no" | undefined;
}

/** Ring by ring, my predecessors, to each of them once. */
export function witnessesOf(
  predecessors: readonly (MemberId | undefined)[],
  says: (id: MemberId) => Witness["says"],
): readonly Witness[] {
  const rings = new Map<MemberId, number>();
  for (const id of predecessors) if (id !== undefined) rings.set(id, (rings.get(id) ?? 0) + 1);
  return [...rings].map(([id, count]) => ({ id, rings: count, says: says(id) }));
}

/**
 * What predecessors on more than t rings say: at most t of a member's predecessors are taken to lie (TOCS 2015, section
 * 3), so one of them is correct. Where both have so many, which takes more than 2t + 1 rings, the one with more; "no"
 * of two equals. Undefined while there are too few, and nobody left to ask makes no difference.
 */
export function verdictOf(witnesses: readonly Witness[], t: number): "yes" | "no" | undefined {
  const count = (says: "yes" | "no") =>
    witnesses.filter((each) => each.says === says).reduce((sum, { rings }) => sum + rings, 0);
  const [yes, no] = [count("yes"), count("no")];
  if (yes > t && yes > no) return "yes";
  return no > t ? "no" : undefined;
}

/**
 * Do enough of them say yes, so that it may stand in my note? They sit on more than t rings, and are more than t members
 * or all there are: in a network of few members one of them sits on many rings, and must not make me name a third
 * party's address.
 */
export function isVouchedFor(witnesses: readonly Witness[], t: number): boolean {
  const yes = witnesses.filter(({ says }) => says === "yes");
  const rings = yes.reduce((sum, each) => sum + each.rings, 0);
  return yes.length > 0 && rings > t && yes.length >= Math.min(t + 1, witnesses.length);
}

/** "unknown" until enough have said something, and again when my addresses have changed. */
export type Dialable = "yes" | "no" | "unknown";

export interface Standing {
  readonly dialable: Dialable;
  /** Verdicts in a row that say otherwise. */
  readonly contrary: number;
  /** Rounds since I have had these addresses: the first neighbours are soon others. */
  readonly rounds: number;
  /** When to ask again, monotonic milliseconds. */
  readonly askAt: number;
}

/** Verdicts in a row that change what is known. */
const CONTRARY_MIN = 2;
/** Until the next question, milliseconds: while nothing is known, or nobody is there to ask ... */
export const UNKNOWN_MS = 1_000;
/** ... when a verdict says otherwise ... */
export const DOUBT_MS = 5_000;
/** ... when it is known that others dial me: a firewall or a lease may change ... */
export const YES_MS = 10 * 60_000;
/** ... and when they do not: somebody may have opened the port. */
export const NO_MS = 2 * 60_000;
/** After the first round sooner, and four times as long after each: a newcomer knows few neighbours yet. */
export const YOUNG_MS = 5_000;
const YOUNG_GROWTH = 4;

export const UNKNOWN: Standing = { dialable: "unknown", contrary: 0, rounds: 0, askAt: 0 };

/** Others see me come from an address that is not mine: nobody will dial me, and the next verdict decides. */
export function guessed(now: number): Standing {
  return { ...UNKNOWN, dialable: "no", contrary: CONTRARY_MIN - 1, askAt: now };
}

/** "presumed": by those who said no and those who did not answer together, which may only be slow. */
export type Verdict = "yes" | "no" | "presumed" | undefined;

/** After a verdict, or after a round of questions that brought none. */
export function afterVerdict(before: Standing, found: Verdict, now: number): Standing {
  if (found === undefined) return { ...before, askAt: now + (before.dialable === "unknown" ? UNKNOWN_MS : DOUBT_MS) };
  if (found === "presumed" && before.dialable !== "yes") return { ...before, ...guessed(now), askAt: now + DOUBT_MS };
  const verdict = found === "presumed" ? "no" : found;
  const isSame = before.dialable === verdict;
  const contrary = isSame || before.dialable === "unknown" ? 0 : before.contrary + 1;
  if (contrary > 0 && contrary < CONTRARY_MIN) return { ...before, contrary, askAt: now + DOUBT_MS };
  const pause = Math.min(verdict === "yes" ? YES_MS : NO_MS, YOUNG_MS * YOUNG_GROWTH ** before.rounds);
  return { dialable: verdict, contrary: 0, rounds: before.rounds + 1, askAt: now + pause };
}
