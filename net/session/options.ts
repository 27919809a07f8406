/** What the sessions of one member need to know about it. */
import type { Identity, MemberCertificate } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";
import type { Path } from "./path.js";
import type { Protocols } from "./protocol.js";
import type { Session } from "./session.js";

export interface SessionHostOptions {
  /** Asked at every connection, so that a renewed certificate is used from then on. */
  readonly identity: () => Identity;
  /** Unix time in milliseconds by which certificate dates are judged (R18); the driver may freeze it. */
  readonly now: () => number;
  /** See `verifyAgainst`: a peer's certificate may show that this time is behind. */
  readonly proves?: ((begin: number) => void) | undefined;
  /**
   * The newest certificate that is held for a peer's id and key. A handshake proves a key, and its certificates follow
   * each other: a session goes on over a renewal. Without it a session ends with the certificate that it was made with.
   */
  readonly current?: ((peer: MemberCertificate) => MemberCertificate) | undefined;
  /**
   * Whether this member may talk to me now: undefined to accept, or a reason ("removed", "revoked", ...; an ErrorCode
   * reaches the peer as such, anything else as "peer-refused"). Asked for every call and every duplex that comes (R17), and
   * before that for every accepted connection: who is refused then is cut without a word. What it throws is a refusal.
   */
  readonly admit: (peer: MemberCertificate) => string | undefined;
  readonly protocols: Protocols;
  /**
   * The other end of a session that I make has proven itself, and has not let me in yet: what is opened on it now goes along
   * with my own proof, a round trip before `connect` resolves. If I am refused, the session is lost.
   */
  readonly onProven?: ((session: Session) => void) | undefined;
  /** Bytes of messages begun or unread, of all members together; 128 MiB by default (budget.ts). */
  readonly memoryMax?: number | undefined;
}

export interface ConnectOptions {
  readonly path: Path;
  /** Refuse anyone else with "peer-mismatch". */
  readonly expect?: MemberId | undefined;
  /** By `performance.now()`, for the whole handshake. */
  readonly deadline: number;
  readonly signal?: AbortSignal | undefined;
  /** Of this one connection, behind the host's own `onProven`. */
  readonly onProven?: ((session: Session) => void) | undefined;
}
