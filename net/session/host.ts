/** The sessions of one member, those that it dialled and those that it accepted. */
import { type ClientHttp2Session, connect, performServerHandshake, type Settings } from "node:http2";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { FirefliesError, type MemberCertificate } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";
import { type Address, formatAddress } from "../address.js";
import { deadlineIn, withDeadline } from "../deadline.js";
import { PeerMismatch } from "../transports/dial-error.js";
import { refusal } from "./admission.js";
import { Budget } from "./budget.js";
import { Counts } from "./counts.js";
import { heardRefusal, sayRefusal } from "./last-word.js";
import {
  ACCEPTED_MAX,
  ACCEPTED_PER_MEMBER_MAX,
  CLOSE_GRACE_MS,
  HANDSHAKE_TIMEOUT_MS,
  HANDSHAKES_MAX,
  HEADERS_BYTES_MAX,
  PINGS_MAX,
  STREAMS_PER_SESSION_MAX,
  windowMax,
} from "./limits.js";
import type { ConnectOptions, SessionHostOptions } from "./options.js";
import { type Path, pathOf } from "./path.js";
import { type Proven, ProvenSession, type Shared } from "./proven-session.js";
import { RoomyDuplex } from "./roomy.js";
import type { Session } from "./session.js";
import { Stalls } from "./stalls.js";
import { GREETING, handshakeAsClient, handshakeAsServer, provenPeer } from "./tls.js";
import { Watch } from "./watch.js";

const SETTINGS: Settings = {
  maxConcurrentStreams: STREAMS_PER_SESSION_MAX,
  maxHeaderListSize: HEADERS_BYTES_MAX,
  enablePush: false,
};
/**
 * Node's own limit of a session's memory, in megabytes, is 10 and counts what waits to be sent: a few large messages. What
 * a peer can make us hold is bounded elsewhere (budget.ts, limits.ts), so this only has to be out of the way.
 */
const SESSION_MEMORY_MAX_MB = 1_024;
const HTTP2_OPTIONS = {
  settings: SETTINGS,
  maxSessionMemory: SESSION_MEMORY_MAX_MB,
  maxOutstandingPings: PINGS_MAX,
};

export class SessionHost {
  readonly #options: SessionHostOptions;
  readonly #shared: Shared;
  /** Connections whose other end is not proven yet; the oldest first. */
  readonly #handshakes = new Set<Duplex>();
  readonly #dialled = new Set<ProvenSession>();
  readonly #accepted = new Set<ProvenSession>();
  #onSession: (session: Session, connection: Duplex) => void = () => {};
  #isClosed = false;

