/** What a member tells the others to dial, from what it was told and what it has bound. */
import {
  ADDRESSES_BYTES_MAX,
  ADDRESSES_MAX,
  type Address as NoteAddress,
  TRANSPORT_GRPC,
  TRANSPORT_PING,
} from "../../gossip/index.js";
import { FirefliesError } from "../../identity/index.js";
import {
  type Address,
  formatAddress,
  formatHostPort,
  type Interfaces,
  MEETING_SCHEMES,
  parseAddress,
} from "../../net/index.js";
import { TRANSPORT_CANDIDATE } from "../reach/observations.js";
import { ADVERTISED_MAX, type Advertise, AUTO, placed } from "./endpoints.js";
import { MEMBER_KEYS } from "./keys.js";
import type { MemberConfig } from "./resolve.js";

/** Hosts that are pinged: one per interface, and then some. */
const PINGED_MAX = 6;
/** What a note adds to each address: its transport and its length, bytes. */
const ADDRESS_HEADER_BYTES = 3;
const WILDCARDS: Readonly<Record<string, "IPv4" | "IPv6">> = { "0.0.0.0": "IPv4", "::": "IPv6" };

type Config = Pick<MemberConfig, "advertise" | "listen">;

/**
 * Addresses for the note, the preferred one first; never empty, never a wildcard. `bound`: what is listened on, in the
 * order of the configuration. Where nothing was told, and for "auto", they follow from it: bound to all interfaces, a member
 * advertises the first address that is not internal, of the family bound to, or loopback when the machine has no other.
 */
export function advertisedAddresses(
  { advertise }: Config,
  bound: readonly Address[],
  interfaces: Interfaces,
): readonly string[] {
  const entries: Advertise = advertise.length > 0 ? advertise : [AUTO];
  const all = entries.flatMap((entry) => (entry === AUTO ? derived(bound, interfaces) : placed(entry, bound)));
  return [...new Set(all)].slice(0, ADVERTISED_MAX);
}

/**
 * The addresses after a change of the machine's: undefined when nothing is to be told. A member that was told what to
 * advertise, or is bound to one address, stays with it. The others stay with the address that they have while the machine
 * has it, whatever else comes; and without another one as well, since loopback would lead nobody to them.
 */
export function movedAddresses(
  current: readonly string[],
  config: Config,
  bound: readonly Address[],
  interfaces: Interfaces,
): readonly string[] | undefined {
  const families = bound.flatMap(({ host }) => WILDCARDS[host] ?? []);
  if (!isDerived(config) || families.length === 0) return undefined;
  const present = interfaceHosts(() => interfaces);
  const isThere = current.some((address) => present.has(parseAddress(address)?.host ?? ""));
  const isFound = families.some((family) => usableOf(interfaces, family) !== undefined);
  return isThere || !isFound ? undefined : advertisedAddresses(config, bound, interfaces);
}

/** Does it follow, at least in part, from what is listened on and from the machine? */
export function isDerived({ advertise }: Pick<Config, "advertise">): boolean {
  return advertise.length === 0 || advertise.includes(AUTO);
}

/** What a program wants to advertise from now on, as the key `advertise` takes it. Throws "address-invalid". */
export function advertiseOf(raw: unknown): Advertise {
  const parsed = MEMBER_KEYS.advertise.parse(raw, "program");
  if (!parsed.ok) throw new FirefliesError("address-invalid", `What to advertise ${parsed.problem}.`);
  return parsed.value;
}

/** May what others see of me stand in my note? Where it is said, or nothing is, and not one address alone is bound. */
export function isAuto({ advertise, listen }: Config): boolean {
  const isAnywhere = listen.at.some(({ host }) => WILDCARDS[host] !== undefined);
  return advertise.includes(AUTO) || (advertise.length === 0 && isAnywhere);
}

/**
 * The addresses of a note: for calls, the preferred one first; `more`, as relays; on the same hosts for pings, unless there is
 * no port for them; and what others see of my UDP port, for punches. As many as a note holds.
 */
export function noteAddresses(
  addresses: readonly string[],
  udpPort: number | undefined,
  candidates: readonly string[] = [],
  more: readonly NoteAddress[] = [],
): NoteAddress[] {
  const all = addresses.map((address) => parseAddress(address)).filter((each) => each !== undefined);
  // Behind the name of a proxy nobody answers pings, unless there is no other.
  const own = all.filter(({ scheme }) => scheme === "tcp" || scheme === "udx");
  const ways = own.length > 0 ? own : all.filter(({ scheme }) => !MEETING_SCHEMES.includes(scheme)); // Its host is a server's.
  const hosts = new Set(ways.map(({ host }) => host));
  const pings = udpPort === undefined ? [] : [...hosts].map((host) => formatHostPort(host, udpPort));
  const [call, ...calls] = addresses.slice(0, ADVERTISED_MAX).map((text) => ({ transport: TRANSPORT_GRPC, text }));
  const [ping, ...others] = pings.slice(0, PINGED_MAX).map((text) => ({ transport: TRANSPORT_PING, text }));
  const seen = candidates
    .filter((text) => !addresses.includes(text))
    .map((text) => ({ transport: TRANSPORT_CANDIDATE, text }));
  return fitting([call ?? [], ping ?? [], calls, more, others, seen].flat());
}

function fitting(addresses: readonly NoteAddress[]): NoteAddress[] {
  let bytes = 0;
  return addresses.slice(0, ADDRESSES_MAX).filter(({ text }) => {
    bytes += text.length + ADDRESS_HEADER_BYTES;
    return bytes <= ADDRESSES_BYTES_MAX;
  });
}

/** All addresses of this machine; none while the system does not say, because it is out of descriptors. */
export function interfaceHosts(interfaces: () => Interfaces): ReadonlySet<string> {
  try {
    return new Set(Object.values(interfaces()).flatMap((list) => (list ?? []).map(({ address }) => address)));
  } catch {
    return new Set();
  }
}

/** Of what is bound: the address itself, or, for all of them, the machine's. */
function derived(bound: readonly Address[], interfaces: Interfaces): readonly string[] {
  return bound.map((each) => {
    const family = WILDCARDS[each.host];
    return formatAddress(family === undefined ? each : { ...each, host: firstExternal(interfaces, family) });
  });
}

function firstExternal(interfaces: Interfaces, family: "IPv4" | "IPv6"): string {
  return usableOf(interfaces, family) ?? (family === "IPv4" ? "127.0.0.1" : "::1");
}

function usableOf(interfaces: Interfaces, family: "IPv4" | "IPv6"): string | undefined {
  const all = Object.values(interfaces).flatMap((list) => list ?? []);
  const usable = all.filter((entry) => !entry.internal && !isLinkLocal(entry.address));
  // "::" is bound for both families where the system allows it.
  const found = usable.find((entry) => entry.family === family) ?? (family === "IPv6" ? usable[0] : undefined);
  return found?.address;
}

/** Link-local addresses need a zone that means nothing on another machine. */
function isLinkLocal(address: string): boolean {
  return /^fe[89ab]/i.test(address) || address.startsWith("169.254.");
}
