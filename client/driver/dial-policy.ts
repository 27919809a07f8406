/**
 * Which addresses of others I dial, and how often. An address in a note is a stranger's word: it may point at a third
 * party, at loopback, at whatever listens next to me.
 */
import { BlockList, isIP } from "node:net";
import type { MemberId } from "../../rings/index.js";
import { parseAddress } from "../address.js";
import { PeerMismatch } from "../guard.js";

/** The first pause after a failed dial, milliseconds; doubled with every further one ... */
const BACKOFF_FIRST_MS = 250;
/** ... up to this. */
const BACKOFF_MAX_MS = 10_000;
/** Addresses whose failures are remembered. */
const FAILURES_MAX = 4096;

type Range = "loopback" | "unspecified" | "link-local" | "multicast" | "ordinary";

const RANGES: readonly (readonly [Range, BlockList])[] = [
  ["loopback", blocks("127.0.0.0/8", "::1/128")],
  ["unspecified", blocks("0.0.0.0/8", "::/128")],
  ["link-local", blocks("169.254.0.0/16", "fe80::/10")],
  ["multicast", blocks("224.0.0.0/3", "ff00::/8")], // And what is reserved above it, and broadcast.
];

function blocks(...subnets: readonly string[]): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [network, bits] = subnet.split("/") as [string, string];
    list.addSubnet(network, Number(bits), isIP(network) === 6 ? "ipv6" : "ipv4");
  }
  return list;
}

/**
 * The range that an address belongs to, however it is written; IPv4 in IPv6 is what it is in IPv4. Host names are
 * ordinary, but for "localhost": look them up first (resolve.ts).
 */
export function rangeOf(host: string): Range {
  const name = host.toLowerCase().replace(/\.$/, "");
  if (name === "localhost" || name.endsWith(".localhost")) return "loopback";
  const address = name.replace(/%.*$/, "");
  const family = isIP(address);
  if (family === 0) return "ordinary";
  const found = RANGES.find(([, list]) => list.check(address, family === 6 ? "ipv6" : "ipv4"));
  return found?.[0] ?? "ordinary";
}

/** May I dial this address? Loopback only when I advertise loopback myself: then the network lives on this machine. */
export function mayDial(address: string, mine: readonly string[]): boolean {
  const parts = parseAddress(address);
  if (!parts || parts.port === 0 || mine.includes(address)) return false;
  const range = rangeOf(parts.host);
  if (range === "ordinary") return true;
  if (range === "unspecified" || range === "multicast") return false;
  return mine.some((own) => rangeOf(parseAddress(own)?.host ?? "") === range);
}

/** Remembers failed dials per address, over all members that claim it. */
export class DialHistory {
  readonly #failures = new Map<string, { readonly count: number; readonly until: number; readonly error: Error }>();

  /**
   * Why this address is not dialled now: its last dial failed a moment ago. A dial that found this member when another was
   * expected does not count: else liars could cut a member off by naming its address in their notes.
   */
  recent(address: string, now: number, expect?: MemberId): Error | undefined {
    const failure = this.#failures.get(address);
    if (!failure || now >= failure.until) return undefined;
    const { error } = failure;
    return expect !== undefined && error instanceof PeerMismatch && error.found === expect ? undefined : error;
  }

  failed(address: string, now: number, error: Error): void {
    const count = (this.#failures.get(address)?.count ?? 0) + 1;
    this.#failures.delete(address);
    const pause = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** (count - 1));
    this.#failures.set(address, { count, until: now + pause, error });
    const oldest = this.#failures.keys().next().value;
    if (this.#failures.size > FAILURES_MAX && oldest !== undefined) this.#failures.delete(oldest);
  }

  /** It answered, or its member has said something new: no reason to wait. */
  forgive(address: string): void {
    this.#failures.delete(address);
  }
}
