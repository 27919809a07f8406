/** A Session (session.ts): an HTTP/2 session over a proven connection, its calls and duplexes, and its end. */
import type { ClientHttp2Session, ServerHttp2Session } from "node:http2";
import type { TLSSocket } from "node:tls";
import { FirefliesError, type MemberCertificate } from "../../identity/index.js";
import { type MemberId, toHex } from "../../rings/index.js";
import { onAbort } from "../abort.js";
import { type Deadline, msUntil, withDeadline } from "../deadline.js";
import { expiry } from "./admission.js";
import type { Budget } from "./budget.js";
import type { Carrier } from "./channel.js";
import type { Counts } from "./counts.js";
import { chunkProblem, failedDuplex, SessionDuplex } from "./duplex.js";
import { CLOSE_GRACE_MS, EARLY_MS, PULSES_MAX, windowMax } from "./limits.js";
import type { Open } from "./open.js";
import type { SessionHostOptions } from "./options.js";
import { AcceptedOpener, DialledOpener, type Opener } from "./outgoing.js";
import type { Path } from "./path.js";
import type { Protocol } from "./protocol.js";
import { ReceiveWindow, type Windowed } from "./receive-window.js";
import type { RoomyDuplex } from "./roomy.js";
import { Serving } from "./serving.js";
import type { ByteDuplex, Ending, OpenOptions, Session } from "./session.js";
import { Offers, Spares } from "./spares.js";
import type { Stalls } from "./stalls.js";
import { Vigil, type Watch, type Watched } from "./watch.js";

/** What all sessions of a host share. */
export interface Shared {
  readonly options: SessionHostOptions;
  readonly budget: Budget;
  readonly counts: Counts;
  readonly stalls: Stalls;
  readonly watch: Watch;
}

/** A connection whose ends have proven themselves. */
export interface Proven {
  readonly peer: MemberCertificate;
  readonly path: Path;
  /** Below TLS. */
  readonly connection: RoomyDuplex;
  readonly tls: TLSSocket;
  /** When HTTP/2 began, in monotonic milliseconds: the other end's word for it comes one round trip later. */
  readonly since: number;
}

type Http2 = ClientHttp2Session | ServerHttp2Session;

/** What is given out once, on one session: as many protocols as begin with the handshake, for each end. */
const EXPORTED_MAX = 16;
/** A call that timed out after less than this, in milliseconds, says nothing about the path. */
const DOUBT_AFTER_MS = 400;
/** How much a new round trip moves the smoothed one: RFC 6298, section 2. */
const ROUND_TRIP_GAIN = 1 / 8;

export class ProvenSession implements Session, Carrier, Watched, Windowed {
  readonly peer: MemberCertificate;
  readonly path: Path;
  readonly budget: Budget;
  readonly stalls: Stalls;
  readonly #options: SessionHostOptions;
  readonly #proven: Proven;
  readonly #http2: Http2;
  readonly #vigil: Vigil;
  readonly #window: ReceiveWindow;
  readonly #opener: Opener;
  readonly #open = new Set<Open>();
  readonly #listeners = new Set<(reason: FirefliesError, ending: Ending) => void>();
  readonly #superseders = new Set<() => void>();
  /** What was given out once. */
  readonly #exported = new Set<string>();
  /** Who waits for the other end to take calls; undefined when it does. */
  #awaitingReady: (() => void)[] | undefined;
  #onAccepted: () => void = () => {};
  /** Ends the spare calls that are open, at the end that dialled. */
  #endSpares: () => void = () => {};
  /** Why nothing new is taken. */
  #closing: FirefliesError | undefined;
  #loss: FirefliesError | undefined;
  /** Signs of life without an answer yet. */
  #pulses = 0;
  /** Who waits for the ping under way, and for the next one. */
  #confirming: (() => void)[] | undefined;
  #confirmNext: (() => void)[] = [];
  #roundTripMs: number | undefined;
  /** `bytesRead` when a call had timed out: in doubt until a byte comes. */
  #doubtedAt = -1;

