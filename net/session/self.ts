/**
 * A session of a member with itself: what is begun on it goes to the protocols that are registered here, with the same pieces
 * as over a wire, and without one. Each piece is handed over in a later turn, so that nobody is called back within its own call.
 */
import { FirefliesError, type MemberCertificate } from "../../identity/index.js";
import { onAbort } from "../abort.js";
import { type Deadline, withDeadline } from "../deadline.js";
import type { Channel, ChannelEvents } from "./channel.js";
import { failedDuplex, SessionDuplex } from "./duplex.js";
import type { InboxEvents } from "./inbox.js";
import type { Path } from "./path.js";
import { decodePiece, END_IN_ORDER, encodeData, PREFIX_BYTES } from "./pieces.js";
import type { Protocols } from "./protocol.js";
import type { ByteDuplex, Ending, OpenOptions, Session } from "./session.js";
import { errorText } from "./status.js";

export interface SelfSessionOptions {
  readonly protocols: Protocols;
  /** Mine, the newest. */
  readonly certificate: () => MemberCertificate;
}

export class SelfSession implements Session {
  readonly path: Path = {
    kind: "direct",
    direction: "dialled",
    address: { scheme: "self", host: "localhost", port: 0 },
  };
  readonly bytesRead = 0;
  readonly roundTripMs = 0;
  readonly isDoubtful = false;
  readonly #options: SelfSessionOptions;
  readonly #open = new Set<SessionDuplex>();
  readonly #listeners = new Set<(reason: FirefliesError, ending: Ending) => void>();
  #loss: FirefliesError | undefined;

  constructor(options: SelfSessionOptions) {
    this.#options = options;
  }

  get peer(): MemberCertificate {
    return this.#options.certificate();
  }

  get closed(): boolean {
    return this.#loss !== undefined;
  }

  get active(): number {
    return this.#open.size;
  }

  async call(id: string, body: Uint8Array, options: Deadline): Promise<Uint8Array> {
    const protocol = this.#options.protocols.get(id);
    if (protocol?.kind !== "call") throw new FirefliesError("protocol-unknown");
    return await withDeadline(options, (signal) => protocol.onCall(this.peer, body, signal, this.path));
  }

  open(id: string, { signal, name = "", trace = "" }: OpenOptions = {}): ByteDuplex {
    const protocol = this.#options.protocols.get(id);
    if (protocol?.kind !== "duplex") return failedDuplex(new FirefliesError("protocol-unknown"));
    if (signal?.aborted) return failedDuplex(new FirefliesError("cancelled"));
    if (this.#loss !== undefined) return failedDuplex(this.#loss);
    const [mine, theirs] = this.#pair(protocol.limits.bytesMax);
    const unwatch = onAbort(signal, () => mine.destroy(new FirefliesError("cancelled")));
    mine.once("close", unwatch);
    setImmediate(() => {
      if (theirs.destroyed) return;
      try {
        protocol.onDuplex(this.peer, theirs, this.path, name, trace);
        mine.onAccepted();
      } catch (error) {
        theirs.destroy(new FirefliesError("handler-failed", errorText(error) || undefined));
      }
    });
    return mine;
  }

  close(error = new FirefliesError("link-closed")): void {
    if (this.#loss !== undefined) return;
    this.#loss = error;
    for (const duplex of [...this.#open]) duplex.lose(error);
    for (const listener of this.#listeners) listener(error, "closed");
  }

  onClose(listener: (reason: FirefliesError, ending: Ending) => void): () => void {
    if (this.#loss !== undefined) listener(this.#loss, "closed");
    else this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  onReady(listener: () => void): void {
    listener();
  }

  supersede(): void {} // There is no other one.

  onSuperseded(): () => void {
    return () => {};
  }

  #pair(bytesMax: number): [SessionDuplex, SessionDuplex] {
    const [here, there] = [new SelfChannel(), new SelfChannel()];
    here.other = there;
    there.other = here;
    const ends: [SessionDuplex, SessionDuplex] = [
      new SessionDuplex(bytesMax, false),
      new SessionDuplex(bytesMax, true),
    ];
    ends[0].attach(here);
    ends[1].attach(there);
    for (const end of ends) {
      this.#open.add(end);
      end.once("close", () => this.#open.delete(end));
    }
    return ends;
  }
}

interface Sent {
  readonly message: Buffer;
  readonly taken: () => void;
}

/** One end of a channel without a wire. Its writer may be ahead by what a duplex allows (limits.ts), so what waits is bounded. */
class SelfChannel implements Pick<Channel, Exclude<keyof Channel, keyof InboxEvents>> {
  other!: SelfChannel;
  #events: ChannelEvents | undefined;
  #waiting: Sent[] = [];
  #isWanted = true;
  #isHandingOut = false;
  #isDone = false;

  get isOpen(): boolean {
    return !this.#isDone;
  }

  use(events: ChannelEvents): void {
    this.#events = events;
  }

  limit(): void {}

  write(message: Buffer, sent = () => {}): void {
    if (!this.#isDone) this.other.#arrived({ message, taken: sent });
  }

  writeAll(messages: readonly Buffer[], sent = () => {}): void {
    for (const message of messages.slice(0, -1)) this.write(message);
    this.write(messages.at(-1)!, sent);
  }

  answer(messages: readonly Buffer[], sent = () => {}): void {
    this.writeAll(messages, sent);
  }

  writeData(chunks: readonly Uint8Array[], sent: () => void): void {
    for (const chunk of chunks.slice(0, -1)) this.write(encodeData(chunk));
    this.write(encodeData(chunks.at(-1)!), sent);
  }

  close(done: () => void): void {
    this.write(END_IN_ORDER, done);
  }

  end(): void {
    this.#isDone = true;
  }

  reset(error: FirefliesError): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#waiting = [];
    setImmediate(() => this.other.gone(error));
  }

  lose(error: FirefliesError): void {
    this.gone(error);
  }

  giveUp(error: FirefliesError): void {
    this.gone(error);
  }

  resume(): void {
    this.#isWanted = true;
    this.#handOut();
  }

  gone(error: FirefliesError): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#waiting = [];
    this.#events?.onGone(error);
  }

  #arrived(sent: Sent): void {
    if (this.#isDone) return;
    this.#waiting.push(sent);
    this.#handOut();
  }

  #handOut(): void {
    if (this.#isHandingOut || !this.#isWanted || this.#waiting.length === 0) return;
    this.#isHandingOut = true;
    setImmediate(() => {
      this.#isHandingOut = false;
      while (this.#isWanted && !this.#isDone) {
        const next = this.#waiting.shift();
        if (next === undefined) return;
        this.#isWanted = this.#events?.onPiece(decodePiece(next.message.subarray(PREFIX_BYTES))) ?? true;
        next.taken();
      }
    });
  }
}
