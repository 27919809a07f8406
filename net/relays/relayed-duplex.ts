/** A connection through relays, as its ends have it: bytes over a duplex of messages, behind the messages that opened it. */
import { Duplex } from "node:stream";
import type { Address } from "../address.js";
import { release } from "../session/release.js";
import type { ByteDuplex } from "../session/session.js";
import { RELAY_CHUNK_BYTES_MAX } from "./limits.js";

/** Looks at the first message that comes, which is no part of the bytes. Returns why the connection is none. */
export type First = (message: Uint8Array) => Error | undefined;

export interface RelayedOptions {
  /** Where it leads to, or came from, with all relays on the way. */
  readonly address: Address;
  /** Undefined: the first message is bytes already. */
  readonly first?: First | undefined;
  /** It is given up before a byte of the other end has come: takes the duplex below, to end it. */
  readonly unheard?: ((below: ByteDuplex, isOpen: boolean) => void) | undefined;
  /** What the loss of the way is to those who use the connection. */
  readonly lost: (cause: Error | null) => Error;
}

export class RelayedDuplex extends Duplex {
  /** As `Reached` says: it may lead by another way than was asked for. */
  readonly reached: Address;
  /** What it brings are messages of a session, which nobody else has (session/roomy.ts). */
  readonly ownsMessages = true;
  /** Bytes of both directions so far. */
  carried = 0;
  readonly #below: ByteDuplex;
  readonly #lost: RelayedOptions["lost"];
  #first: First | undefined;
  #unheard: RelayedOptions["unheard"];

  constructor(below: ByteDuplex, { address, first, unheard, lost }: RelayedOptions) {
    super({ highWaterMark: RELAY_CHUNK_BYTES_MAX });
    this.reached = address;
    this.#below = below;
    this.#lost = lost;
    this.#first = first;
    this.#unheard = unheard;
    this.on("error", () => {}); // As of every connection: "close" follows.
    below.on("data", this.#onMessage);
    below.once("end", () => this.#onEnd());
    below.once("close", () => this.destroy(this.#isOver ? undefined : lost(below.errored)));
    if (below.destroyed) this.destroy(lost(below.errored));
  }

  override _read(): void {
    this.#below.resume();
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error | null) => void): void {
    this.#send([chunk], done);
  }

  override _writev(chunks: readonly { readonly chunk: Uint8Array }[], done: (error?: Error | null) => void): void {
    this.#send(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  /** The end is on its way; that the other end has it is nothing that a socket waits for. */
  override _final(done: () => void): void {
    this.#below.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#below.off("data", this.#onMessage);
    if (this.#unheard !== undefined && !this.#below.destroyed) this.#unheard(this.#below, this.#first === undefined);
    else if (!this.#isOver) this.#below.destroy();
    done(error);
  }

  /** Both directions have ended in order; the last acknowledgement may be on its way. */
  get #isOver(): boolean {
    return this.#below.readableEnded && this.#below.writableEnded;
  }

  readonly #onMessage = (message: Uint8Array): void => {
    const first = this.#first;
    this.#first = undefined;
    if (first !== undefined) {
      const problem = first(message);
      if (problem === undefined) return;
      this.#unheard = undefined;
      this.destroy(problem);
      return;
    }
    this.#unheard = undefined;
    this.carried += message.length;
    if (!this.push(message)) this.#below.pause();
  };

  #onEnd(): void {
    if (this.#first === undefined) this.push(null);
    else this.destroy(this.#lost(null));
  }

  #send(chunks: readonly Uint8Array[], done: (error?: Error | null) => void): void {
    const messages = messagesOf(chunks);
    const last = messages.pop() ?? new Uint8Array(0);
    this.#below.cork();
    for (const message of messages) this.#write(message, chunks);
    this.#write(last, chunks, done);
    this.#below.uncork();
  }

  #write(message: Uint8Array, given: readonly Uint8Array[], done?: (error?: Error | null) => void): void {
    const isMine = !given.includes(message);
    this.carried += message.length;
    this.#below.write(message, (error) => {
      done?.(error);
      if (isMine && !error) release(message as Uint8Array<ArrayBuffer>);
    });
  }
}

/**
 * Messages of at most RELAY_CHUNK_BYTES_MAX. TLS writes records of 16 KiB; a message of several of them costs each relay on the
 * way as much as one of a single record does.
 */
export function messagesOf(chunks: readonly Uint8Array[]): Uint8Array[] {
  const messages: Uint8Array[] = [];
  let [row, bytes] = [[] as Uint8Array[], 0];
  const flush = () => {
    if (row.length > 0) messages.push(row.length === 1 ? row[0]! : Buffer.concat(row, bytes));
    [row, bytes] = [[], 0];
  };
  for (const part of chunks.flatMap(inParts)) {
    if (bytes + part.length > RELAY_CHUNK_BYTES_MAX) flush();
    row.push(part);
    bytes += part.length;
  }
  flush();
  return messages;
}

function inParts(chunk: Uint8Array): Uint8Array[] {
  if (chunk.length <= RELAY_CHUNK_BYTES_MAX) return [chunk];
  const parts: Uint8Array[] = [];
  for (let at = 0; at < chunk.length; at += RELAY_CHUNK_BYTES_MAX)
    parts.push(chunk.subarray(at, at + RELAY_CHUNK_BYTES_MAX));
  return parts;
}
