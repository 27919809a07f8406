/** What an end begins: calls and duplexes, straight from the end that dialled, by spare calls from the one that accepted. */
import { type ClientHttp2Session, type ClientHttp2Stream, constants } from "node:http2";
import { FirefliesError } from "../../identity/index.js";
import { type Carrier, type Channel, DialledChannel } from "./channel.js";
import type { SessionDuplex } from "./duplex.js";
import { requestHeaders } from "./headers.js";
import { Inbox } from "./inbox.js";
import { DEADLINE_SLACK_MS, wireMax } from "./limits.js";
import { decodePacket, END_IN_ORDER, encodeData, encodeOpen, type Meant, type Piece } from "./pieces.js";
import type { Protocol } from "./protocol.js";
import type { Spares } from "./spares.js";
import { asFirefliesError, errorOfEnd, errorOfReset, fromStatus, type PeerError, tooLarge } from "./status.js";

/** A call under way. */
export interface Asked {
  readonly answer: Promise<Uint8Array>;
  /** Ends it; the other side's handler learns of it, and `answer` rejects. */
  cancel(error: FirefliesError): void;
}

/** How one end of a session begins something. */
export interface Opener {
  /** `timeoutMs`: when the caller gives up, which the called side learns; it may be infinite. */
  call(protocol: Protocol, body: Uint8Array, timeoutMs: number): Asked;
  /** Gives the duplex its channel, now or later, or destroys it. */
  open(protocol: Protocol, duplex: SessionDuplex, meant: Meant): void;
}

export class DialledOpener implements Opener {
  readonly #http2: ClientHttp2Session;
  readonly #carrier: Carrier;

  constructor(http2: ClientHttp2Session, carrier: Carrier) {
    this.#http2 = http2;
    this.#carrier = carrier;
  }

  call(protocol: Protocol, body: Uint8Array, timeoutMs: number): Asked {
    const stream = this.#http2.request(requestHeaders(protocol.id, timeoutMs));
    return new UnaryCall(stream, this.#carrier, body, protocol.limits.bytesMax);
  }

  open(protocol: Protocol, duplex: SessionDuplex, { name, trace }: Meant): void {
    const stream = this.#http2.request(requestHeaders(protocol.id, Number.POSITIVE_INFINITY, name, trace));
    const bytesMax = wireMax(protocol.limits.bytesMax);
    duplex.attach(new DialledChannel(stream, this.#carrier, bytesMax, () => duplex.onAccepted()));
  }
}

export class AcceptedOpener implements Opener {
  readonly #spares: Spares;

  constructor(spares: Spares) {
    this.#spares = spares;
  }

  call(protocol: Protocol, body: Uint8Array, timeoutMs: number): Asked {
    const call = new BackCall(body, protocol.limits.bytesMax, (channel) => this.#spares.giveBack(channel));
    const cancelWait = this.#spares.take(
      (channel) => {
        call.begin(channel, claimed(channel, protocol, timeoutMs));
      },
      (error) => call.onGone(error),
    );
    call.onSettled(cancelWait);
    return call;
  }

  open(protocol: Protocol, duplex: SessionDuplex, meant: Meant): void {
    const cancelWait = this.#spares.take(
      (channel) => {
        channel.write(claimed(channel, protocol, Number.POSITIVE_INFINITY, meant));
        duplex.attach(channel);
      },
      (error) => duplex.destroy(error),
    );
    duplex.once("close", cancelWait);
  }
}

/** setTimeout's and the field's longest; beyond, the called side is given no deadline. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

/** The channel takes messages of the protocol from now on. Returns the piece that claims it at the other end. */
function claimed(channel: Channel, { id, limits }: Protocol, timeoutMs: number, meant?: Meant): Buffer {
  channel.limit(wireMax(limits.bytesMax));
  const ms = Math.ceil(timeoutMs + DEADLINE_SLACK_MS);
  return encodeOpen(id, ms > TIMEOUT_MS_MAX ? 0 : ms, meant?.name, meant?.trace);
}

/** A promise that its owner settles, once. */
class Answer {
  readonly promise: Promise<Uint8Array>;
  isSettled = false;
  #resolve!: (body: Uint8Array) => void;
  #reject!: (error: FirefliesError) => void;
  #then: (() => void) | undefined;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.promise.catch(() => {}); // A caller that no longer waits does not end the process.
  }

  onSettled(then: () => void): void {
    if (this.isSettled) then();
    else this.#then = then;
  }

  resolve(body: Uint8Array): void {
    this.#settle(() => this.#resolve(body));
  }

  reject(error: FirefliesError): void {
    this.#settle(() => this.#reject(error));
  }

  #settle(how: () => void): void {
    if (this.isSettled) return;
    this.isSettled = true;
    how();
    this.#then?.();
  }
}

