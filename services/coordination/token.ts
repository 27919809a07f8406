/**
 * Fencing tokens: what a leader shows to whatever it changes, so that a former one is refused there (Kleppmann, "How to do
 * distributed locking", 2016). A token is a term, and the member that has it; text that compares as tokens do.
 */
import { type MemberId, parseMemberId } from "../../rings/index.js";

/** Hex digits of a term: milliseconds until the year 10,889. */
const TERM_DIGITS = 12;
const TOKEN = /^([0-9a-f]{12})-([0-9a-f]{64})$/;

/** What a token says. */
export interface Term {
  /** Rises with each term. No less than unix milliseconds of the leader's clock when it began. */
  readonly term: number;
  readonly leader: MemberId;
}

/** Later terms are higher as text; no two members have one token. */
export function tokenOf({ term, leader }: Term): string {
  return `${term.toString(16).padStart(TERM_DIGITS, "0")}-${leader}`;
}

/** Undefined for what is none. */
export function parseToken(text: unknown): Term | undefined {
  const [, term = "", id = ""] = (typeof text === "string" && TOKEN.exec(text)) || [];
  const leader = parseMemberId(id);
  return leader && { term: Number.parseInt(term, 16), leader };
}
