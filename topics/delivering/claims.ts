/**
 * What members of queue groups say to have handled, as long as it does not count yet: the message is not held here, or by my view
 * another one handles it. Each member has a share of these.
 */
import type { MemberId } from "../../rings/index.js";
import { GROUP_CLAIMS_MAX } from "../limits.js";

export class Claims<Log> {
  readonly #byMember = new Map<MemberId, Map<Log, Set<number>>>();
  readonly #sizes = new Map<MemberId, number>();

  /** False when the member's share is used up. */
  add(from: MemberId, log: Log, number: number): boolean {
    const size = this.#sizes.get(from) ?? 0;
    if (size >= GROUP_CLAIMS_MAX) return false;
    const logs = this.#byMember.get(from) ?? new Map<Log, Set<number>>();
    this.#byMember.set(from, logs);
    const numbers = logs.get(log) ?? new Set();
    logs.set(log, numbers);
    if (!numbers.has(number)) this.#sizes.set(from, size + 1);
    numbers.add(number);
    return true;
  }

  /** Takes one back: it counts now. False when there is none. */
  take(from: MemberId, log: Log, number: number): boolean {
    return this.#remove(from, log, [number]) > 0;
  }

  /** All up to this number are settled. */
  settled(log: Log, through: number): void {
    for (const [from, logs] of this.#byMember) {
      const numbers = logs.get(log);
      if (numbers)
        this.#remove(
          from,
          log,
          [...numbers].filter((number) => number <= through),
        );
    }
  }

  forgetLog(log: Log): void {
    this.settled(log, Number.POSITIVE_INFINITY);
  }

  forgetMember(from: MemberId): void {
    this.#byMember.delete(from);
    this.#sizes.delete(from);
  }

  /** How many of a member are held. */
  sizeOf(from: MemberId): number {
    return this.#sizes.get(from) ?? 0;
  }

  /** Held in all, and of the member with most. */
  get counts(): { readonly groupClaims: number; readonly groupClaimsOfOne: number } {
    let [groupClaims, groupClaimsOfOne] = [0, 0];
    for (const logs of this.#byMember.values()) {
      let own = 0;
      for (const numbers of logs.values()) own += numbers.size;
      groupClaims += own;
      groupClaimsOfOne = Math.max(groupClaimsOfOne, own);
    }
    return { groupClaims, groupClaimsOfOne };
  }

  #remove(from: MemberId, log: Log, numbers: readonly number[]): number {
    const logs = this.#byMember.get(from);
    const known = logs?.get(log);
    if (!logs || !known) return 0;
    const removed = numbers.filter((number) => known.delete(number)).length;
    if (known.size === 0) logs.delete(log);
    if (logs.size === 0) this.forgetMember(from);
    else this.#sizes.set(from, this.sizeOf(from) - removed);
    return removed;
  }
}
