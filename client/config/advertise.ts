/** What a member tells the others to dial, from what it was told and what it has bound. */
import type { NetworkInterfaceInfo } from "node:os";
import { type Address, TRANSPORT_GRPC, TRANSPORT_PING } from "../../gossip/index.js";
import { FirefliesError } from "../../identity/index.js";
import { formatHostPort, parseAddress } from "../../net/index.js";
import { ADVERTISED_MAX, MEMBER_KEYS } from "./keys.js";
import type { MemberConfig } from "./resolve.js";

/** As os.networkInterfaces() gives them. */
export type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/** Of addresses in notes: where a member is to be met by punching, "IP:port" of its UDP port. gossip/ does not open it. */
export const TRANSPORT_CANDIDATE = 3;

const WILDCARDS: Readonly<Record<string, "IPv4" | "IPv6">> = { "0.0.0.0": "IPv4", "::": "IPv6" };

/**
 * Addresses for the note, "host:port", the preferred one first; never empty, never a wildcard. Bound to all interfaces
 * and told nothing, a member advertises its first address that is not internal, of the family bound to, or loopback
 * when the machine has no other.
 */
export function advertisedAddresses(
  config: Pick<MemberConfig, "advertise" | "listen">,
  boundPort: number,
  interfaces: Interfaces,
): readonly string[] {
  if (config.advertise.length > 0) {
    return config.advertise.map(({ host, port }) => formatHostPort(host, port ?? boundPort));
  }
  const family = WILDCARDS[config.listen.host];
  if (family === undefined) return [formatHostPort(config.listen.host, boundPort)];
  return [formatHostPort(firstExternal(interfaces, family), boundPort)];
}

/**
 * The addresses after a change of the machine's: undefined when nothing is to be told. A member that was told what to
 * advertise, or is bound to one address, stays with it. The others stay with the address that they have while the machine
 * has it, whatever else comes; and without another one as well, since loopback would lead nobody to them.
 */
export function movedAddresses(
  current: readonly string[],
  config: Pick<MemberConfig, "advertise" | "listen">,
  boundPort: number,
  interfaces: Interfaces,
): readonly string[] | undefined {
  const family = WILDCARDS[config.listen.host];
  if (config.advertise.length > 0 || family === undefined) return undefined;
  const present = new Set(Object.values(interfaces).flatMap((list) => (list ?? []).map(({ address }) => address)));
  const isThere = current.some((address) => present.has(parseAddress(address)?.host ?? ""));
  const found = usableOf(interfaces, family);
  return isThere || found === undefined ? undefined : [formatHostPort(found, boundPort)];
}

/**
 * What a program wants to advertise from now on, as the key `advertise` takes it; an entry without a port has the bound one.
 * Throws "address-invalid".
 */
export function advertisedBy(raw: unknown, boundPort: number): readonly string[] {
  const parsed = MEMBER_KEYS.advertise.parse(raw, "program");
  if (!parsed.ok) throw new FirefliesError("address-invalid", `What to advertise ${parsed.problem}.`);
  return parsed.value.map(({ host, port }) => formatHostPort(host ?? "", port ?? boundPort));
}

/** May what others see of me stand in my note? Where nothing was said of it, and it does not follow from one address. */
export function isAuto(config: Pick<MemberConfig, "advertise" | "listen">): boolean {
  return config.advertise.length === 0 && WILDCARDS[config.listen.host] !== undefined;
}

/**
 * The addresses of a note: for calls, on the same hosts for pings, unless there is no port for them, and what others see
 * of my UDP port, for punches.
 */
export function noteAddresses(
  addresses: readonly string[],
  udpPort: number | undefined,
  candidates: readonly string[] = [],
): Address[] {
  const hosts = addresses.map((address) => parseAddress(address)?.host).filter((host) => host !== undefined);
  const pings = udpPort === undefined ? [] : [...new Set(hosts)].map((host) => formatHostPort(host, udpPort));
  return [
    ...addresses.slice(0, ADVERTISED_MAX).map((text) => ({ transport: TRANSPORT_GRPC, text })),
    ...pings.slice(0, ADVERTISED_MAX).map((text) => ({ transport: TRANSPORT_PING, text })),
    ...candidates.map((text) => ({ transport: TRANSPORT_CANDIDATE, text })),
  ];
}

/** All addresses of this machine; none while the system does not say, because it is out of descriptors. */
export function interfaceHosts(interfaces: () => Interfaces): ReadonlySet<string> {
  try {
    return new Set(Object.values(interfaces()).flatMap((list) => (list ?? []).map(({ address }) => address)));
  } catch {
    return new Set();
  }
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
