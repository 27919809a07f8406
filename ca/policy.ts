/** What the authority admits, and what it says in a certificate: decisions on values only. */
import {
  ADDRESS_CHARACTERS_MAX,
  ADDRESSES_MAX,
  CLOCK_TOLERANCE_MS,
  hmacSha256,
  REPORT_NEXT_SECONDS_MAX,
} from "../identity/index.js";
import { concatBytes, type MemberId, memberIdFromBytes } from "../rings/index.js";

const NETWORK_NAME = /^[a-z0-9][a-z0-9-]{0,31}$/;
/**
 * A host of letters, digits, dots, hyphens and underscores, or an IPv6 address (with a zone) in brackets; then a port. Behind
 * a scheme, which is the members' business, a path may follow.
 */
const HOST_PORT = /^(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\]):(\d{1,5})$/;
const URL_LIKE = /^[a-z][a-z0-9+-]{0,15}:\/\/([^/?#@]+)(?:\/[\w./~%!$&'()*+,;=:@-]*)?$/;
const PORT_MAX = 65_535;
/** A renewal with more of the life left than this gives the current certificate again: a lost answer costs nothing. */
const RENEWAL_SHARE = 9 / 10;

/** Whether this may name a network: it is also a part of file names. */
export function isNetworkName(name: string): boolean {
  return NETWORK_NAME.test(name);
}

/** Whether these may be a member's addresses: at most 8 of "host:port" or "scheme://host:port/path". */
export function areAddresses(addresses: readonly string[]): boolean {
  return addresses.length <= ADDRESSES_MAX && addresses.every(isAddress);
}

function isAddress(address: string): boolean {
  if (address.length > ADDRESS_CHARACTERS_MAX) return false;
  const [, hostPort = address] = URL_LIKE.exec(address) ?? [];
  const port = Number(HOST_PORT.exec(hostPort)?.[1] ?? 0);
  return port >= 1 && port <= PORT_MAX;
}

/** A report may be this late, milliseconds: the deadline of a call. */
const REPORT_SLACK_MS = 5_000;

/** When a member's next report is overdue: it says in how many seconds it comes, or nothing. Unix milliseconds. */
export function dueAt(reportedAt: number, nextSeconds: number = REPORT_NEXT_SECONDS_MAX): number {
  return reportedAt + nextSeconds * 1_000 + REPORT_SLACK_MS;
}

/**
 * The member id of a principal: HMAC-SHA-256(id secret, "fireflies/1/id" 0x00 principal 0x00 generation). Nobody
 * outside can compute it, so nobody can pick a name for its place on the rings; nothing can change it but an
 * operator who raises the generation.
 */
export function memberIdOf(idSecret: Uint8Array, principal: string, generation: number): MemberId {
  const domain = new TextEncoder().encode("fireflies/1/id\0");
  const name = new TextEncoder().encode(`${principal}\0${generation}`);
  return memberIdFromBytes(hmacSha256(idSecret, concatBytes(domain, name)));
}

/** From a little before now, because clocks differ, for one lifetime. Unix milliseconds. */
export function validityAt(now: number, lifetimeMs: number): { readonly notBefore: number; readonly notAfter: number } {
  return { notBefore: now - CLOCK_TOLERANCE_MS, notAfter: now + lifetimeMs };
}

/** What tells whether a member still needs the certificate that it holds. */
export interface Heard {
  /** As in `MemberRecord`. */
  readonly heardAt: number;
  readonly goneAt: number | undefined;
  readonly how: string | undefined;
}

/**
 * Whether a member may still need its certificate: not when the operator said that it is gone, nor when nothing was heard
 * of it since `silentSince` (unix milliseconds; undefined when silence says nothing). One that was signed offline never
 * reports, so its silence says nothing either.
 */
export function isAwaited({ heardAt, goneAt, how }: Heard, silentSince: number | undefined): boolean {
  if (goneAt !== undefined) return false;
  return how === "offline" || silentSince === undefined || heardAt > silentSince;
}

/** Every member that runs has reported within this time of the authority's being there, milliseconds. */
const ALL_HEARD_MS = 2 * REPORT_NEXT_SECONDS_MAX * 1_000;
/** Whoever serves a network says so every minute, milliseconds: so much longer is a pause. */
export const SERVED_GAP_MS = 10 * 60_000;

/**
 * Who was last heard of before this instant is silent; undefined while silence says nothing, because the authority is not
 * served, or not for long enough that all who run have reported. Unix milliseconds.
 */
export function silentSince(now: number, silentMs: number, served: { readonly since: number; readonly at: number }) {
  const isThere = Math.abs(now - served.at) <= SERVED_GAP_MS && served.since <= now - ALL_HEARD_MS;
  return isThere ? now - silentMs : undefined;
}

/** Whether a certificate is so young that a renewal for the same key answers with it again. */
export function isFresh({ issuedAt, notAfter }: { issuedAt: number; notAfter: number }, now: number): boolean {
  return notAfter - now > (notAfter - issuedAt) * RENEWAL_SHARE;
}
