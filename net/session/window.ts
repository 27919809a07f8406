/**
 * How much all streams of a session together may have on the way to this end. Node's HTTP/2 stops reading while a write of
 * its own waits for room, so two ends that fill the path at the same time would wait for each other for ever. What one may
 * send unasked must therefore fit into the buffers between: HTTP/2's first 64 KiB do, and they grow here as the kernel's
 * grow, by what was really read. A path of JavaScript has room for the largest window (roomy.ts).
 */
import type { Http2Session } from "node:http2";
import { WINDOW_BYTES } from "./limits.js";

/** RFC 9113, section 6.9.2: the window of a new connection, in bytes. */
const FIRST_WINDOW_BYTES = 65_535;

export class ReceiveWindow {
  readonly #http2: Pick<Http2Session, "setLocalWindowSize">;
  #size = FIRST_WINDOW_BYTES;
  #received = 0;

  constructor(http2: Pick<Http2Session, "setLocalWindowSize">) {
    this.#http2 = http2;
  }

  /** Twice as large each time that one has come in full. */
  received(count: number): void {
    if (this.#size >= WINDOW_BYTES) return;
    this.#received += count;
    if (this.#received < this.#size) return;
    this.#received = 0;
    this.#size = Math.min(this.#size * 2, WINDOW_BYTES);
    this.#http2.setLocalWindowSize(this.#size);
  }
}
