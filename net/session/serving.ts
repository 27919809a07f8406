/** What the other end begins on a session: it is admitted, counted and handed to its protocol. */
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { FirefliesError, type MemberCertificate } from "../../identity/index.js";
import { TIMER_MS_MAX } from "../deadline.js";
import { refusal } from "./admission.js";
import type { Holder } from "./budget.js";
import { AcceptedChannel, type Carrier, type Channel, cutSoon, endWithStatus } from "./channel.js";
import type { Counts } from "./counts.js";
import { chunkProblem, SessionDuplex } from "./duplex.js";
import { type Called, calledBy, RESPONSE_HEADERS } from "./headers.js";
import { Inbox } from "./inbox.js";
import { ANSWER_TIMEOUT_MS, wireMax } from "./limits.js";
import type { Open } from "./open.js";
import type { SessionHostOptions } from "./options.js";
import { packetIn } from "./outgoing.js";
import type { Path } from "./path.js";
import { END_IN_ORDER, encodeData, type Meant, OPENED, type Piece } from "./pieces.js";
import { BACK_ID, type CallProtocol, type DuplexProtocol, type Protocol } from "./protocol.js";
import type { Claim, Offers, Spares } from "./spares.js";
import { asFirefliesError, OK, tooLarge, toStatus } from "./status.js";

export interface ServingOptions {
  readonly peer: MemberCertificate;
  readonly path: Path;
  readonly host: Pick<SessionHostOptions, "now" | "current" | "admit" | "protocols">;
  readonly counts: Counts;
  readonly carrier: Carrier;
  /** Why nothing is taken any more; undefined while it is. */
  readonly closing: () => FirefliesError | undefined;
  /** A duplex was made; it is the session's to end. */
  readonly onDuplex: (duplex: SessionDuplex) => void;
  /** A call has come; it is the session's to end. Returns how to say that it is over. */
  readonly onCall: (call: Open) => () => void;
}

/** One that was admitted, and how to say that it is over. */
interface Entry<P extends Protocol = Protocol> {
  readonly protocol: P;
  readonly leave: () => void;
}

const isCall = (entry: Entry): entry is Entry<CallProtocol> => entry.protocol.kind === "call";
const isDuplex = (entry: Entry): entry is Entry<DuplexProtocol> => entry.protocol.kind === "duplex";

export class Serving {
  readonly #options: ServingOptions;

  constructor(options: ServingOptions) {
    this.#options = options;
  }

  /** A stream that the dialling end began. */
  onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, spares: Spares): void {
    stream.on("error", () => {}); // "close" follows.
    // Node tells of a stream a turn later. One whose reset came in the same packet is gone by then, and `respond` throws.
    if (stream.destroyed || stream.closed) return;
    const called = calledBy(headers);
    if (called === "not-grpc") {
      stream.respond({ ":status": constants.HTTP_STATUS_UNSUPPORTED_MEDIA_TYPE }, { endStream: true });
      stream.resume();
    } else if (called === "compressed") {
      refuse(stream, new FirefliesError("bad-frame", "Compressed messages are not taken."));
    } else if (called.protocol === BACK_ID) {
      spares.offer(stream);
    } else {
      this.#serve(stream, called);
    }
  }

  /** A spare call that the accepting end claimed. */
  onClaim({ channel, protocol, timeoutMs, name, trace }: Claim, offers: AfterAnswer): void {
    const entry = this.#enter(protocol);
    if (entry instanceof FirefliesError) {
      channel.reset(entry);
      return;
    }
    channel.limit(wireMax(entry.protocol.limits.bytesMax));
    if (isDuplex(entry)) channel.write(OPENED);
    else channel.answer([OPENED]);
    if (isDuplex(entry)) this.#openDuplex(entry, channel, { name, trace });
    else if (isCall(entry)) new ChannelAnswer(this.#options, entry, timeoutMs, { channel, offers });
  }

  #serve(stream: ServerHttp2Stream, { protocol, timeoutMs, name, trace }: Called): void {
    const entry = this.#enter(protocol);
    if (entry instanceof FirefliesError) refuse(stream, entry);
    else if (isCall(entry)) new UnaryAnswer(this.#options, entry, timeoutMs, stream);
    else if (isDuplex(entry)) {
      const { bytesMax } = entry.protocol.limits;
      const channel = new AcceptedChannel(stream, this.#options.carrier, wireMax(bytesMax));
      this.#openDuplex(entry, channel, { name, trace });
    }
  }

  /** Cheap checks, before anything of a message is held. */
  #enter(id: string): Entry | FirefliesError {
    const { peer, host, counts, closing } = this.#options;
    const refused = closing() ?? refusal(peer, host);
    if (refused !== undefined) return refused;
    const protocol = host.protocols.get(id);
    if (protocol === undefined) return new FirefliesError("protocol-unknown");
    const leave = counts.enter(peer.id, id, protocol.limits.openPerPeerMax);
    return leave === undefined ? new FirefliesError("overloaded") : { protocol, leave };
  }

  #openDuplex({ protocol, leave }: Entry<DuplexProtocol>, channel: Channel, { name, trace }: Meant): void {
    const duplex = new SessionDuplex(protocol.limits.bytesMax, true);
    duplex.once("close", leave);
    duplex.attach(channel);
    this.#options.onDuplex(duplex);
    try {
      protocol.onDuplex(this.#options.peer, duplex, this.#options.path, name, trace);
    } catch (error) {
      duplex.destroy(asFirefliesError(error, "handler-failed"));
    }
  }
}

