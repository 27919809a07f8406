/** What one end has written and the other one has not acknowledged: kept to be sent again over another connection. */
import type { Progress } from "./codec.js";
import { MESSAGE_WEIGHT, WINDOW } from "./limits.js";

export class Unacknowledged {
  #pieces: Uint8Array[] = [];
  /** The number of the first of them. */
  #first = 0;
  /** Of all that was ever written. */
  #weight = 0;
  #taken = 0;

  /** Has the other end all up to this number? */
  isAcknowledged(number: number): boolean {
    return number < this.#first;
  }

  /** The number that the next piece gets. */
  get next(): number {
    return this.#first + this.#pieces.length;
  }

  /** The other end's reader is far behind: nothing more is to be written now. */
  get isFull(): boolean {
    return this.#weight - this.#taken >= WINDOW;
  }

  add(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#weight += weightOf(piece.length - 1);
  }

  at(number: number): Uint8Array | undefined {
    return this.#pieces[number - this.#first];
  }

  /** False for what the other end cannot have. What it said before may come late. */
  acknowledge({ received, taken }: Progress): boolean {
    if (received > this.next || taken > this.#weight) return false;
    this.#taken = Math.max(this.#taken, taken);
    if (received > this.#first) {
      this.#pieces = this.#pieces.slice(received - this.#first);
      this.#first = received;
    }
    return true;
  }

  /** Can what follows be sent again? Not before what the other end has acknowledged once. */
  has(number: number): boolean {
    return number >= this.#first && number <= this.next;
  }

  clear(): void {
    this.#pieces = [];
  }
}

/** Of a message of so many bytes. */
export function weightOf(bytes: number): number {
  return bytes + MESSAGE_WEIGHT;
}
