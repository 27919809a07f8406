/** The lines to all members with whom this one speaks of topics: made when they are needed, ended when nothing is said any more. */
import { FirefliesError } from "../../identity/index.js";
import type { ByteDuplex, Session } from "../../net/index.js";
import type { MemberId } from "../../rings/index.js";
import { Line } from "./line.js";

/** A line on which nothing was said for so long is ended, milliseconds: to open one again costs as much as a small message. */
const IDLE_MS = 60_000;

export interface LinesOptions {
  /** A session with a member of the view. Rejects with a FirefliesError. */
  readonly reach: (to: MemberId) => Promise<Session>;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly received: (from: MemberId, packets: readonly Uint8Array[]) => void;
  /** Something that was sent there was dropped, or may be. */
  readonly lost: (to: MemberId) => void;
}

export class Lines {
  readonly #options: LinesOptions;
  readonly #lines = new Map<MemberId, Line>();
  #isClosed = false;

  constructor(options: LinesOptions) {
    this.#options = options;
  }

  /** Bytes that wait for members that do not read. */
  get waitingBytes(): number {
    let bytes = 0;
    for (const line of this.#lines.values()) bytes += line.waitingBytes;
    return bytes;
  }

  send(to: MemberId, frame: Uint8Array): void {
    if (!this.#lineTo(to).send(frame)) this.#options.lost(to);
  }

  accept(from: MemberId, duplex: ByteDuplex): void {
    this.#lineTo(from).accept(duplex);
  }

  /** It has left the view. */
  drop(id: MemberId): void {
    const line = this.#lines.get(id);
    this.#lines.delete(id);
    line?.close(new FirefliesError("peer-removed"));
  }

  /** To be called about once a second. */
  tidy(): void {
    const before = this.#options.now() - IDLE_MS;
    for (const [id, line] of this.#lines) {
      if (line.isIdle) this.#lines.delete(id);
      else if (line.usedAt < before) line.rest();
    }
  }

  /** Sends what waits, and ends all. Resolves when the others have it, or are gone. */
  async finish(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#lines.values()].map((line) => line.finish()));
  }

  close(error: FirefliesError): void {
    this.#isClosed = true;
    for (const line of this.#lines.values()) line.close(error);
    this.#lines.clear();
  }

  #lineTo(id: MemberId): Line {
    const known = this.#lines.get(id);
    if (known !== undefined) return known;
    const { reach, now, received, lost } = this.#options;
    const line = new Line({
      ...{ now, reach: () => reach(id) },
      received: (packets) => received(id, packets),
      // A line that was dropped tells nothing any more.
      lost: () => this.#lines.get(id) === line && lost(id),
    });
    if (this.#isClosed) line.close(new FirefliesError("member-stopping"));
    else this.#lines.set(id, line);
    return line;
  }
}
