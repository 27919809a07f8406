/** IP addresses as numbers, so that each has one spelling and one place in an order (RFC 4291, RFC 5952). */
import { isIPv4, isIPv6 } from "node:net";

export interface Ip {
  readonly family: 4 | 6;
  readonly value: bigint;
  /** Of IPv6, without "%"; "" for none. */
  readonly zone: string;
}

const GROUPS = 8;
/** ::ffff:0:0/96, the addresses of IPv4 within IPv6. */
const MAPPED_PREFIX = 0xffffn;

/** Undefined when the text is no IP address. */
export function parseIp(text: string): Ip | undefined {
  if (isIPv4(text)) return { family: 4, value: v4Value(text), zone: "" };
  if (!isIPv6(text)) return undefined;
  const at = text.indexOf("%");
  const zone = at === -1 ? "" : text.slice(at + 1);
  return { family: 6, value: v6Value(at === -1 ? text : text.slice(0, at)), zone };
}

export function formatIp({ family, value, zone }: Ip): string {
  if (family === 4) return v4Text(value);
  return `${v6Text(value)}${zone === "" ? "" : `%${zone}`}`;
}

/** IPv4 within IPv6 as the IPv4 address that it is: dual-stack sockets show callers so. */
export function unmapped(ip: Ip): Ip {
  if (ip.family === 4 || ip.value >> 32n !== MAPPED_PREFIX) return ip;
  return { family: 4, value: ip.value & 0xffffffffn, zone: "" };
}

/** IPv4 before IPv6, then by number, then by zone. */
export function compareIps(a: Ip, b: Ip): number {
  if (a.family !== b.family) return a.family - b.family;
  if (a.value !== b.value) return a.value < b.value ? -1 : 1;
  return a.zone < b.zone ? -1 : a.zone > b.zone ? 1 : 0;
}

function v4Value(text: string): bigint {
  return text.split(".").reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

function v4Text(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join(".");
}

function v6Value(text: string): bigint {
  const [head = "", tail] = text.split("::");
  const before = groupsOf(head);
  const after = tail === undefined ? [] : groupsOf(tail);
  const zeros = new Array<bigint>(GROUPS - before.length - after.length).fill(0n);
  return [...before, ...zeros, ...after].reduce((value, group) => (value << 16n) | group, 0n);
}

function groupsOf(text: string): bigint[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => {
    if (!group.includes(".")) return [BigInt(`0x${group}`)];
    const v4 = v4Value(group);
    return [v4 >> 16n, v4 & 0xffffn];
  });
}

function v6Text(value: bigint): string {
  if (value >> 32n === MAPPED_PREFIX) return `::ffff:${v4Text(value & 0xffffffffn)}`;
  const groups = Array.from({ length: GROUPS }, (_, index) => (value >> BigInt(16 * (GROUPS - 1 - index))) & 0xffffn);
  const { start, length } = longestZeros(groups);
  const hex = (part: readonly bigint[]) => part.map((group) => group.toString(16)).join(":");
  if (length < 2) return hex(groups);
  return `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
}

/** The first of the longest runs of zero groups (RFC 5952, section 4.2.3). */
function longestZeros(groups: readonly bigint[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (const [index, group] of groups.entries()) {
    if (group !== 0n) start = index + 1;
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start };
  }
  return best;
}
