/**
 * Members to ask first, as addresses, and which of them were never reached. Those are tried again now and then: a
 * network that starts all at once can come up in parts, and its parts know of each other only by these addresses.
 */
import type { MemberId } from "../rings/index.js";
import type { Recipient } from "./outputs.js";

/** Contacts kept; the oldest give way. */
const CONTACTS_MAX = 64;
/** How often a contact that never answered is tried beside the ordinary rounds; when nobody else is left, always. */
const TRIES_MAX = 600;

export class Contacts {
  readonly #all = new Map<string, { readonly contact: Recipient; tries: number; met: boolean }>();
  readonly #mine: ReadonlySet<string>;

  /** `mine` are my own addresses: an authority may well name me to myself. */
  constructor(mine: readonly string[], contacts: readonly Recipient[]) {
    this.#mine = new Set(mine);
    this.add(contacts);
  }

  add(contacts: readonly Recipient[]): void {
    for (const contact of contacts) {
      const key = contact.addresses[0];
      if (key === undefined || contact.addresses.some((address) => this.#mine.has(address))) continue;
      if (!this.#all.has(key)) this.#all.set(key, { contact, tries: 0, met: false });
    }
    for (const key of [...this.#all.keys()].slice(0, Math.max(0, this.#all.size - CONTACTS_MAX))) this.#all.delete(key);
  }

  list(): Recipient[] {
    return Array.from(this.#all.values(), ({ contact }) => contact);
  }

  /** Somebody answered at these addresses. */
  met(recipient: Recipient): void {
    for (const address of recipient.addresses) {
      const held = this.#all.get(address);
      if (held) held.met = true;
    }
  }

  /** Contacts to try in this round: all of them when alone, else those never met and not known to be live. */
  candidates(isAlone: boolean, isLive: (id: MemberId) => boolean): Recipient[] {
    const held = [...this.#all.values()];
    if (isAlone) return held.map(({ contact }) => contact);
    const isOpen = ({ contact, tries, met }: (typeof held)[number]) =>
      !met && tries < TRIES_MAX && !(contact.id && isLive(contact.id));
    return held.filter(isOpen).map(({ contact }) => contact);
  }

  tried(recipient: Recipient): void {
    const held = this.#all.get(recipient.addresses[0] ?? "");
    if (held) held.tries += 1;
  }
}
