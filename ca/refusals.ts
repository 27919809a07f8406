/** Refusals as notes for the audit, bounded: who floods the authority with bad requests must not fill its disk. */
import type { AuditNote } from "./store.js";

/** Notes of single refusals in a minute; more are told as one number per reason. */
const SINGLE_MAX = 60;
const MINUTE_MS = 60_000;

export interface Refusal {
  readonly code: string;
  readonly route: string;
  /** Of the caller. */
  readonly address: string;
  readonly caller: string | undefined;
  /** Unix milliseconds. */
  readonly at: number;
}

export class Refusals {
  #minute = Number.NEGATIVE_INFINITY;
  #single = 0;
  #notes: AuditNote[] = [];
  readonly #further = new Map<string, number>();

  add({ code, route, address, caller, at }: Refusal): void {
    if (Math.abs(at - this.#minute) >= MINUTE_MS) {
      this.#minute = at;
      this.#single = 0;
    }
    if (this.#single >= SINGLE_MAX) {
      this.#further.set(code, (this.#further.get(code) ?? 0) + 1);
      return;
    }
    this.#single += 1;
    const fields = { code, route, address, ...(caller !== undefined && { caller }) };
    this.#notes.push({ kind: "refused", at, fields });
  }

  /** What has gathered since the last time. `now` in unix milliseconds. */
  take(now: number): readonly AuditNote[] {
    const sums = [...this.#further].map(([code, count]) => ({ kind: "refused", at: now, fields: { code, count } }));
    const notes = [...this.#notes, ...sums];
    this.#notes = [];
    this.#further.clear();
    return notes;
  }
}