  private constructor(shared: Shared, proven: Proven, http2: Http2, opener: (session: ProvenSession) => Opener) {
    this.peer = proven.peer;
    this.path = proven.path;
    this.budget = shared.budget;
    this.stalls = shared.stalls;
    this.#options = shared.options;
    this.#proven = proven;
    this.#http2 = http2;
    this.#vigil = new Vigil(shared.watch, this);
    this.#window = new ReceiveWindow(this, windowMax(proven.path));
    this.#opener = opener(this);
    this.#watchForLoss();
  }

  static dialled(shared: Shared, proven: Proven, http2: ClientHttp2Session): ProvenSession {
    const session = new ProvenSession(shared, proven, http2, (carrier) => new DialledOpener(http2, carrier));
    session.#onAccepted = () => {
      session.#tookRoundTrip(proven.since);
      const serving = session.#serving(shared);
      const offers: Offers = new Offers(http2, session, (claim) => serving.onClaim(claim, offers));
      session.#endSpares = () => offers.end();
    };
    return session;
  }

  static accepted(shared: Shared, proven: Proven, http2: ServerHttp2Session): ProvenSession {
    let spares!: Spares;
    const session = new ProvenSession(shared, proven, http2, (carrier) => {
      spares = new Spares(carrier);
      return new AcceptedOpener(spares);
    });
    http2.once("localSettings", () => session.#tookRoundTrip(proven.since));
    const serving = session.#serving(shared);
    http2.on("stream", (stream, headers) => serving.onStream(stream, headers, spares));
    session.#awaitingReady = [];
    spares.onOffer = () => session.#ready();
    return session;
  }

  /** Of a dialled one: the other end has let me in. */
  begin(): void {
    this.#onAccepted();
  }

  get member(): MemberId {
    return this.peer.id;
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  get active(): number {
    return this.#open.size;
  }

  get roundTripMs(): number | undefined {
    return this.#roundTripMs;
  }

  get isDoubtful(): boolean {
    return this.#vigil.isUnanswered || this.#doubtedAt === this.bytesRead;
  }

  /** Resolves when the connection is closed. */
  get gone(): Promise<void> {
    const { connection } = this.#proven;
    return connection.closed ? Promise.resolve() : new Promise((resolve) => connection.once("close", resolve));
  }

  /** A stream that the other side resets after it said that it goes is no answer to that stream. */
  get loss(): FirefliesError | undefined {
    return this.#loss ?? this.#closing;
  }

  async call(id: string, body: Uint8Array, options: Deadline): Promise<Uint8Array> {
    const protocol = this.#protocol(id, "call");
    const problem = protocol instanceof Error ? protocol : chunkProblem(body, protocol.limits.bytesMax);
    if (problem !== undefined) throw problem;
    return await withDeadline(options, (signal) => this.#ask(protocol as Protocol, body, options.deadline, signal));
  }

  open(id: string, { signal, name = "", trace = "" }: OpenOptions = {}): ByteDuplex {
    const protocol = this.#protocol(id, "duplex");
    if (protocol instanceof Error) return failedDuplex(protocol);
    if (signal?.aborted) return failedDuplex(new FirefliesError("cancelled"));
    const duplex = new SessionDuplex(protocol.limits.bytesMax, false);
    if (signal)
      duplex.once(
        "close",
        onAbort(signal, () => duplex.destroy(new FirefliesError("cancelled"))),
      );
    this.#track(duplex);
    this.#begin(
      () => this.#opener.open(protocol, duplex, { name, trace }),
      (error) => duplex.destroy(error),
    );
    return duplex;
  }

  close(error: FirefliesError = new FirefliesError("link-closed")): void {
    this.#retire(error, "closed");
    if (this.#loss !== undefined) return;
    this.#loss = error;
    for (const open of [...this.#open]) open.end(error);
    this.#vigil.end();
    if (!this.#http2.destroyed) this.#http2.close(); // Last words first; a peer that does not let them through is cut.
    const timer = setTimeout(() => this.#cut(), CLOSE_GRACE_MS);
    this.#proven.tls.once("close", () => clearTimeout(timer));
  }

  /** Takes nothing new, says so, and ends duplexes; calls under way may still be answered. Closed when none is left. */
  drain(): void {
    const error = new FirefliesError("link-closed");
    this.#retire(error, "closed");
    for (const open of [...this.#open]) if (open instanceof DuplexOpen) open.end(error);
    if (!this.#http2.destroyed) this.#http2.close();
    this.#closeWhenIdle();
  }

  onClose(listener: (reason: FirefliesError, ending: Ending) => void): () => void {
    if (this.#closing !== undefined) listener(this.#closing, this.#loss === undefined ? "closed" : "lost");
    else this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  onReady(listener: () => void): void {
    if (this.#awaitingReady === undefined) listener();
    else this.#awaitingReady.push(listener);
  }

  supersede(): void {
    for (const listener of [...this.#superseders]) listener();
  }

  onSuperseded(listener: () => void): () => void {
    this.#superseders.add(listener);
    return () => this.#superseders.delete(listener);
  }

  // What channels need.

  sent(): void {
    if (this.#loss === undefined) this.#vigil.sent();
  }

  confirm(done: () => void): void {
    this.#confirmNext.push(done);
    this.sent();
    if (this.#confirming === undefined) this.#ping();
  }

  readonly arrived = (): void => {
    this.#vigil.arrived();
    this.#window.arrived();
  };

  // What the watch and the window need.

  get bytesRead(): number {
    return this.#proven.tls.bytesRead;
  }

  ping(): void {
    if (this.#confirming === undefined) this.#ping();
  }

  pulse(): void {
    if (this.#http2.destroyed || this.#pulses >= PULSES_MAX) return;
    this.#pulses += 1;
    this.#http2.ping(() => {
      this.#pulses -= 1;
    });
  }

  now(): number {
    return performance.now();
  }

  measure(done: () => void): void {
    if (this.#http2.destroyed) return;
    const since = performance.now();
    this.#http2.ping((error) => {
      if (error !== null) return;
      this.#tookRoundTrip(since);
      done();
    });
  }

  setWindow(bytes: number): void {
    if (this.#http2.destroyed || this.#http2.closed) return;
    this.#http2.setLocalWindowSize(bytes);
    this.#http2.settings({ initialWindowSize: bytes });
  }

  lost(): void {
    this.#lose("nothing came back for four seconds, not even an answer to a ping");
  }

  #ping(): void {
    if (this.#http2.destroyed) return;
    const waiting = this.#confirmNext;
    this.#confirming = waiting;
    this.#confirmNext = [];
    const since = performance.now();
    this.#http2.ping((error) => {
      this.#confirming = undefined;
      if (error !== null) return;
      this.#tookRoundTrip(since);
      for (const done of waiting) done();
      if (this.#confirmNext.length > 0) this.#ping();
    });
  }

  #serving(shared: Shared): Serving {
    return new Serving({
      peer: this.peer,
      path: this.path,
      host: shared.options,
      counts: shared.counts,
      carrier: this,
      closing: () => this.#closing && new FirefliesError("link-closed"),
      onDuplex: (duplex) => this.#track(duplex),
      onCall: (call) => {
        this.#open.add(call);
        return () => this.#left(call);
      },
    });
  }

  /** One that may be begun now, or why not. */
  #protocol(id: string, kind: Protocol["kind"]): Protocol | FirefliesError {
    const problem = this.#closing ?? expiry(this.peer, this.#options);
    if (problem !== undefined) return problem;
    const protocol = this.#options.protocols.get(id);
    if (protocol?.kind === kind) return protocol;
    return new FirefliesError("protocol-unknown", `No ${kind} protocol "${id}" is registered here.`, {
      advice: "Register it first.",
    });
  }

  async #ask(protocol: Protocol, body: Uint8Array, deadline: number, signal: AbortSignal): Promise<Uint8Array> {
    const timeoutMs = deadline === Number.POSITIVE_INFINITY ? deadline : msUntil(deadline);
    const asked = this.#begin(
      () => this.#opener.call(protocol, body, timeoutMs),
      (error) => {
        throw error;
      },
    );
    const end = (error: FirefliesError) => asked.cancel(error);
    const open = { end, lose: end };
    this.#open.add(open);
    this.#vigil.asked();
    const [before, askedAt] = [this.bytesRead, performance.now()];
    const givenUp = () => {
      const isLate = signal.reason.code === "timeout" && performance.now() - askedAt >= DOUBT_AFTER_MS;
      if (isLate && this.bytesRead === before) this.#doubtedAt = before;
      end(signal.reason);
    };
    signal.addEventListener("abort", givenUp, { once: true });
    try {
      return await asked.answer;
    } finally {
      this.#vigil.answered();
      this.#left(open);
    }
  }

  #ready(): void {
    const waiting = this.#awaitingReady ?? [];
    this.#awaitingReady = undefined;
    for (const listener of waiting) listener();
  }

  #tookRoundTrip(since: number): void {
    const ms = performance.now() - since;
    const before = this.#roundTripMs ?? ms;
    this.#roundTripMs = before + ROUND_TRIP_GAIN * (ms - before);
    this.#window.tookRoundTrip(ms);
  }

  /** HTTP/2 throws when its session has just ended, before anyone was told. */
  #begin<T>(run: () => T, failed: (error: FirefliesError) => T): T {
    try {
      return run();
    } catch (cause) {
      return failed(new FirefliesError("link-closed", undefined, { cause }));
    }
  }

  #track(duplex: SessionDuplex): void {
    const open = new DuplexOpen(duplex);
    duplex.exportKey = (...what) => this.#exportKey(...what);
    duplex.exportEarly = (...what) => this.#exportEarly(...what);
    this.#open.add(open);
    duplex.once("close", () => this.#left(open));
  }

  #exportKey(label: string, context: Uint8Array, bytes: number): Uint8Array | undefined {
    const { tls } = this.#proven;
    if (tls.destroyed) return undefined;
    return new Uint8Array(tls.exportKeyingMaterial(bytes, label, Buffer.from(context)));
  }

  #exportEarly(label: string, context: Uint8Array, bytes: number): Uint8Array | undefined {
    const key = `${label} ${toHex(context)}`;
    const isOver = performance.now() - this.#proven.since >= EARLY_MS;
    if (isOver || this.#exported.has(key) || this.#exported.size >= EXPORTED_MAX) return undefined;
    this.#exported.add(key);
    return this.#exportKey(label, context, bytes);
  }

  #left(open: Open): void {
    this.#open.delete(open);
    this.#closeWhenIdle();
  }

  /** Nothing new from now on, of either side; what is open goes on. */
  #retire(reason: FirefliesError, ending: Ending): void {
    if (this.#closing !== undefined) return;
    this.#closing = reason;
    this.#endSpares();
    for (const listener of this.#listeners) listener(reason, ending);
    this.#listeners.clear();
    this.#superseders.clear();
  }

  /** The other side takes nothing more: when all that is open has ended, the session has. */
  #closeWhenIdle(): void {
    if (this.#closing !== undefined && this.#loss === undefined && this.active === 0) this.close();
  }

  #watchForLoss(): void {
    const { connection, tls } = this.#proven;
    const http2 = this.#http2;
    http2.on("goaway", () => {
      this.#retire(lossOf("the other side closes it"), "closed");
      setImmediate(() => this.#closeWhenIdle());
    });
    for (const part of [http2, tls, connection]) {
      part.on("error", (error: Error) => this.#lose(error.message));
      part.on("close", () => this.#lose("the connection ended"));
    }
    // The other end closed its half and TLS or HTTP/2 may not have noticed: a session never uses half a connection.
    connection.on("end", () => setImmediate(() => this.#lose("the other side closed the connection")));
    if (tls.destroyed || connection.destroyed || http2.destroyed) this.#lose("the connection ended");
  }

  #lose(what: string): void {
    if (this.#loss === undefined) {
      const error = lossOf(what);
      this.#loss = error;
      this.#vigil.end();
      this.#retire(error, "lost");
      for (const open of [...this.#open]) open.lose(error);
    }
    this.#cut();
  }

  #cut(): void {
    const { connection, tls } = this.#proven;
    if (!this.#http2.destroyed) this.#http2.destroy();
    setImmediate(() => {
      tls.destroy();
      connection.destroy();
    });
  }
}

class DuplexOpen implements Open {
  readonly #duplex: SessionDuplex;

  constructor(duplex: SessionDuplex) {
    this.#duplex = duplex;
  }

  end(error: FirefliesError): void {
    this.#duplex.giveUp(error);
  }

  lose(error: FirefliesError): void {
    this.#duplex.lose(error);
  }
}

function lossOf(what: string): FirefliesError {
  return new FirefliesError("link-closed", `The session was lost: ${what}.`);
}
