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
  readonly #asked = new Set<string>();
  readonly #answered = new Set<MemberId>();
  readonly #failed = new Set<MemberId>();

  constructor(contacts: readonly Recipient[], tolerance: number) {
    this.#contacts = [...contacts];
    this.#needed = tolerance + 1;
  }

  /** Whom to ask now, with `running` exchanges under way. Each is asked once; contacts come first. */
  next(neighbours: readonly Recipient[], running: number): Recipient[] {
    const candidates = [...this.#contacts, ...neighbours].filter((recipient) => !this.#asked.has(keyOf(recipient)));
    const chosen = candidates.slice(0, Math.max(0, ASKED_AT_ONCE - running));
    for (const recipient of chosen) this.#asked.add(keyOf(recipient));
    return chosen;
  }

  answered(id: MemberId): void {
    this.#answered.add(id);
    this.#asked.add(id);
  }

  failed(recipient: Recipient): void {
    if (recipient.id) this.#failed.add(recipient.id);
  }

  /**
   * Enough neighbours have answered, or everyone that is left has been asked in vain. To be asked when no exchange is
   * under way and nothing waits for verification.
   */
  isDone(neighbours: readonly Recipient[]): boolean {
    const ids = neighbours.map((recipient) => recipient.id).filter((id) => id !== undefined);
    const answered = ids.filter((id) => this.#answered.has(id)).length;
    const open = ids.filter((id) => !this.#answered.has(id) && !this.#failed.has(id)).length;
    const contactsLeft = this.#contacts.some((contact) => !this.#asked.has(keyOf(contact)));
    return answered >= this.#needed || (open === 0 && !contactsLeft);
  }
}

function keyOf(recipient: Recipient): string {
  return recipient.id ?? recipient.addresses[0] ?? "";
}
