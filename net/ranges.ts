/** What kind of address an IP address is, however it is written; the one way to write it; and the network that it counts for. */
import { BlockList, isIP, SocketAddress } from "node:net";
import type { Address } from "./address.js";

/**
 * - `loopback`, `link-local`, `site-local`: only for those who advertise such addresses themselves.
 * - `unspecified`, `multicast`, `reserved`: nobody listens there.
 * - `metadata`: where cloud providers answer every machine, with its credentials.
 */
export type Range =
  | "loopback"
  | "link-local"
  | "site-local"
  | "unspecified"
  | "multicast"
  | "reserved"
  | "metadata"
  | "ordinary";

/** The first that holds. IPv4 ranges; IPv6 that embeds an IPv4 address is what that address is. */
const RANGES_IPV4: readonly (readonly [Range, BlockList])[] = [
  // AWS, Azure, Google and others; ECS; EKS; Alibaba; Azure's WireServer.
  [
    "metadata",
    blocks("169.254.169.254/32", "169.254.170.2/32", "169.254.170.23/32", "100.100.100.200/32", "168.63.129.16/32"),
  ],
  ["loopback", blocks("127.0.0.0/8")],
  ["unspecified", blocks("0.0.0.0/8")],
  ["link-local", blocks("169.254.0.0/16")],
  ["multicast", blocks("224.0.0.0/3")], // And what is reserved above it, and broadcast.
];

const RANGES_IPV6: readonly (readonly [Range, BlockList])[] = [
  // AWS; EKS; Google.
  ["metadata", blocks("fd00:ec2::254/128", "fd00:ec2::23/128", "fd20:ce::254/128")],
  ["loopback", blocks("::1/128")],
  ["unspecified", blocks("::/128")],
  ["link-local", blocks("fe80::/10")],
  ["site-local", blocks("fec0::/10")], // RFC 3879: given up, and still routed inside of some sites.
  ["multicast", blocks("ff00::/8")],
  ["reserved", blocks("::/96")], // RFC 4291, section 2.5.5.1: IPv4-compatible, given up.
];

/** Of IPv6 networks that embed an IPv4 address: their leading bits, and the byte where it begins. */
const EMBEDDING: readonly (readonly [BlockList, number])[] = [
  [blocks("::ffff:0:0/96"), 12], // RFC 4291, section 2.5.5.2: IPv4-mapped.
  [blocks("::ffff:0:0:0/96"), 12], // RFC 2765: IPv4-translated.
  [blocks("64:ff9b::/96"), 12], // RFC 6052: NAT64.
  [blocks("64:ff9b:1::/48"), 12], // RFC 8215: NAT64 of one's own, with the usual length of 96 bits.
  [blocks("::/96"), 12],
  [blocks("2002::/16"), 2], // RFC 3056: 6to4.
];

/** RFC 1918, RFC 6598 (behind a provider's NAT), RFC 4193: they mean something in one network only. */
const PRIVATE_IPV4 = blocks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10");
const PRIVATE_IPV6 = blocks("fc00::/7");

function blocks(...subnets: readonly string[]): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [network, bits] = subnet.split("/") as [string, string];
    list.addSubnet(network, Number(bits), isIP(network) === 6 ? "ipv6" : "ipv4");
  }
  return list;
}

/** Hosts whose range is remembered: it is asked for with each ping, and takes ten comparisons of Node's. All go at once. */
const REMEMBERED_MAX = 4_096;
/** Of a longer host, in characters, it is not remembered: an IPv6 address with a zone is shorter. */
const REMEMBERED_CHARS_MAX = 64;

const remembered = new Map<string, Range>();

/**
 * The range that an IP address belongs to, however it is written. Host names are ordinary, but for "localhost" and what
 * is below it: look them up first.
 */
export function rangeOf(host: string): Range {
  const known = remembered.get(host);
  if (known !== undefined) return known;
  const range = rangeFound(host);
  if (remembered.size >= REMEMBERED_MAX) remembered.clear();
  if (host.length <= REMEMBERED_CHARS_MAX) remembered.set(host, range);
  return range;
}

function rangeFound(host: string): Range {
  const name = host.toLowerCase().replace(/\.$/, "");
  if (name === "localhost" || name.endsWith(".localhost")) return "loopback";
  const address = name.replace(/%.*$/, "");
  const family = isIP(address);
  if (family === 0) return "ordinary";
  return family === 4 ? rangeOfIpv4(address) : rangeOfIpv6(address);
}

/** Is it an IP address that another network may have as well? Names are not. */
export function isPrivate(host: string): boolean {
  const { host: address } = canonical({ scheme: "", host: host.replace(/%.*$/, ""), port: 0 });
  const family = isIP(address);
  return family === 4 ? PRIVATE_IPV4.check(address, "ipv4") : family === 6 && PRIVATE_IPV6.check(address, "ipv6");
}

function rangeOfIpv4(address: string): Range {
  return RANGES_IPV4.find(([, list]) => list.check(address, "ipv4"))?.[0] ?? "ordinary";
}

function rangeOfIpv6(address: string): Range {
  const own = RANGES_IPV6.find(([, list]) => list.check(address, "ipv6"))?.[0];
  if (own !== undefined && own !== "reserved") return own;
  const embedding = EMBEDDING.find(([list]) => list.check(address, "ipv6"));
  const embedded =
    embedding &&
    rangeOfIpv4(
      ipv6Bytes(address)
        .slice(embedding[1], embedding[1] + 4)
        .join("."),
    );
  return embedded === undefined || embedded === "ordinary" ? (own ?? "ordinary") : embedded;
}

/** The 16 bytes of an IPv6 address (RFC 4291, section 2.2) that `isIP` has accepted, without a zone. */
export function ipv6Bytes(address: string): readonly number[] {
  const hex = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) => `${pair(a, b)}:${pair(c, d)}`);
  const [head = [], tail] = hex.split("::").map((half) => half.split(":").filter((group) => group !== ""));
  const filled = tail === undefined ? head : [...head, ...Array(8 - head.length - tail.length).fill("0"), ...tail];
  return filled.flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

function pair(high: string, low: string): string {
  return (Number(high) * 256 + Number(low)).toString(16);
}

/**
 * The one way to write an address with an IP address as its host (RFC 5952), IPv4-mapped as IPv4, and TCP's without a
 * path: otherwise the ways to write one are as many addresses. Other hosts stay as they are.
 */
export function canonical(address: Address): Address {
  const { scheme, host, port } = address;
  const bare = scheme === "tcp" ? { scheme, host, port } : address;
  if (isIP(host) !== 6 || host.includes("%")) return bare;
  const written = new SocketAddress({ address: host, family: "ipv6" }).address;
  return { ...bare, host: written.replace(/^::ffff:(?=\d+\.)/, "") };
}

/**
 * What an address counts as when it is bounded: IPv4 as it is, IPv6 by its /64, of which one host may have all
 * addresses.
 */
export function networkOf(host: string): string {
  const address = host.replace(/%.*$/, "");
  if (isIP(address) !== 6) return host;
  const bytes = ipv6Bytes(address);
  const [mapped, at] = EMBEDDING[0]!;
  if (mapped.check(address, "ipv6")) return bytes.slice(at).join(".");
  return `${bytes
    .slice(0, 8)
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("")}/64`;
}
