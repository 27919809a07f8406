/**
 * What all members together may make this process hold: bytes of messages begun, or arrived and not read. When it is more,
 * the greediest member is cut first, at its largest message, until it fits: who holds little goes on.
 */
import { FirefliesError } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";

/** Bytes, for all members together. A message has at most 4 MiB, and an honest member has few of them under way. */
export const MEMORY_MAX = 128 * 1024 * 1024;

/** One call or duplex that holds bytes. */
export interface Holder {
  /** Ends it with this error; it lets go of what it holds. */
  cut(error: FirefliesError): void;
}

/** One member's share. */
class Account {
  readonly held = new Map<Holder, number>();
  bytes = 0;

  greediest(): Holder | undefined {
    let [found, most] = [undefined as Holder | undefined, 0];
    for (const [holder, bytes] of this.held) if (bytes > most) [found, most] = [holder, bytes];
    return found;
  }
}

export class Budget {
  readonly #max: number;
  readonly #accounts = new Map<MemberId, Account>();
  #bytes = 0;

  constructor(max: number = MEMORY_MAX) {
    this.#max = max;
  }

  /** Held now, of all members. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Says what a holder holds from now on; 0 ends it. May cut holders, this one among them, before it returns. */
  set(member: MemberId, holder: Holder, bytes: number): void {
    const known = this.#accounts.get(member);
    const change = bytes - (known?.held.get(holder) ?? 0);
    if (change === 0) return;
    const account = known ?? new Account();
    this.#bytes += change;
    account.bytes += change;
    if (bytes > 0) account.held.set(holder, bytes);
    else account.held.delete(holder);
    if (account.held.size > 0) this.#accounts.set(member, account);
    else this.#accounts.delete(member);
    if (change > 0) while (this.#bytes > this.#max && this.#cutGreediest());
  }

  #cutGreediest(): boolean {
    let greediest: Account | undefined;
    for (const account of this.#accounts.values()) {
      if (account.bytes > (greediest?.bytes ?? 0)) greediest = account;
    }
    const holder = greediest?.greediest();
    if (holder === undefined) return false;
    const before = this.#bytes;
    holder.cut(
      new FirefliesError("overloaded", "This member holds too many unfinished messages here.", {
        advice: "Read, and end some.",
      }),
    );
    return this.#bytes < before;
  }
}
