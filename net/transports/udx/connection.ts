/**
 * A connection over reliable UDP, as a Duplex. Below it runs one lane at a time; when the other end is found at another
 * address, a second lane begins there, and both ends go on over it from the byte that the other one has. The library's own
 * way (`changeRemote`) sends again to the old address what was under way, and loses the stream when that one is dead.
 */
import { Duplex } from "node:stream";
import type { HostPort } from "../../address.js";
import { endFrame, fromFrame, windowFrame } from "./frames.js";
import { Inbox } from "./inbox.js";
import type { ConnectionKeys } from "./keys.js";
import type { Lane, LaneSink } from "./lane.js";
import { BUSY_MS, LINGER_MS, MOVE_MS } from "./limits.js";
import { Outbox } from "./outbox.js";

/** Bytes that either direction holds here beside its window. */
const BUFFER_BYTES = 64 * 1024;

type Done = (error?: Error | null) => void;

export interface ConnectionOptions {
  readonly keys: ConnectionKeys;
  readonly remote: HostPort;
  /** It has been cut: the other end is to hear of it. */
  readonly onCut: (connection: Connection) => void;
  /** Nothing of it is left. */
  readonly onOver: (connection: Connection) => void;
}

export class Connection extends Duplex implements LaneSink {
  /** As sockets count. */
  bytesRead = 0;
  readonly keys: ConnectionKeys;
  /** Where the other end was last proven to be. */
  remote: HostPort;
  readonly #options: ConnectionOptions;
  readonly #outbox = new Outbox();
  readonly #inbox = new Inbox();
  #lane: Lane | undefined;
  /** The one that will take over. */
  #next: Lane | undefined;
  /** Those whose last bytes may still come. */
  readonly #old = new Set<Lane>();
  #moving: NodeJS.Timeout | undefined;
  #lingering: NodeJS.Timeout | undefined;
  #written: Done | undefined;
  #ended: Done | undefined;
  #isEnding = false;
  #endSent = false;
  #endReceived = false;
  #isFlushing = false;
  #isOver = false;
  #isConfirmed = false;
  #usedAt = performance.now();
  #moves = 0;

  constructor(options: ConnectionOptions) {
    super({ highWaterMark: BUFFER_BYTES });
    this.#options = options;
    this.keys = options.keys;
    this.remote = options.remote;
    this.on("error", () => {}); // As of every connection: "close" follows.
  }

  /** How often it went on over another lane. */
  get moves(): number {
    return this.#moves;
  }

  /** Milliseconds, smoothed; 0 until there is a measure. */
  get rttMs(): number {
    return this.#lane?.rttMs ?? 0;
  }

  /** Something has passed not long ago, or is under way. */
  isBusy(now: number): boolean {
    return this.#outbox.isAwaiting || this.#next !== undefined || now - this.#usedAt < BUSY_MS;
  }

  /** The other end is there, and has answered what this end said. */
  get isConfirmed(): boolean {
    return this.#isConfirmed || (this.#lane?.bytesReceived ?? 0) > 0;
  }

  confirm(): void {
    this.#isConfirmed = true;
  }

  get lane(): Lane | undefined {
    return this.#lane;
  }

  /** The first lane: both ends begin with the first byte. */
  begin(lane: Lane): void {
    lane.isJoined = true;
    this.#lane = lane;
  }