  constructor(options: SessionHostOptions) {
    this.#options = options;
    this.#shared = {
      options,
      budget: new Budget(options.memoryMax),
      counts: new Counts(),
      stalls: new Stalls(),
      watch: new Watch(),
    };
  }

  /** Bytes of messages begun or unread, of all members together. */
  get memory(): number {
    return this.#shared.budget.bytes;
  }

  /**
   * Proves both ends over a connection that was dialled; resolves when the other side has accepted. Rejects with "timeout",
   * "cancelled", "peer-unreachable" (the connection ended), "peer-refused" (with why: our certificate was seen),
   * "certificate-invalid", "peer-mismatch" or "link-closed" (this host is closed). Destroys the connection then.
   */
  async connect(given: Duplex, options: ConnectOptions): Promise<Session> {
    const connection = new RoomyDuplex(given, windowMax(options.path));
    connection.on("error", () => {}); // "close" follows.
    try {
      if (this.#isClosed) throw new FirefliesError("link-closed");
      return await withDeadline(options, () => this.#connect(connection, options));
    } catch (error) {
      connection.destroy();
      throw error;
    }
  }

  /**
   * Proves both ends over a connection that was dialled, and ends it: who is there, and no session. Rejects as `connect`,
   * but for "peer-refused": the other end may refuse afterwards. Ends the connection in any case.
   */
  async greet(given: Duplex, options: ConnectOptions): Promise<void> {
    const connection = new RoomyDuplex(given);
    connection.on("error", () => {}); // "close" follows.
    try {
      if (this.#isClosed) throw new FirefliesError("link-closed");
      const tls = await withDeadline(options, () => handshakeAsClient(connection, this.#options.identity(), GREETING));
      requireProven(provenPeer(tls, this.#options, GREETING), options);
      endSoon(tls, connection);
    } catch (error) {
      connection.destroy();
      throw error;
    }
  }

  /**
   * Proves the other end of a connection that was accepted. Never throws: what comes of it is given to `onSession`, or the
   * connection is destroyed. `path`, when the address does not tell it: of a punched connection.
   */
  accept(given: Duplex, from: Address, path = pathOf("accepted", from)): void {
    const connection = new RoomyDuplex(given, windowMax(path));
    connection.on("error", () => {}); // "close" follows.
    if (this.#isClosed || this.#accepted.size >= ACCEPTED_MAX) {
      connection.destroy();
      return;
    }
    this.#handshakes.add(connection);
    const timer = setTimeout(() => connection.destroy(), HANDSHAKE_TIMEOUT_MS);
    this.#accept(connection, path)
      .catch(() => connection.destroy())
      .finally(() => {
        clearTimeout(timer);
        this.#handshakes.delete(connection);
      });
    const [oldest] = this.#handshakes;
    if (this.#handshakes.size > HANDSHAKES_MAX) oldest?.destroy();
  }

  /** Every accepted session with its connection, once its member is proven and admitted. One listener. */
  onSession(listener: (session: Session, connection: Duplex) => void): void {
    this.#onSession = listener;
  }

  /** Asks dates and `admit` again for every accepted session, and closes those of members who are refused. */
  recheck(): void {
    for (const session of [...this.#accepted]) {
      const refused = refusal(session.peer, this.#options);
      if (refused !== undefined) session.close(refused);
    }
  }

  /** Takes no more, ends duplexes with "link-closed", gives calls under way `graceMs`, then closes every session. */
  async close(graceMs: number): Promise<void> {
    this.#isClosed = true;
    for (const connection of this.#handshakes) connection.destroy();
    const sessions = [...this.#dialled, ...this.#accepted];
    for (const session of sessions) session.drain();
    const gone = () => Promise.all(sessions.map((session) => session.gone));
    if (graceMs > 0) await withDeadline({ deadline: deadlineIn(graceMs) }, gone).catch(() => {});
    for (const session of sessions) session.close();
    await gone();
    this.#shared.stalls.close();
  }

  async #connect(connection: RoomyDuplex, { path, expect, onProven }: ConnectOptions): Promise<Session> {
    const tls = await handshakeAsClient(connection, this.#options.identity());
    const peer = requireProven(provenPeer(tls, this.#options), { path, expect });
    const since = performance.now();
    const at = formatAddress(path.address);
    if (tls.destroyed) throw cutWithoutWord(at);
    const http2 = connect("https://member", { ...HTTP2_OPTIONS, createConnection: () => tls });
    const isAccepted = accepted(http2, at);
    const session = ProvenSession.dialled(this.#shared, { peer, path, connection, tls, since }, http2);
    this.#options.onProven?.(session);
    onProven?.(session);
    await isAccepted;
    session.begin();
    keep(this.#dialled, session);
    return session;
  }

  async #accept(connection: RoomyDuplex, path: Path): Promise<void> {
    const tls = await handshakeAsServer(connection, this.#options.identity());
    if (tls.alpnProtocol === GREETING) return endSoon(tls, connection);
    const peer = provenPeer(tls, this.#options);
    // Who is revoked would only hold a connection on which every call is refused.
    const refused = "error" in peer ? peer.error : refusal(peer, this.#options);
    if ("error" in peer || refused !== undefined) {
      // A stranger learns nothing.
      if (refused !== undefined && !("error" in peer && !peer.isKnown)) await sayRefusal(tls, refused, HTTP2_OPTIONS);
      connection.destroy();
      return;
    }
    this.#begin({ peer, path, connection, tls, since: performance.now() });
  }

  #begin(proven: Proven): void {
    if (this.#isClosed || proven.tls.destroyed) {
      proven.connection.destroy();
      return;
    }
    const http2 = performServerHandshake(proven.tls, HTTP2_OPTIONS);
    // HTTP/2 waits for the event by which a client's socket says that its handshake is done; a server's says "secure".
    proven.tls.emit("secureConnect");
    const session = ProvenSession.accepted(this.#shared, proven, http2);
    keep(this.#accepted, session);
    this.#closeOldest(proven.peer.id);
    this.#onSession(session, proven.connection.below);
  }

  #closeOldest(member: MemberId): void {
    const siblings = [...this.#accepted].filter(({ peer, closed }) => peer.id === member && !closed);
    if (siblings.length <= ACCEPTED_PER_MEMBER_MAX) return;
    const idle = siblings.slice(0, -1).find(({ active }) => active === 0);
    (idle ?? siblings[0]!).close();
  }
}

/** Throws why the other end is not the member that is expected. */
function requireProven(
  peer: ReturnType<typeof provenPeer>,
  { path, expect }: Pick<ConnectOptions, "path" | "expect">,
): MemberCertificate {
  if ("error" in peer) throw peer.error;
  if (expect === undefined || peer.id === expect) return peer;
  throw new PeerMismatch(formatAddress(path.address), expect, peer.id, peer.name);
}

/** In order, so that the last of the handshake arrives; and in any case. */
function endSoon(tls: TLSSocket, connection: Duplex): void {
  const timer = setTimeout(() => connection.destroy(), CLOSE_GRACE_MS);
  connection.once("close", () => clearTimeout(timer));
  tls.resume();
  tls.once("end", () => connection.destroy());
  tls.end();
}

/** Until its connection is closed. */
function keep(sessions: Set<ProvenSession>, session: ProvenSession): void {
  sessions.add(session);
  session.gone.then(() => sessions.delete(session));
}

/** Resolves when the other end has sent its settings, which it does once it has accepted our certificate. */
function accepted(http2: ClientHttp2Session, at: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const refusedBecause = heardRefusal(http2);
    const failed = () => reject(refusedBy(at, refusedBecause()) ?? cutWithoutWord(at));
    http2.on("error", () => setImmediate(failed));
    http2.once("close", () => setImmediate(failed));
    // A refusal stands directly behind the settings, and is heard in the same turn.
    http2.once("remoteSettings", () => setImmediate(() => (refusedBecause() ? failed() : resolve())));
  });
}

function refusedBy(address: string, why: FirefliesError | undefined): FirefliesError | undefined {
  if (why === undefined) return undefined;
  const { code, message, advice } = why;
  return new FirefliesError("peer-refused", `${address} refuses this member (${code}): ${message}`, {
    cause: why,
    advice,
  });
}

/** After our handshake was done, so somebody is there: who refuses says why. */
function cutWithoutWord(address: string): FirefliesError {
  return new FirefliesError(
    "peer-unreachable",
    `${address} closed the connection after the handshake, without a word.`,
    {
      advice: "Try again: it may have no room now. If that stays so, look at its log.",
    },
  );
}
