/** Refusals as notes for the audit, bounded: who floods the authority with bad requests must not fill its disk. */
import type { AuditNote } from "../store/store.js";

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
  /** When the minute began, unix milliseconds. */
  #minute = Number.NEGATIVE_INFINITY;
  #single = 0;
  #notes: AuditNote[] = [];
  readonly #further = new Map<string, number>();

  add({ code, route, address, caller, at }: Refusal): void {
    if (this.#isOver(at)) this.#begin(at);
    if (this.#single >= SINGLE_MAX) {
      this.#further.set(code, (this.#further.get(code) ?? 0) + 1);
      return;
    }
    this.#single += 1;
    const fields = { code, route, address, ...(caller !== undefined && { caller }) };
    this.#notes.push({ kind: "refused", at, fields });
  }

  /** What has gathered since the last time; numbers at the end of their minute, or when it is the `last` time. `now` in unix milliseconds. */
  take(now: number, last = false): readonly AuditNote[] {
    if (last || this.#isOver(now)) this.#sum(now);
    const notes = this.#notes;
    this.#notes = [];
    return notes;
  }

  #isOver(now: number): boolean {
    return Math.abs(now - this.#minute) >= MINUTE_MS;
  }

  #begin(at: number): void {
    this.#sum(at);
    this.#minute = at;
    this.#single = 0;
  }

  #sum(at: number): void {
    for (const [code, count] of this.#further) this.#notes.push({ kind: "refused", at, fields: { code, count } });
    this.#further.clear();
  }
}
