/**
 * What this member and another say to each other of topics: packets both ways, on a duplex that either may open, kept while it
 * is used. What waits is bounded; what leaves in one turn leaves in one write.
 */
import { FirefliesError } from "../../identity/index.js";
import { type ByteDuplex, handedOut, type Session } from "../../net/index.js";
import { FrameCutter } from "../../topics/index.js";
import { TOPICS } from "../protocols.js";

/** Bytes that wait for a member that does not read; what comes then is dropped, and pulled later by who misses it. */
const WAITING_BYTES_MAX = 8 * 1024 * 1024;
/** Bytes of frames that are copied into one message; longer ones go alone, as a copy would cost more than a write. */
const JOINED_BYTES_MAX = 32 * 1024;
/**
 * Duplexes that a member may have open here. Each side opens one, and both may still be closing those of an earlier session.
 * Each may hold a packet that has not come whole.
 */
const DUPLEXES_MAX = 4;
/** Milliseconds for the other side to take what waits and to end, when this one finishes: then it is cut. */
const FINISH_MS = 5_000;
/** Of these, for a way to a side to which none is open: it may be gone, as this one will be. */
const FINISH_REACH_MS = 500;

export interface LineOptions {
  /** Rejects with a FirefliesError. */
  readonly reach: () => Promise<Session>;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly received: (packets: readonly Uint8Array[]) => void;
  /** Something of what was sent was dropped, or may be. */
  readonly lost: () => void;
}

export class Line {
  readonly #options: LineOptions;
  readonly #duplexes = new Set<ByteDuplex>();
  /** What is written to. */
  #duplex: ByteDuplex | undefined;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #isFlushing = false;
  #isReaching = false;
  #isClosed = false;
  /** Nothing more is said than what waits; told when nothing does. */
  #onEmpty: (() => void) | undefined;
  #usedAt: number;

  constructor(options: LineOptions) {
    this.#options = options;
    this.#usedAt = options.now();
  }

  /** Nothing is open, and nothing waits. */
  get isIdle(): boolean {
    return this.#duplexes.size === 0 && this.#waitingBytes === 0;
  }

  /** Monotonic milliseconds: when something was last said, by either side. */
  get usedAt(): number {
    return this.#usedAt;
  }

  /** Bytes that wait here for the other side. */
  get waitingBytes(): number {
    return this.#waitingBytes + (this.#duplex?.writableLength ?? 0);
  }