  /** Another lane, to where `remote` is now. It takes over once the other end has spoken on it. */
  moveTo(lane: Lane): void {
    if (this.#isOver || lane.isClosed) {
      lane.destroy();
      return;
    }
    this.#next?.destroy();
    this.#next = lane;
    clearTimeout(this.#moving);
    this.#moving = setTimeout(() => this.#abandonMove(lane), MOVE_MS);
    lane.write(windowFrame(...this.#inbox.word()));
  }

  /** Nothing more is waited for: what was sent in order may be lost. */
  giveUp(): void {
    this.#drop();
  }

  get isMoving(): boolean {
    return this.#next !== undefined;
  }

  /** Now and then: what the other end should hear though little has passed; and whether it floods us. */
  look(): void {
    if (this.#isOver) return;
    if ([this.#lane, this.#next].some((lane) => lane?.isDisorderly))
      this.destroy(broken("The other side sent more than it may."));
    else this.#tell(true);
    this.#lane?.look();
  }

  override _write(chunk: Uint8Array, _encoding: string, done: Done): void {
    this.#outbox.put(chunk);
    this.#written = done;
    this.#pump();
  }

  override _writev(chunks: readonly { readonly chunk: Uint8Array }[], done: Done): void {
    for (const { chunk } of chunks) this.#outbox.put(chunk);
    this.#written = done;
    this.#pump();
  }

  override _final(done: Done): void {
    this.#isEnding = true;
    this.#ended = done;
    this.#pump();
  }

  override _read(): void {
    this.#tell();
  }

  override _destroy(error: Error | null, done: Done): void {
    const inOrder = error === null && this.readableEnded && this.writableFinished;
    if (!inOrder) this.#cut();
    done(error);
  }

  onData(lane: Lane, bytes: Uint8Array, offset: number): void {
    if (this.destroyed || !this.#isOurs(lane)) return;
    this.#usedAt = performance.now();
    const isAllowed = offset <= this.#inbox.received && !this.#endReceived && this.#inbox.add(bytes, offset);
    const isRepeated = this.#endReceived && offset + bytes.length <= this.#inbox.received;
    if (!isAllowed && !isRepeated) this.destroy(broken("The other side sent more than it may."));
    else this.#flushSoon();
  }

  onEnd(lane: Lane): void {
    if (this.destroyed || !this.#isOurs(lane) || this.#endReceived) return;
    this.#endReceived = true;
    this.#flushSoon();
    this.#finishMaybe();
  }

  onWindow(lane: Lane, received: number, limit: number): void {
    if (!this.#isOurs(lane) || this.#isOver) return;
    if (!this.#outbox.told(received, limit)) return void this.destroy(broken("The other side has more than was sent."));
    if (!lane.isJoined) this.#join(lane);
    this.#pump();
  }

  onFrom(lane: Lane): void {
    if (lane !== this.#lane) return;
    // What came over the others is in order up to here, and all else comes over this one.
    for (const old of this.#old) old.destroy();
    this.#old.clear();
  }

  onRoom(lane: Lane): void {
    if (lane === this.#lane) this.#pump();
  }

  onClosed(lane: Lane, error: Error | undefined): void {
    this.#old.delete(lane);
    if (lane === this.#next) this.#next = undefined;
    else if (lane !== this.#lane) return;
    // Dead, and perhaps the other one will live.
    if (this.#next !== undefined || this.#lane?.isClosed === false) return;
    this.#finish(error ?? cutError());
  }

  #isOurs(lane: Lane): boolean {
    return lane === this.#lane || lane === this.#next || this.#old.has(lane);
  }

  #join(lane: Lane): void {
    if (lane !== this.#next) return;
    clearTimeout(this.#moving);
    if (this.#lane?.isClosed === false) this.#old.add(this.#lane);
    lane.isJoined = true;
    this.#lane = lane;
    this.#next = undefined;
    this.#moves++;
    lane.write(fromFrame(this.#outbox.resume()));
    this.#endSent = false;
  }

  #abandonMove(lane: Lane): void {
    if (this.#next === lane) lane.destroy();
  }

  /** Sends what may be sent now. */
  #pump(): void {
    const lane = this.#lane;
    if (lane === undefined || lane.isClosed || this.#isOver) return;
    for (let frame = nextFor(lane, this.#outbox); frame; frame = nextFor(lane, this.#outbox)) {
      this.#usedAt = performance.now();
      lane.write(frame);
    }
    if (this.#outbox.isDrained) called(this.#written, () => (this.#written = undefined));
    if (this.#isEnding && this.#outbox.isSent && !this.#endSent) this.#sendEnd(lane);
  }

  #sendEnd(lane: Lane): void {
    this.#endSent = true;
    lane.write(endFrame());
    called(this.#ended, () => (this.#ended = undefined));
    this.#finishMaybe();
  }

  /** One piece for all that came in one turn of the event loop, and never within a write. */
  #flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    setImmediate(() => {
      this.#isFlushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    for (const piece of this.#inbox.take()) {
      this.bytesRead += piece.length;
      if (!this.destroyed) this.push(piece);
    }
    if (this.destroyed) return;
    if (this.#endReceived) this.push(null);
    else this.#tell();
  }

  #tell(anyhow = false): void {
    const lane = this.#lane;
    if (lane === undefined || lane.isClosed || this.destroyed || this.#endReceived) return;
    const news = this.#inbox.news(this.readableLength, anyhow);
    if (news !== undefined) lane.write(windowFrame(...news));
  }

  #finishMaybe(): void {
    if (!this.#endSent || !this.#endReceived || this.#lingering !== undefined) return;
    this.#lingering = setTimeout(() => this.#drop(), LINGER_MS);
    this.#lane?.end();
  }

  /** No lane is left. */
  #finish(error: Error): void {
    const isInOrder = this.#endSent && this.#endReceived;
    this.#end();
    if (!isInOrder) this.destroy(error);
  }

  #cut(): void {
    if (this.#isOver) return;
    this.#options.onCut(this);
    this.#drop();
  }

  #drop(): void {
    const lanes = [this.#lane, this.#next, ...this.#old];
    this.#end();
    for (const lane of lanes) lane?.destroy();
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#moving);
    clearTimeout(this.#lingering);
    this.#options.onOver(this);
  }
}

function nextFor(lane: Lane, outbox: Outbox): Uint8Array | undefined {
  return lane.isFull || lane.isClosed ? undefined : outbox.next();
}

function called(done: Done | undefined, forget: () => void): void {
  if (done === undefined) return;
  forget();
  done();
}

function broken(text: string): Error {
  return Object.assign(new Error(text), { code: "EPROTO" });
}

/** As TCP reports a reset. */
function cutError(): Error {
  return Object.assign(new Error("The other side cut the connection."), { code: "ECONNRESET" });
}
