/**
 * Is it me? (Lifeguard, DSN 2018.) When most of the members I probe are silent at once, the fault is more likely here
 * than there, and my verdicts of that time are void; but not for ever, or a member could never see a real disaster.
 */
import type { MemberId } from "../../rings/index.js";

/** With fewer distinct targets a coincidence is too likely to mean anything. */
const TARGETS_MIN = 5;
/** Windows in a row that may be void: a disaster is seen two windows later, which is 20 s in a LAN. */
const VOID_WINDOWS_MAX = 2;

interface Outcome {
  readonly missed: boolean;
  readonly at: number;
}

export class LocalHealth {
  readonly #windowMs: number;
  readonly #outcomes = new Map<MemberId, Outcome>();
  /** Of these outcomes. */
  #missed = 0;
  #voidWindows = 0;
  #voidUntil = Number.NEGATIVE_INFINITY;

  /** `windowMs` spans the visits to at least TARGETS_MIN members. */
  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  record(target: MemberId, missed: boolean, now: number): void {
    this.#drop(target);
    this.#outcomes.set(target, { missed, at: now });
    if (missed) this.#missed += 1;
    // The oldest first, because each goes to the end when it is recorded.
    for (const [id, { at }] of this.#outcomes) {
      if (at >= now - this.#windowMs) break;
      this.#drop(id);
    }
    if (!missed) this.#voidWindows = this.#mostMissed() ? this.#voidWindows : 0;
  }

  /** Are the misses of this moment void? Starts or continues a void window when they are. */
  isVoid(now: number): boolean {
    if (now < this.#voidUntil) return true;
    if (!this.#mostMissed() || this.#voidWindows >= VOID_WINDOWS_MAX) return false;
    this.#voidWindows += 1;
    this.#voidUntil = now + this.#windowMs;
    return true;
  }

  #mostMissed(): boolean {
    if (this.#outcomes.size < TARGETS_MIN) return false;
    return this.#missed * 2 > this.#outcomes.size;
  }

  #drop(target: MemberId): void {
    if (this.#outcomes.get(target)?.missed) this.#missed -= 1;
    this.#outcomes.delete(target);
  }
}
