/** What a member tells the others to dial, from what it was told and what it has bound. */
import type { NetworkInterfaceInfo } from "node:os";
import { type Address, TRANSPORT_GRPC, TRANSPORT_PING } from "../../gossip/index.js";
import { formatHostPort, parseAddress } from "../../net/index.js";
import { ADVERTISED_MAX } from "./keys.js";
import type { MemberConfig } from "./resolve.js";

/** As os.networkInterfaces() gives them. */
export type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

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

/** The addresses of a note: for calls, and on the same hosts for pings, unless there is no port for them. */
export function noteAddresses(addresses: readonly string[], udpPort: number | undefined): Address[] {
  const hosts = addresses.map((address) => parseAddress(address)?.host).filter((host) => host !== undefined);
  const pings = udpPort === undefined ? [] : [...new Set(hosts)].map((host) => formatHostPort(host, udpPort));
  return [
    ...addresses.slice(0, ADVERTISED_MAX).map((text) => ({ transport: TRANSPORT_GRPC, text })),
    ...pings.slice(0, ADVERTISED_MAX).map((text) => ({ transport: TRANSPORT_PING, text })),
  ];
}

function firstExternal(interfaces: Interfaces, family: "IPv4" | "IPv6"): string {
  const all = Object.values(interfaces).flatMap((list) => list ?? []);
  const usable = all.filter((entry) => !entry.internal && !isLinkLocal(entry.address));
  // "::" is bound for both families where the system allows it.
  const found = usable.find((entry) => entry.family === family) ?? (family === "IPv6" ? usable[0] : undefined);
  return found?.address ?? (family === "IPv4" ? "127.0.0.1" : "::1");
}

/** Link-local addresses need a zone that means nothing on another machine. */
function isLinkLocal(address: string): boolean {
  return /^fe[89ab]/i.test(address) || address.startsWith("169.254.");
}
