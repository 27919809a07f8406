/** A session of a link with what is to be remembered of it, and when it is to be closed. */
import { isIP } from "node:net";
import type { MemberCertificate } from "../../identity/index.js";
import { formatAddress, parseAddress } from "../address.js";
import type { Path } from "../session/path.js";
import type { Session } from "../session/session.js";
import type { Ranked } from "./ranking.js";

/**
 * A session that another one has replaced is closed when nothing is open on it and nothing has passed for so long, in
 * milliseconds: by then the other end, too, has heard of the better one ...
 */
const RETIRED_QUIET_MS = 10_000;
/** ... and sooner, if others pass its bytes on. */
const RETIRED_RELAYED_QUIET_MS = 3_000;
/** One that others pass on is idle after this, in milliseconds, or after what is set for all, if that is less. */
const RELAYED_IDLE_MS = 5 * 60_000;

export interface HeldOptions {
  /** The certificate of mine that it was made with. */
  readonly own: MemberCertificate;
  /** That the member had when it was dialled; empty for a session that it made, and for one that was punched. */
  readonly addresses: readonly string[];
  /** Monotonic milliseconds. */
  readonly now: number;
}

export class Held implements Ranked {
  readonly session: Session;
  readonly own: MemberCertificate;
  readonly since: number;
  /** The member is to be reached elsewhere: it serves what is open on it, and nothing new. */
  isRetired = false;
  /** It was told that another one is better. */
  isSuperseded = false;
  readonly #addresses: readonly string[];
  #usedAt: number;
  #bytesSeen = 0;

  constructor(session: Session, { own, addresses, now }: HeldOptions) {
    this.session = session;
    this.own = own;
    this.since = now;
    this.#addresses = addresses;
    this.#usedAt = now;
  }

  get path(): Path {
    return this.session.path;
  }

  get roundTripMs(): number | undefined {
    return this.session.roundTripMs;
  }

  /** I made it, and so I close it when it is no longer used. */
  get isMine(): boolean {
    return this.path.direction === "dialled";
  }

  /** Monotonic milliseconds. */
  get usedAt(): number {
    return this.#usedAt;
  }

  used(now: number): void {
    this.#usedAt = now;
  }

  /** To be called about once a second: what passes is use, of whichever side. */
  look(now: number): void {
    const { bytesRead } = this.session;
    if (bytesRead !== this.#bytesSeen) this.#usedAt = now;
    this.#bytesSeen = bytesRead;
  }

  /** Was it made over one of these addresses? Of one that was dialled by a name only the name is known. */
  leadsTo(addresses: readonly string[]): boolean {
    const { kind, address } = this.path;
    if (kind === "reversed" || kind === "punched" || !this.isMine) return true;
    if (addresses.includes(formatAddress(address))) return true;
    const isName = (text: string) => isIP(parseAddress(text)?.host ?? "") === 0;
    return kind === "direct" && this.#addresses.some((text) => isName(text) && addresses.includes(text));
  }
}

/** What decides whether a session is closed. */
export interface Use {
  readonly isBest: boolean;
  readonly isRelayed: boolean;
  /** Calls and duplexes on it. */
  readonly active: number;
  /** For so long nothing has passed, and nothing was begun on it, milliseconds. */
  readonly quietMs: number;
  /** Something is open with the member that must not be cut, or the link is to be held open. */
  readonly isHeld: boolean;
  /** What is set for idle sessions, milliseconds; 0 holds them open. */
  readonly idleMs: number;
}

/** Is a session of mine to be closed now? */
export function isOver({ isBest, isRelayed, active, quietMs, isHeld, idleMs }: Use): boolean {
  if (!isBest) return active === 0 && quietMs > (isRelayed ? RETIRED_RELAYED_QUIET_MS : RETIRED_QUIET_MS);
  if (isHeld || idleMs === 0) return false;
  return quietMs > (isRelayed ? Math.min(idleMs, RELAYED_IDLE_MS) : idleMs);
}
