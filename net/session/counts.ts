/** How many calls and duplexes of each protocol every member has open here, over all its sessions. */
import type { MemberId } from "../../rings/index.js";

export class Counts {
  /** By protocol and member. */
  readonly #open = new Map<string, number>();

  /** Counts one that begins; returns how to say that it is over, or undefined when there are too many. */
  enter(member: MemberId, protocol: string, max: number): (() => void) | undefined {
    const key = `${protocol} ${member}`;
    const open = this.#open.get(key) ?? 0;
    if (open >= max) return undefined;
    this.#open.set(key, open + 1);
    let isOver = false;
    return () => {
      if (!isOver) this.#leave(key);
      isOver = true;
    };
  }

  #leave(key: string): void {
    const open = (this.#open.get(key) ?? 0) - 1;
    if (open > 0) this.#open.set(key, open);
    else this.#open.delete(key);
  }
}
