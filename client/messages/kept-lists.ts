/**
 * The lists of frames that waiting requests of one link keep, so that each can be proven when its turn comes. A frame
 * may have a long list for a single request, so their bytes are bounded.
 */
import type { SignedFrame } from "./proof.js";

/** Per link. A request alone in its frame keeps 140 bytes; sixty-four of the longest lists fit. */
const KEPT_LISTS_BYTES_MAX = 2 * 1024 * 1024;

export class KeptLists {
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** Once for each request; false when there is no room for the list. Exactly one `release` must follow a true answer. */
  keep(frame: SignedFrame): boolean {
    if (frame.keepers === 0) {
      if (this.#bytes + frame.list.length > KEPT_LISTS_BYTES_MAX) return false;
      this.#bytes += frame.list.length;
    }
    frame.keepers += 1;
    return true;
  }

  release(frame: SignedFrame): void {
    frame.keepers -= 1;
    if (frame.keepers === 0) this.#bytes -= frame.list.length;
  }
}
