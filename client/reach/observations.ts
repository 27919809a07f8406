/**
 * From which address I come, as others see it, and what lies between: nothing, a NAT that gives one port the same outer
 * port towards everybody, or one that gives another port to each (RFC 4787, section 4.1). Up to t of those who say it lie.
 */
import { isIP } from "node:net";
import { formatHostPort, type HostPort, parseHostPort } from "../../net/index.js";
import type { MemberId } from "../../rings/index.js";

/** What one member sees of me. */
export interface Observation {
  readonly by: MemberId;
  /** "IP:port" that my session with it came from, or that it dialled. A port that a session came from is its alone. */
  readonly tcp: string | undefined;
  /** "IP:port" that datagrams of my one UDP port came from. */
  readonly udp: string | undefined;
}

/**
 * - `none`: others see an address that this machine has.
 * - `mapped`: they see another one, all the same (RFC 4787: endpoint-independent mapping). Others can be met by punching.
 * - `symmetric`: each sees another port (address- or port-dependent mapping). Punching works with those who have no such NAT.
 * - `translated`: they see another address, and too few of them a UDP port: more is not known.
 * - `unknown`: nobody has said anything yet.
 */
export type NatKind = "none" | "mapped" | "symmetric" | "translated" | "unknown";

/** An address that others see, and how many. */
export interface Observed {
  /** "IP" of sessions, "IP:port" of datagrams. */
  readonly address: string;
  readonly transport: "tcp" | "udp";
  readonly by: number;
}

/** One member alone may lie; two that agree are worth a try, which costs a few datagrams. */
const AGREEING_MIN = 2;
/** Candidates in a note: of datagrams, and as many of connections. */
const CANDIDATES_MAX = 2;
/** Of "IP:port": IPv6 with its brackets, a port, and a zone of moderate length. */
const IP_PORT_CHARS_MAX = 64;
/** Before "IP:port" of a UDP port. */
export const UDP_PREFIX = "udp://";
/**
 * Of addresses in notes: where a member may be met though it does not say that it is reached there, as two others see it:
 * "udp://IP:port" of its UDP port, for punches, and "IP:port" of an outer address, for others to dial back. gossip/ does not
 * open them.
 */
export const TRANSPORT_CANDIDATE = 3;

/** What is seen, the most agreed on first. */
export function observedOf(observations: readonly Observation[]): readonly Observed[] {
  const tcp = counted(observations.flatMap(({ tcp: text }) => hostOf(text) ?? []));
  const udp = counted(observations.flatMap(({ udp: text }) => text ?? []));
  const all = [
    ...tcp.map(([address, by]): Observed => ({ address, transport: "tcp", by })),
    ...udp.map(([address, by]): Observed => ({ address, transport: "udp", by })),
  ];
  return all.toSorted((a, b) => b.by - a.by);
}

/** "udp://IP:port" to be tried in punches: what two agree on, or the only one there is to ask. */
export function candidatesOf(observations: readonly Observation[], others: number): readonly string[] {
  const needed = Math.min(AGREEING_MIN, others);
  const agreed = counted(observations.flatMap(({ udp }) => udp ?? [])).filter(([, by]) => by >= needed);
  return agreed.slice(0, CANDIDATES_MAX).map(([address]) => `${UDP_PREFIX}${address}`);
}

/** `own`: the addresses of this machine, and its UDP port if it has one. */
export function natOf(
  observations: readonly Observation[],
  own: { readonly hosts: ReadonlySet<string>; readonly udpPort: number | undefined },
): NatKind {
  const mappings = observations.flatMap(({ udp }) => (udp === undefined ? [] : (parseHostPort(udp) ?? [])));
  // Those on my own network see me as I am, whatever stands between it and the others.
  const outer = mappings.filter((seen) => !own.hosts.has(seen.host) || seen.port !== own.udpPort);
  if (outer.length >= AGREEING_MIN) return isMostlyOne(outer) ? "mapped" : "symmetric";
  const hosts = [...observations.flatMap(({ tcp }) => hostOf(tcp) ?? []), ...mappings.map(({ host }) => host)];
  const elsewhere = hosts.filter((host) => !own.hosts.has(host)).length;
  if (elsewhere >= Math.min(AGREEING_MIN, hosts.length) && elsewhere > 0) return "translated";
  return hosts.length > 0 ? "none" : "unknown";
}

/** More than half of them see the same: fewer than half are taken to lie. */
function isMostlyOne(mappings: readonly HostPort[]): boolean {
  const [[, by] = ["", 0]] = counted(mappings.map(({ host, port }) => formatHostPort(host, port)));
  return 2 * by > mappings.length;
}

/** Each with how often it is there, the most frequent first; of equals the first. */
function counted(values: readonly string[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].toSorted(([, a], [, b]) => b - a);
}

/** The host of "IP:port"; undefined when it is no IP address: another member's word. */
export function hostOf(text: string | undefined): string | undefined {
  const host = text === undefined ? undefined : parseHostPort(text)?.host;
  return host !== undefined && isIP(host) !== 0 ? host : undefined;
}

/**
 * The text if it is "IP:port", as a member writes it that tells the truth. It goes on into my note and my offers of punches,
 * which others refuse as a whole when one address in them is none.
 */
export function ipPortOf(text: string | undefined): string | undefined {
  const isPlain = text !== undefined && text.length <= IP_PORT_CHARS_MAX && hostOf(text) !== undefined;
  return isPlain ? text : undefined;
}
