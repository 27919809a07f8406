/**
 * What a partner's packet costs it before anything in it is looked at. Beyond its budget a partner is told `busy`, but for
 * one thing: a judge whose pushes have used it up is still heard as a judge (rule R20).
 */
import type { MemberId } from "../rings/index.js";
import { type Item, isSummons, parsePacket } from "./packet.js";
import type { Partners } from "./partners.js";

export type Received = { readonly items: readonly Item[] } | { readonly refused: string };

export class Reception {
  readonly #partners: Partners;

  constructor(partners: Partners) {
    this.#partners = partners;
  }

  /** The items of a packet that may be looked at, or why none may. */
  receive(from: MemberId, packet: Uint8Array, now: number): Received {
    if (!this.#partners.takePacket(from, now)) return this.#summonsIn(from, packet, now);
    const parsed = parsePacket(packet);
    if (!parsed.ok) {
      this.#partners.punish(from, now);
      return { refused: parsed.reason };
    }
    const statements = parsed.items.filter((item) => item.kind === "statement").length;
    if (!this.#partners.takeStatements(from, statements, now)) return this.#summonsIn(from, packet, now);
    return parsed;
  }

  /** Its first byte tells whether a packet begins with one, and how often that is asked has a budget of its own. */
  #summonsIn(from: MemberId, packet: Uint8Array, now: number): Received {
    const isHeard = isSummons(packet) && this.#partners.takeSummons(from, now);
    const parsed = isHeard ? parsePacket(packet) : undefined;
    return parsed?.ok ? { items: parsed.items.slice(0, 1) } : { refused: "busy" };
  }
}
