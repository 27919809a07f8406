/** What members say of themselves by multicast DNS (RFC 6762, 6763): the records of one, and how they are read. Functions of values. */
import { isIPv4, isIPv6 } from "node:net";
import { parseAddress } from "../../net/index.js";
import { type DiscoverySelf, ENTRY_CHARS_MAX } from "./discovery.js";

/** The service's name. */
export const SERVICE = "_fireflies._tcp.local";
/** Digits of an id in the name of an instance; all 64 would fit no label. */
const LABEL_DIGITS = 32;
/** Seconds that others may keep what was said. RFC 6762, section 10, says 120 for what has a host's name in it. */
export const TTL_SECONDS = 120;
/** Addresses of one member that are said, and believed. */
const ADDRESSES_MAX = 8;
/** Records of one packet that are looked at: a datagram holds no more that mean anything. */
const RECORDS_MAX = 256;
/** Bytes of one string of a TXT record (RFC 1035, section 3.3.14). */
const TEXT_BYTES_MAX = 255;

/** In the forms of the package multicast-dns, as far as they are used here. */
export interface DnsRecord {
  readonly name?: unknown;
  readonly type?: unknown;
  readonly ttl?: unknown;
  readonly data?: unknown;
}

export interface DnsPacket {
  readonly questions?: readonly DnsRecord[];
  readonly answers?: readonly DnsRecord[];
  readonly additionals?: readonly DnsRecord[];
}

/** Of one member, as it was said. */
export interface Instance {
  readonly label: string;
  readonly addresses: readonly string[];
  /** It says goodbye (RFC 6762, section 10.1). */
  readonly isLeaving: boolean;
}

export function labelOf({ id }: Pick<DiscoverySelf, "id">): string {
  return id.slice(0, LABEL_DIGITS);
}

/** Does somebody ask for members? */
export function isAskedFor({ questions = [] }: DnsPacket): boolean {
  return questions
    .slice(0, RECORDS_MAX)
    .some(({ name, type }) => lower(name) === SERVICE && (type === "PTR" || type === "ANY"));
}

/**
 * All that is said of this member. TXT carries the addresses as they stand in a note, which are not all of TCP; SRV and A are for
 * tools that show what is on a network.
 */
export function recordsOf(self: DiscoverySelf, isLeaving = false): readonly Required<DnsRecord>[] {
  const label = labelOf(self);
  const [name, host] = [`${label}.${SERVICE}`, `${label}.local`];
  const ttl = isLeaving ? 0 : TTL_SECONDS;
  const texts = [
    `network=${self.network}`,
    ...self.addresses.slice(0, ADDRESSES_MAX).map((address) => `address=${address}`),
  ];
  const parsed = self.addresses.map((address) => parseAddress(address)).filter((each) => each !== undefined);
  const [first] = parsed;
  const ips = [...new Set(parsed.map((each) => each.host))].filter((each) => isIPv4(each) || isIPv6(each));
  return [
    { name: SERVICE, type: "PTR", ttl, data: name },
    { name, type: "TXT", ttl, data: texts.filter((text) => Buffer.byteLength(text) <= TEXT_BYTES_MAX) },
    ...(first === undefined
      ? []
      : [{ name, type: "SRV", ttl, data: { port: first.port, target: ips.length > 0 ? host : first.host } }]),
    ...ips.slice(0, ADDRESSES_MAX).map((ip) => ({ name: host, type: isIPv4(ip) ? "A" : "AAAA", ttl, data: ip })),
  ];
}

/** The members of this network that a packet speaks of. Whatever else it holds is passed over. */
export function instancesIn({ answers = [], additionals = [] }: DnsPacket, network: string): readonly Instance[] {
  return [...answers, ...additionals].slice(0, RECORDS_MAX).flatMap(({ name, type, ttl, data }) => {
    const label = type === "TXT" ? instanceLabel(lower(name)) : undefined;
    const texts = label === undefined ? [] : textsOf(data);
    if (label === undefined || !texts.includes(`network=${network}`)) return [];
    const said = texts.flatMap((text) => (text.startsWith("address=") ? [text.slice("address=".length)] : []));
    const addresses = said
      .filter((text) => text.length <= ENTRY_CHARS_MAX && parseAddress(text))
      .slice(0, ADDRESSES_MAX);
    return [{ label, addresses, isLeaving: ttl === 0 }];
  });
}

function instanceLabel(name: string): string | undefined {
  const label = name.endsWith(`.${SERVICE}`) ? name.slice(0, -SERVICE.length - 1) : "";
  return /^[0-9a-f]{32}$/.test(label) ? label : undefined;
}

function textsOf(data: unknown): readonly string[] {
  const parts = Array.isArray(data) ? data.slice(0, RECORDS_MAX) : [data];
  return parts.flatMap((part) =>
    typeof part === "string" ? part : part instanceof Uint8Array ? Buffer.from(part).toString("utf8") : [],
  );
}

function lower(name: unknown): string {
  return typeof name === "string" ? name.toLowerCase().replace(/\.$/, "") : "";
}
