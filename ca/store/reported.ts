/** What was reported with a certificate, in one transaction: its answer reports the same once more, and need not ask for it. */
import type { MemberId } from "../../rings/index.js";
import { REPORT_STEP_MS } from "./reports.js";
import type { MemberReport, NewCertificate } from "./store.js";

/** Answers that are under way between both; more of them ask. */
const REMEMBERED_MAX = 1_024;

interface Remembered {
  /** As JSON. */
  readonly addresses: string;
  /** Unix milliseconds. */
  readonly at: number;
}

export class Reported {
  readonly #remembered = new Map<MemberId, Remembered>();

  set({ certificate: { id, issuedAt: at }, addresses }: NewCertificate): void {
    if (addresses.length === 0) return;
    if (this.#remembered.size >= REMEMBERED_MAX) this.#remembered.clear();
    this.#remembered.set(id, { addresses: JSON.stringify(addresses), at });
  }

  /** Whether this report repeats what was set; only once, since what comes later may answer something else. */
  take({ id, addresses, at, leaving }: MemberReport): boolean {
    const remembered = this.#remembered.get(id);
    this.#remembered.delete(id);
    if (leaving || remembered?.addresses !== JSON.stringify(addresses)) return false;
    return Math.abs(remembered.at - at) <= REPORT_STEP_MS;
  }
}
