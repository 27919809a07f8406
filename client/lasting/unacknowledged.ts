/** What one end has written and the other one has not acknowledged: kept to be sent again over another connection. */
import type { Progress } from "./codec.js";
import { MESSAGE_WEIGHT, WINDOW, WINDOW_CROWDED } from "./limits.js";

export class Unacknowledged {
  #pieces: Uint8Array[] = [];
  /** The number of the first of them. */
  #first = 0;
  /** Of all that was ever written. */
  #weight = 0;
  #taken = 0;
  #held = 0;

  /** Of what is kept here. */
  get weight(): number {
    return this.#held;
  }

  /** Has the other end all up to this number? */
  isAcknowledged(number: number): boolean {
    return number < this.#first;
  }

  /** The number that the next piece gets. */
  get next(): number {
    return this.#first + this.#pieces.length;
  }

  /** The other end's reader is far behind: nothing more is to be written now. Where many hold much, each may hold less. */
  isFull(isCrowded: boolean): boolean {
    return this.#weight - this.#taken >= (isCrowded ? WINDOW_CROWDED : WINDOW);
  }

  add(piece: Uint8Array): void {
    this.#pieces.push(piece);
    const weight = weightOf(piece.length - 1);
    this.#weight += weight;
    this.#held += weight;
  }

  at(number: number): Uint8Array | undefined {
    return this.#pieces[number - this.#first];
  }

  /** False for what the other end cannot have. What it said before may come late. */
  acknowledge({ received, taken }: Progress): boolean {
    if (received > this.next || taken > this.#weight) return false;
    this.#taken = Math.max(this.#taken, taken);
    if (received > this.#first) {
      for (const piece of this.#pieces.splice(0, received - this.#first)) this.#held -= weightOf(piece.length - 1);
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
    this.#held = 0;
  }
}

/** Of a message of so many bytes. */
export function weightOf(bytes: number): number {
  return bytes + MESSAGE_WEIGHT;
}