  /** With this turn's others. False when it was dropped. */
  send(frame: Uint8Array): boolean {
    if (this.#isClosed || this.#onEmpty !== undefined || this.waitingBytes >= WAITING_BYTES_MAX) return false;
    this.#waiting.push(frame);
    this.#waitingBytes += frame.length;
    if (!this.#isFlushing) {
      this.#isFlushing = true;
      process.nextTick(() => this.#flush());
    }
    return true;
  }

  /** The other side has opened one. */
  accept(duplex: ByteDuplex): void {
    if (this.#isClosed) duplex.destroy(new FirefliesError("member-stopping"));
    else this.#use(duplex);
    for (const older of this.#duplexes) {
      if (this.#duplexes.size <= DUPLEXES_MAX) return;
      if (older !== this.#duplex) older.destroy(new FirefliesError("overloaded"));
      if (older !== this.#duplex) this.#duplexes.delete(older);
    }
  }

  /** Ends what is open in order, and opens another one when there is something to say. */
  rest(): void {
    this.#duplex = undefined;
    for (const duplex of this.#duplexes) duplex.end();
  }

  /** Sends what waits, and ends. Resolves when the other side has it, or is gone; what it does not take in time is cut. */
  async finish(): Promise<void> {
    await this.#emptied();
    this.#isClosed = true;
    await Promise.all([...this.#duplexes].map(ended));
  }

  /** What waits for a way, or for the other side to read, has been written or given up. */
  async #emptied(): Promise<void> {
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    this.#flush();
    if (this.#waiting.length === 0) return;
    const late = setTimeout(() => this.#drop(), this.#duplex === undefined ? FINISH_REACH_MS : FINISH_MS);
    await empty;
    clearTimeout(late);
  }

  /** At once. */
  close(error: FirefliesError): void {
    this.#isClosed = true;
    this.#drop();
    for (const duplex of [...this.#duplexes]) duplex.destroy(error);
  }

  #flush(): void {
    this.#isFlushing = false;
    if (this.#waiting.length === 0 || this.#isClosed) return;
    const duplex = this.#duplex;
    if (duplex === undefined) void this.#reach();
    else if (!duplex.writableNeedDrain) this.#write(duplex);
  }

  #write(duplex: ByteDuplex): void {
    const messages = joined(this.#waiting);
    this.#drop();
    this.#usedAt = this.#options.now();
    if (messages.length > 1) duplex.cork();
    for (const message of messages) duplex.write(message);
    if (messages.length > 1) duplex.uncork();
  }

  #drop(): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#onEmpty?.();
  }

  async #reach(): Promise<void> {
    if (this.#isReaching) return;
    this.#isReaching = true;
    try {
      const session = await this.#options.reach();
      this.#isReaching = false;
      if (this.#duplex === undefined && !this.#isClosed) this.#open(session);
      this.#flush();
    } catch {
      this.#isReaching = false;
      if (this.#duplex === undefined) this.#fail();
      else this.#flush(); // The other side was quicker.
    }
  }

  #fail(): void {
    this.#drop();
    this.#options.lost();
  }

  #open(session: Session): void {
    const duplex = session.open(TOPICS);
    const unwatch = session.onSuperseded(() => {
      if (this.#duplex === duplex) this.#duplex = undefined;
      duplex.end();
    });
    duplex.once("close", unwatch);
    this.#use(duplex);
  }

  #use(duplex: ByteDuplex): void {
    const cutter = new FrameCutter();
    this.#duplexes.add(duplex);
    this.#duplex ??= duplex;
    duplex.on("data", (message: Uint8Array) => this.#read(duplex, cutter.push(message)));
    duplex.on("drain", () => this.#flush());
    duplex.on("end", () => {
      if (this.#duplex === duplex) this.#duplex = undefined;
      duplex.end();
    });
    let failure: Error | undefined;
    duplex.on("error", (error: Error) => {
      failure = error;
    });
    duplex.on("close", () => this.#closed(duplex, failure));
  }

  #read(duplex: ByteDuplex, packets: readonly Uint8Array[] | undefined): void {
    this.#usedAt = this.#options.now();
    if (packets === undefined) duplex.destroy(new FirefliesError("bad-frame"));
    else if (packets.length > 0) this.#options.received(packets);
  }

  #closed(duplex: ByteDuplex, failure: Error | undefined): void {
    this.#duplexes.delete(duplex);
    if (this.#duplex === duplex) this.#duplex = this.#duplexes.values().next().value;
    if (this.#isClosed) return;
    if (failure !== undefined) this.#options.lost();
    this.#flush();
  }
}

/** Small frames that follow each other in one message. */
function joined(frames: readonly Uint8Array[]): Uint8Array[] {
  if (frames.length === 1) return [frames[0]!];
  const messages: Uint8Array[] = [];
  let small: Uint8Array[] = [];
  let bytes = 0;
  const close = () => {
    if (small.length === 1) messages.push(small[0]!);
    else if (small.length > 1) {
      messages.push(Buffer.concat(small, bytes));
      handedOut(bytes);
    }
    small = [];
    bytes = 0;
  };
  for (const frame of frames) {
    if (bytes + frame.length > JOINED_BYTES_MAX) close();
    small.push(frame);
    bytes += frame.length;
  }
  close();
  return messages;
}

function ended(duplex: ByteDuplex): Promise<void> {
  if (duplex.closed) return Promise.resolve();
  return new Promise((resolve) => {
    const late = setTimeout(() => duplex.destroy(new FirefliesError("timeout")), FINISH_MS);
    duplex.once("close", () => {
      clearTimeout(late);
      resolve();
    });
    duplex.end();
  });
}