/** A unary gRPC call. */
class UnaryCall implements Asked {
  readonly #stream: ClientHttp2Stream;
  readonly #bytesMax: number;
  readonly #answer = new Answer();
  #body: Uint8Array | undefined;
  #isOk = false;

  constructor(stream: ClientHttp2Stream, carrier: Carrier, body: Uint8Array, bytesMax: number) {
    this.#stream = stream;
    this.#bytesMax = bytesMax;
    stream.on("error", () => {}); // "close" follows.
    stream.on("response", (headers) => this.#onFields(headers));
    stream.on("trailers", (trailers) => this.#onFields(trailers));
    new Inbox(stream, carrier, wireMax(bytesMax), {
      onMessage: (message) => this.#onMessage(message),
      onEnd: () => {},
      onProblem: (error) => this.cancel(error),
    });
    stream.once("close", () => {
      if (!this.#answer.isSettled) this.#answer.reject(carrier.loss ?? errorOfReset(stream.rstCode));
    });
    stream.end(encodeData(body));
    carrier.sent();
  }

  get answer(): Promise<Uint8Array> {
    return this.#answer.promise;
  }

  cancel(error: FirefliesError): void {
    if (this.#answer.isSettled) return;
    this.#answer.reject(error);
    if (!this.#stream.destroyed) this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  #onFields(fields: Readonly<Record<string, unknown>>): void {
    if (fields["grpc-status"] === undefined) return;
    const error = fromStatus(fields);
    if (error !== undefined) this.cancel(asFirefliesError(error, "handler-failed"));
    this.#isOk = true;
    this.#finish();
  }

  #onMessage(message: Buffer): boolean {
    const body = packetIn(message);
    if (body === undefined || this.#body !== undefined) this.cancel(new FirefliesError("bad-frame"));
    else if (body.length > this.#bytesMax) this.cancel(tooLarge(body.length, this.#bytesMax));
    this.#body = body;
    this.#finish();
    return true;
  }

  #finish(): void {
    if (this.#isOk && this.#body !== undefined) this.#answer.resolve(this.#body);
  }
}

export function packetIn(message: Buffer): Uint8Array | undefined {
  try {
    return decodePacket(message);
  } catch {
    return undefined;
  }
}

/** A call by a spare call of the other side's: its body, an end, and the answer the same way. */
class BackCall implements Asked {
  readonly #answer = new Answer();
  readonly #request: Uint8Array;
  readonly #bytesMax: number;
  readonly #giveBack: (channel: Channel) => void;
  #channel: Channel | undefined;
  #body: Uint8Array | undefined;
  #isTaken = false;

  /** `giveBack` takes the channel when the answer has come in order. */
  constructor(request: Uint8Array, bytesMax: number, giveBack: (channel: Channel) => void) {
    this.#request = request;
    this.#bytesMax = bytesMax;
    this.#giveBack = giveBack;
  }

  get answer(): Promise<Uint8Array> {
    return this.#answer.promise;
  }

  onSettled(then: () => void): void {
    this.#answer.onSettled(then);
  }

  /** `claim`: the piece that names the protocol. */
  begin(channel: Channel, claim: Uint8Array): void {
    this.#channel = channel;
    channel.use(this);
    channel.writeAll([claim, encodeData(this.#request), END_IN_ORDER]);
  }

  cancel(error: FirefliesError): void {
    if (this.#answer.isSettled) return; // Its channel may serve another call.
    this.#channel?.reset(error);
    this.#answer.reject(error);
  }

  onPiece(piece: Piece): boolean {
    if (piece?.kind === "data" && this.#body === undefined) this.#body = piece.data;
    else if (piece?.kind === "end") this.#onEnd(piece);
    else if (piece?.kind === "opened") this.#isTaken = true;
    else this.cancel(new FirefliesError("bad-frame"));
    return true;
  }

  onHalfClose(): void {
    // The spare call was ended when the claim was on its way: the session closes.
    this.cancel(new FirefliesError(this.#isTaken ? "stream-reset" : "link-closed"));
  }

  onGone(error: PeerError): void {
    this.#answer.reject(asFirefliesError(error, "handler-failed"));
  }

  #onEnd({ code, text }: { readonly code: string; readonly text: string }): void {
    const channel = this.#channel;
    if (code === "" && this.#body !== undefined && this.#body.length <= this.#bytesMax) {
      this.#answer.resolve(this.#body);
      if (channel !== undefined) this.#giveBack(channel);
      return;
    }
    if (code !== "") this.onGone(errorOfEnd(code, text));
    else if (this.#body === undefined) this.onGone(new FirefliesError("bad-frame"));
    else this.onGone(tooLarge(this.#body.length, this.#bytesMax));
    channel?.end();
  }
}
