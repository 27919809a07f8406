/**
 * One member's part in an election, as a machine without I/O: told who stands, in which order, and what others say; it says whom to
 * ask and to tell, and when a term begins and ends.
 *
 * The first of the order leads. Before it does, it asks those that would lead after it for the highest term that they have heard of,
 * and takes a higher one, no less than its clock; then it tells them. So terms rise even when clocks differ, as long as one of those
 * few lives on; and even when none does, as long as clocks differ by less than the failure detector takes.
 */
import type { MemberId } from "../../rings/index.js";
import { parseToken, tokenOf } from "./token.js";

/** Those that would lead next are asked and told: all of them must go at once for a term to be forgotten. */
export const HEIRS_MAX = 8;
/** So long a new leader waits for what they have heard of, milliseconds: some round trips. */
export const ASK_MS = 1_000;
/** Between two terms of one member, milliseconds, when it was outranked: a liar with ever higher terms costs no more than that. */
export const RENEW_MS = 1_000;
/** A term further ahead of this clock is not believed, milliseconds: clocks differ by less than half of it. */
export const AHEAD_MS = 60_000;

/** When something is told, in milliseconds: by a clock that only rises, for waits, and by the wall clock (unix), for terms. */
export interface Instant {
  readonly now: number;
  readonly wall: number;
}

/** Why a term ended. "superseded": another one comes first now. "outranked": somebody has a higher token. "withdrawn": it stands no more. */
export type TermEnd = "superseded" | "outranked" | "withdrawn";

export type ElectionOutput =
  | { readonly kind: "ask" | "tell"; readonly to: MemberId; readonly token: string }
  | { readonly kind: "began"; readonly token: string }
  /** Somebody named a token that no correct member can have, if its clock and mine are right. */
  | { readonly kind: "disbelieved"; readonly token: string }
  | { readonly kind: "ended"; readonly token: string; readonly reason: TermEnd };

type Phase =
  | { readonly kind: "following" }
  | { readonly kind: "pausing"; readonly until: number }
  | { readonly kind: "asking"; readonly open: Set<MemberId>; readonly until: number }
  | { readonly kind: "leading"; readonly token: string; readonly told: Set<MemberId> };

export class Candidacy {
  readonly #me: MemberId;
  #phase: Phase = { kind: "following" };
  #order: readonly MemberId[] = [];
  /** The highest term that was heard of or had. */
  #term = 0;
  #highest = "";
  /** Of my last term, monotonic. */
  #beganAt = Number.NEGATIVE_INFINITY;
  #outputs: ElectionOutput[] = [];

  constructor(me: MemberId) {
    this.#me = me;
  }

  /** The token of the term that I have. */
  get token(): string | undefined {
    return this.#phase.kind === "leading" ? this.#phase.token : undefined;
  }

  /** The highest token that I know; empty before the first. */
  get highest(): string {
    return this.#highest;
  }

  /** When to call `tick`, monotonic; undefined: never. */
  get deadline(): number | undefined {
    return this.#phase.kind === "asking" || this.#phase.kind === "pausing" ? this.#phase.until : undefined;
  }

  takeOutputs(): readonly ElectionOutput[] {
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  /** Who stands, in the order of all; nobody when I do not. */
  standing(order: readonly MemberId[], at: Instant): void {
    const before = this.#order[0];
    this.#order = order;
    if (order[0] === this.#me) {
      if (this.#phase.kind === "following") this.#prepare(at);
      else if (this.#phase.kind === "leading") this.#tell(this.#phase);
      return;
    }
    this.#end(order.includes(this.#me) ? "superseded" : "withdrawn");
    // One that led before a split may not have noticed it: it would go on with a token that was outdone meanwhile.
    const [first] = order;
    if (first !== undefined && first !== before && this.#highest !== "" && this.#isHeir)
      this.#outputs.push({ kind: "tell", to: first, token: this.#highest });
    this.#phase = { kind: "following" };
  }

  /** Somebody named a token: an heir that I asked, another leader, or a resource that has seen a higher one than mine. */
  heard(token: string, at: Instant): void {
    const said = parseToken(token);
    if (said === undefined || token <= this.#highest) return;
    if (said.term > at.wall + AHEAD_MS) {
      this.#outputs.push({ kind: "disbelieved", token });
      return;
    }
    this.#highest = token;
    this.#term = Math.max(this.#term, said.term);
    if (this.#phase.kind !== "leading") return;
    this.#end("outranked");
    this.#prepare(at);
  }

  /** An heir has answered, or will not. */
  answered(from: MemberId, at: Instant): void {
    if (this.#phase.kind !== "asking") return;
    this.#phase.open.delete(from);
    if (this.#phase.open.size === 0) this.#begin(at);
  }

  tick(at: Instant): void {
    if (this.#phase.kind === "pausing" && at.now >= this.#phase.until) this.#ask(at);
    else if (this.#phase.kind === "asking" && at.now >= this.#phase.until) this.#begin(at);
  }

  #prepare(at: Instant): void {
    const until = this.#beganAt + RENEW_MS;
    if (at.now < until) this.#phase = { kind: "pausing", until };
    else this.#ask(at);
  }

  #ask(at: Instant): void {
    const heirs = this.#heirs();
    this.#phase = { kind: "asking", open: new Set(heirs), until: at.now + ASK_MS };
    for (const to of heirs) this.#outputs.push({ kind: "ask", to, token: this.#highest });
    if (heirs.length === 0) this.#begin(at);
  }

  #begin(at: Instant): void {
    this.#term = Math.max(this.#term + 1, Math.floor(at.wall));
    const token = tokenOf({ term: this.#term, leader: this.#me });
    this.#highest = token;
    this.#beganAt = at.now;
    const phase = { kind: "leading", token, told: new Set<MemberId>() } as const;
    this.#phase = phase;
    this.#outputs.push({ kind: "began", token });
    this.#tell(phase);
  }

  /** Heirs that came meanwhile as well. */
  #tell({ token, told }: Extract<Phase, { kind: "leading" }>): void {
    for (const to of this.#heirs()) {
      if (told.has(to)) continue;
      if (told.size >= HEIRS_MAX * HEIRS_MAX) told.clear();
      told.add(to);
      this.#outputs.push({ kind: "tell", to, token });
    }
  }

  #end(reason: TermEnd): void {
    if (this.#phase.kind === "leading") this.#outputs.push({ kind: "ended", token: this.#phase.token, reason });
  }

  get #isHeir(): boolean {
    return this.#heirs().includes(this.#me);
  }

  #heirs(): readonly MemberId[] {
    return this.#order.slice(1, 1 + HEIRS_MAX);
  }
}
