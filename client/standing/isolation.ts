/**
 * Whether this member is among the others, for its program and its operator: what the machine finds (gossip/isolation.ts), and
 * that everybody who is called refuses this member's certificate. Tells when it is out and why, what to do, and when it is back.
 */
import type { IsolationReason } from "../../gossip/index.js";
import { FirefliesError } from "../../identity/index.js";
import type { Change, Isolated } from "../types.js";

/** Calls in a row that were refused, and nobody's answered ... */
const REFUSALS_MIN = 3;
/** ... over this time, milliseconds, mean that the others will have nothing to do with me: one that was restarted answers soon. */
const REFUSED_MS = 3_000;

/** Nobody comes back from these by waiting: an operator has to act. The gravest first. */
const FOR_OPERATORS: readonly Isolated["reason"][] = ["revoked", "equivocated", "expired", "refused"];

export interface IsolationOptions {
  readonly publish: (change: Change) => void;
  readonly onAlarm: (alarm: FirefliesError) => void;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** What commands take to mean this member, for messages. */
  readonly dir: () => string | undefined;
}

export class Isolation {
  readonly #options: IsolationOptions;
  #found: { readonly reason: IsolationReason; readonly until?: number | undefined } | undefined;
  #refusals = 0;
  #refusedSince = 0;
  #current: Isolated | undefined;

  constructor(options: IsolationOptions) {
    this.#options = options;
  }

  get current(): Isolated | undefined {
    return this.#current;
  }

  /** For a program that begins to listen now. */
  get change(): Change | undefined {
    return this.#current && { kind: "isolated", ...changeOf(this.#current), at: this.#current.since };
  }

  /** By what the machine holds and hears; `until` in unix milliseconds. */
  found(reason: IsolationReason, until?: number): void {
    this.#found = { reason, until };
    this.#update();
  }

  over(): void {
    this.#found = undefined;
    this.#update();
  }

  /** A member closed the connection when it had seen my certificate. */
  refused(): void {
    if (this.#refusals === 0) this.#refusedSince = this.#options.now();
    this.#refusals += 1;
    this.#update();
  }

  /** I have another certificate: what was refused was the one before. That all refuse me is over with the first answer. */
  renewed(): void {
    if (this.#current?.reason !== "refused") this.#refusals = 0;
  }

  /** A member has answered. */
  answered(): void {
    if (this.#refusals === 0) return;
    this.#refusals = 0;
    this.#update();
  }

  #update(): void {
    const { publish, onAlarm, now, dir } = this.#options;
    const before = this.#current;
    const state = this.#state();
    if (state?.reason === before?.reason && state?.until === before?.until) return;
    this.#current = state && { ...state, since: now() };
    if (this.#current) publish({ kind: "isolated", ...changeOf(this.#current), at: now() });
    else if (before) publish({ kind: "back", reason: before.reason, at: now() });
    if (state && state.reason !== before?.reason && FOR_OPERATORS.includes(state.reason))
      onAlarm(alarmOf(state.reason, dir()));
  }

  #state(): Omit<Isolated, "since"> | undefined {
    const found = this.#found;
    const isRefused = this.#refusals >= REFUSALS_MIN && this.#options.now() - this.#refusedSince >= REFUSED_MS;
    if (isRefused && !(found && FOR_OPERATORS.includes(found.reason))) return { reason: "refused", until: undefined };
    return found && { reason: found.reason, until: found.until };
  }
}

function changeOf({ reason, until }: Isolated): { reason: Isolated["reason"]; until?: number } {
  return until === undefined ? { reason } : { reason, until };
}

function alarmOf(reason: Isolated["reason"], dir: string | undefined): FirefliesError {
  const renew = `\`fireflies renew --dir ${dir ?? "D"}\` (Client.renew())`;
  const wayBack = `Stop the other process that has this identity, then get a newer certificate with ${renew}: with it the member is back at once.`;
  const texts: Partial<Record<Isolated["reason"], readonly [text: string, advice: string]>> = {
    equivocated: [
      "Two notes of this member contradict each other, because its identity is in use twice: the others have cut it.",
      wayBack,
    ],
    refused: [
      "Everybody who is called refuses this member's certificate: its identity was in use twice, or it is revoked.",
      `${wayBack} If it is revoked, that says so.`,
    ],
    revoked: [
      "The authority has revoked this member or its certificate.",
      "Ask its operator, and enrol again with a new token.",
    ],
    expired: [
      "This member's certificate has ended, so the others no longer count it.",
      `Get the next one with ${renew}, or enrol again with a new token.`,
    ],
  };
  const [text, advice] = texts[reason] ?? [];
  return new FirefliesError("isolated", text, { advice });
}
