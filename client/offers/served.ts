/** What answers the messages for one service, and how many of one member's it answers at once. */
import { FirefliesError, outOfRange } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";
import type { MessageHandler } from "../types.js";
import { nameShown } from "./name.js";

export class Served {
  readonly handler: MessageHandler;
  readonly #name: string;
  readonly #perPeer: number;
  /** Messages that are being answered. */
  readonly #running = new Map<MemberId, number>();

  /** Throws a RangeError for a number that is not 1 or more. */
  constructor(name: string, handler: MessageHandler, perPeer = Number.POSITIVE_INFINITY) {
    if (perPeer < 1 || Number.isNaN(perPeer)) {
      throw outOfRange(`messagesPerPeer is a number from 1 on, not ${perPeer}.`);
    }
    this.#name = name;
    this.handler = handler;
    this.#perPeer = perPeer;
  }

  /** One more for this member. Returns how to say that it is answered. Throws "overloaded". */
  enter(id: MemberId): () => void {
    if (this.#perPeer === Number.POSITIVE_INFINITY) return nothing;
    const before = this.#running.get(id) ?? 0;
    if (before >= this.#perPeer) {
      const text = `${this.#perPeer} messages for the service ${nameShown(this.#name)} are being answered, the most for one member.`;
      throw new FirefliesError("overloaded", text, { advice: "Await some first." });
    }
    this.#running.set(id, before + 1);
    return () => {
      const left = (this.#running.get(id) ?? 0) - 1;
      if (left > 0) this.#running.set(id, left);
      else this.#running.delete(id);
    };
  }
}

function nothing(): void {}
