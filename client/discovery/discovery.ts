/**
 * Where a member hears of others that it may contact: a source of addresses. What a source says is not trusted. It costs dials,
 * within the member's budgets; who answers proves that it is a member. docs/discovery.md.
 */
import type { MemberId } from "../../rings/index.js";

/** Milliseconds that one call of `contacts` may take; its signal fires then, and the others have not waited. */
export const ANSWER_TIMEOUT_MS = 10_000;
/** Contacts of one answer that are used, the first ones: as many as a member keeps. */
export const CONTACTS_MAX = 64;
/** Characters of one entry: an id, "@" and an address. */
export const ENTRY_CHARS_MAX = 600;
/** Sources of one member: each holds a timer, and may hold a connection. */
export const SOURCES_MAX = 16;

/** Who asks, for sources at which members also announce themselves. */
export interface DiscoverySelf {
  readonly id: MemberId;
  /** 64 hex digits. */
  readonly network: string;
  /** Where others reach it, as in `Client.self`. */
  readonly addresses: readonly string[];
}

/**
 * A source of contacts: `new Client({ discovery: [source] })`. It belongs to one client. `discoveryContract` of
 * `fireflies/testing` is what every source has to pass.
 */
export interface Discovery {
  /** How alarms and figures call it, as "dns:members.example:7000": one line of 1 to 128 characters. */
  readonly name: string;
  /**
   * Those that it knows now, each as an entry of `entryAddrs`: "host:port", a URL, "ID@" before it; those that are to be asked
   * first stand first, and of more than 64 the rest is left out. None is an answer. Called when the client starts, and
   * again for ever: some seconds later while the member is alone, after ten seconds to five minutes otherwise, after growing
   * pauses when it rejects; never while an earlier call has not ended. Rejects soon after the signal has fired, which it does
   * after ten seconds.
   */
  contacts(signal: AbortSignal): Promise<readonly string[]>;
  /** Calls the listener whenever `contacts` would say something else. Called once, before the first `contacts`. */
  onChange?(listener: () => void): void;
  /**
   * What is wrong although `contacts` answers, in a sentence; undefined for nothing. Asked after each answer, and told as the alarm
   * "discovery-degraded", once until it is over. Must not throw.
   */
  trouble?(): string | undefined;
  /** Who asks: before the first `contacts`, and when its addresses have changed. */
  announce?(self: DiscoverySelf): void;
  /** Called once, at the end. Leaves nothing open. */
  close?(): Promise<void> | void;
}

/** How a source is, in `Client.info()`. */
export interface DiscoveryInfo {
  /** "authority", "list" for the addresses in `entryAddrs`, or the source's own name. */
  readonly source: string;
  /** In its last answer, without those that are no address and those that are this member's own. */
  readonly contacts: number;
  /** When that came, unix milliseconds; undefined before the first. */
  readonly answeredAt: number | undefined;
  /** Why the last call failed; undefined when it did not. */
  readonly error: string | undefined;
  /** Calls that have failed in a row; 0 when the last one did not. */
  readonly failures: number;
}
