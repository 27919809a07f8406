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
/** A host of letters, digits, dots, hyphens and underscores, or an IPv6 address (with a zone) in brackets; then a port. */
const ADDRESS = /^(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\]):(\d{1,5})$/;
const PORT_MAX = 65_535;
/** A renewal with more of the life left than this gives the current certificate again: a lost answer costs nothing. */
const RENEWAL_SHARE = 9 / 10;

/** Whether this may name a network: it is also a part of file names. */
export function isNetworkName(name: string): boolean {
  return NETWORK_NAME.test(name);
}

/** Whether these may be a member's addresses: at most 8 of "host:port". */
export function areAddresses(addresses: readonly string[]): boolean {
  return addresses.length <= ADDRESSES_MAX && addresses.every(isAddress);
}

function isAddress(address: string): boolean {
  if (address.length > ADDRESS_CHARACTERS_MAX) return false;
  const port = Number(ADDRESS.exec(address)?.[1] ?? 0);
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

/** Whether a certificate is so young that a renewal for the same key answers with it again. */
export function isFresh({ issuedAt, notAfter }: { issuedAt: number; notAfter: number }, now: number): boolean {
  return notAfter - now > (notAfter - issuedAt) * RENEWAL_SHARE;
}