/** A call that comes: its body, then the handler, then the answer, each with an end. */
abstract class Answering implements Holder, Open {
  protected readonly options: ServingOptions;
  readonly #entry: Entry<CallProtocol>;
  readonly #controller = new AbortController();
  readonly #left: () => void;
  #timer: NodeJS.Timeout | undefined;
  #isHandled = false;
  #isOver = false;

  constructor(options: ServingOptions, entry: Entry<CallProtocol>, timeoutMs: number) {
    this.options = options;
    this.#entry = entry;
    this.#left = options.onCall(this);
    if (timeoutMs <= TIMER_MS_MAX) this.#timer = setTimeout(() => this.cut(new FirefliesError("timeout")), timeoutMs);
  }

  protected get isOver(): boolean {
    return this.#isOver;
  }

  /** It is given up: the member holds too much, or its time is over. */
  cut(error: FirefliesError): void {
    if (this.#isOver) return;
    this.fail(error);
    this.over();
  }

  /** The session is closed by its owner. */
  end(error: FirefliesError): void {
    this.cut(error);
  }

  /** The session is lost. */
  lose(): void {
    this.over();
  }

  protected abstract succeed(answer: Uint8Array): void;
  protected abstract fail(error: FirefliesError): void;
  /** The caller does not take what was said. */
  protected abstract abandon(): void;

  protected run(body: Uint8Array | undefined): void {
    if (this.#isOver) return;
    const { bytesMax } = this.#entry.protocol.limits;
    if (body === undefined) this.cut(new FirefliesError("bad-frame"));
    else if (body.length > bytesMax) this.cut(tooLarge(body.length, bytesMax));
    else this.#answer(body);
  }

  /** The stream has closed, however. */
  protected over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.options.carrier.budget.set(this.options.peer.id, this, 0);
    this.#entry.leave();
    this.#left();
    // Its handler is done, as a rule, and hears nothing: firing a signal takes as long as a tenth of a call.
    if (!this.#isHandled) this.#controller.abort();
  }

  async #answer(body: Uint8Array): Promise<void> {
    const { peer, path, host, carrier } = this.options;
    const { protocol } = this.#entry;
    try {
      const refused = refusal(peer, host);
      if (refused !== undefined) throw refused;
      carrier.budget.set(peer.id, this, body.length);
      const answer = await protocol.onCall(peer, body, this.#controller.signal, path);
      this.#isHandled = true;
      const problem = chunkProblem(answer, protocol.limits.bytesMax);
      if (problem !== undefined) throw problem;
      this.#reply(answer);
    } catch (error) {
      this.cut(asFirefliesError(error, "handler-failed"));
    }
  }

  #reply(answer: Uint8Array): void {
    if (this.#isOver) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.abandon(), ANSWER_TIMEOUT_MS);
    this.options.carrier.budget.set(this.options.peer.id, this, answer.length);
    if (!this.#isOver) this.succeed(answer);
  }
}

/** Of a unary gRPC call. */
class UnaryAnswer extends Answering {
  readonly #stream: ServerHttp2Stream;
  #body: Buffer | undefined;

  constructor(options: ServingOptions, entry: Entry<CallProtocol>, timeoutMs: number, stream: ServerHttp2Stream) {
    super(options, entry, timeoutMs);
    this.#stream = stream;
    const inbox = new Inbox(stream, options.carrier, wireMax(entry.protocol.limits.bytesMax), {
      onMessage: (message) => this.#onMessage(message),
      onEnd: () => this.run(this.#body && packetIn(this.#body)),
      onProblem: (error) => this.cut(error),
    });
    inbox.expect();
    stream.once("close", () => this.over());
  }

  protected override succeed(answer: Uint8Array): void {
    const stream = this.#stream;
    if (stream.destroyed || stream.closed) return;
    stream.respond(RESPONSE_HEADERS, { waitForTrailers: true });
    stream.once("wantTrailers", () => {
      if (!stream.destroyed) stream.sendTrailers({ ...OK });
    });
    stream.end(encodeData(answer));
  }

  protected override fail(error: FirefliesError): void {
    if (this.#stream.headersSent) this.abandon();
    else refuse(this.#stream, error);
  }

  protected override abandon(): void {
    // After a part of the answer there is no room for a status; HTTP/2's own code says the same (status.ts).
    if (!this.#stream.destroyed) this.#stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  #onMessage(message: Buffer): boolean {
    if (this.#body !== undefined) this.cut(new FirefliesError("bad-frame"));
    this.#body = message;
    return true;
  }
}

/** Where the channel of a call back goes when it is answered. */
type AfterAnswer = Pick<Offers, "spare" | "claimed">;

/** Of a call back. */
class ChannelAnswer extends Answering {
  readonly #channel: Channel;
  readonly #offers: AfterAnswer;
  #body: Uint8Array | undefined;
  #isAnswered = false;

  constructor(
    options: ServingOptions,
    entry: Entry<CallProtocol>,
    timeoutMs: number,
    { channel, offers }: { readonly channel: Channel; readonly offers: AfterAnswer },
  ) {
    super(options, entry, timeoutMs);
    this.#channel = channel;
    this.#offers = offers;
    channel.use({
      onPiece: (piece) => this.#onPiece(piece),
      onHalfClose: () => this.#taken(),
      onGone: () => this.over(),
    });
  }

  protected override succeed(answer: Uint8Array): void {
    this.#isAnswered = true;
    this.#channel.answer([encodeData(answer), END_IN_ORDER], () => {
      if (this.isOver) return;
      this.over();
      this.#offers.spare(this.#channel);
    });
  }

  protected override fail(error: FirefliesError): void {
    this.#channel.reset(error);
  }

  protected override abandon(): void {
    this.cut(new FirefliesError("timeout"));
  }

  /** The caller has the answer, and does not use the channel again. */
  #taken(): void {
    this.#channel.end();
    this.over();
  }

  #onPiece(piece: Piece): boolean {
    if (this.#isAnswered) {
      this.over();
      this.#offers.claimed(this.#channel, piece);
    } else if (piece?.kind === "data" && this.#body === undefined) this.#body = piece.data;
    else if (piece?.kind === "end" && piece.code === "") this.run(this.#body);
    else this.cut(new FirefliesError("bad-frame"));
    return true;
  }
}

/** Ends a stream with a status before anything else was said. What still comes is dropped. */
function refuse(stream: ServerHttp2Stream, error: FirefliesError): void {
  endWithStatus(stream, toStatus(error));
  if (stream.destroyed) return;
  stream.resume();
  cutSoon(stream);
}
