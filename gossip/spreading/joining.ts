/**
 * Joining: ask contacts, then the neighbours that they name, until t + 1 distinct ring neighbours have answered (rule
 * R16): one of them at least is correct. A joiner computes its neighbours itself from what it learns, so a lying
 * contact can withhold members but cannot choose who is asked next once a correct one has answered.
 */
import type { MemberId } from "../../rings/index.js";
import type { Recipient } from "../outputs.js";

/** Contacts and neighbours asked at the same time: quick when the first ones are dead, no flood when all live. */
const ASKED_AT_ONCE = 3;

export class Joining {
  readonly #contacts: Recipient[];
  readonly #needed: number;
  readonly #isAgain: boolean;
  readonly #asked = new Set<string>();
  readonly #answered = new Set<MemberId>();
  readonly #failed = new Set<string>();

  /** `isAgain`: I had joined before and knew nobody. Somebody who comes to me meanwhile is not kept waiting by dead contacts. */
  constructor(contacts: readonly Recipient[], tolerance: number, isAgain = false) {
    this.#contacts = [...contacts];
    this.#needed = tolerance + 1;
    this.#isAgain = isAgain;
  }

  /** More contacts; of those that I have the ones that failed are asked again. */
  add(contacts: readonly Recipient[]): void {
    const known = new Set(this.#contacts.map(keyOf));
    for (const contact of contacts) {
      const key = keyOf(contact);
      if (!known.has(key)) this.#contacts.push(contact);
      known.add(key);
      if (this.#failed.delete(key)) this.#asked.delete(key);
    }
  }

  /** Asks some more, with `running` exchanges under way; `begin` says whether one could be begun. */
  ask(neighbours: readonly Recipient[], running: number, begin: (to: Recipient) => boolean): void {
    for (const to of this.#next(neighbours, running)) if (!begin(to)) this.failed(to);
  }

  /**
   * Each is asked once; contacts come first, but not before those who came to me meanwhile, and these find room beside contacts
   * that do not answer.
   */
  #next(neighbours: readonly Recipient[], running: number): Recipient[] {
    const inOrder = this.#isAgain ? [...neighbours, ...this.#contacts] : [...this.#contacts, ...neighbours];
    const candidates = inOrder.filter((recipient) => !this.#asked.has(keyOf(recipient)));
    const atOnce = this.#isAgain && neighbours.length > 0 ? 2 * ASKED_AT_ONCE : ASKED_AT_ONCE;
    const chosen = candidates.slice(0, Math.max(0, atOnce - running));
    for (const recipient of chosen) this.#asked.add(keyOf(recipient));
    return chosen;
  }

  answered(id: MemberId): void {
    this.#answered.add(id);
    this.#asked.add(id);
  }

  failed(recipient: Recipient): void {
    this.#failed.add(keyOf(recipient));
  }

  /**
   * Enough neighbours have answered, or everyone that is left has been asked in vain, and none of the `running` exchanges
   * is awaited. To be asked when nothing waits for verification.
   */
  isDone(neighbours: readonly Recipient[], running: number): boolean {
    const ids = neighbours.map((recipient) => recipient.id).filter((id) => id !== undefined);
    const answered = ids.filter((id) => this.#answered.has(id)).length;
    const open = ids.filter((id) => !this.#answered.has(id) && !this.#failed.has(id)).length;
    if (this.#isAgain && answered > 0 && open === 0) return true;
    const contactsLeft = this.#contacts.some((contact) => !this.#asked.has(keyOf(contact)));
    return running === 0 && (answered >= this.#needed || (open === 0 && !contactsLeft));
  }
}

function keyOf(recipient: Recipient): string {
  return recipient.id ?? recipient.addresses[0] ?? "";
}
