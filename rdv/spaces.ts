/**
 * Address spaces: what kind of network an IP address belongs to, and sets of them, by which a client says which
 * addresses it shows to its peer and dials. The spaces are those of IANA's registries for special addresses: RFC 1122
 * (loopback), RFC 1918 and RFC 4193 (private), RFC 3927 and RFC 4291 (link-local). All else that is unicast is public.
 */
import { type Ip, parseIp, unmapped } from "./wire/ip.js";

export const SPACES = [
  "public4",
  "public6",
  "private4",
  "private6",
  "link4",
  "link6",
  "loopback4",
  "loopback6",
] as const;
/** Of one IP address. */
export type AddressSpace = (typeof SPACES)[number];

/** A set of address spaces. Immutable. */
export class AddressSpaces {
  static readonly public4 = new AddressSpaces(["public4"]);
  static readonly public6 = new AddressSpaces(["public6"]);
  static readonly private4 = new AddressSpaces(["private4"]);
  static readonly private6 = new AddressSpaces(["private6"]);
  static readonly link4 = new AddressSpaces(["link4"]);
  static readonly link6 = new AddressSpaces(["link6"]);
  static readonly loopback4 = new AddressSpaces(["loopback4"]);
  static readonly loopback6 = new AddressSpaces(["loopback6"]);
  /** No space: a client with it has its peer by relay only. */
  static readonly none = new AddressSpaces([]);
  static readonly public = new AddressSpaces(["public4", "public6"]);
  /** Public and private: for peers in the Internet and in the same building. */
  static readonly default = new AddressSpaces(["public4", "public6", "private4", "private6"]);
  static readonly all = new AddressSpaces(SPACES);

  readonly #spaces: ReadonlySet<AddressSpace>;

  private constructor(spaces: Iterable<AddressSpace>) {
    this.#spaces = new Set(spaces);
  }

  /** The union of spaces and sets. */
  static of(...parts: readonly (AddressSpace | AddressSpaces)[]): AddressSpaces {
    return new AddressSpaces(parts.flatMap((part) => (typeof part === "string" ? [part] : part.list())));
  }

  list(): AddressSpace[] {
    return SPACES.filter((space) => this.#spaces.has(space));
  }

  /** Whether a space, or each space of another set that has one at least, is in this set. */
  includes(other: AddressSpace | AddressSpaces): boolean {
    const spaces = typeof other === "string" ? [other] : other.list();
    return spaces.length > 0 && spaces.every((space) => this.#spaces.has(space));
  }

  /** Whether the space of an IP address is in this set. False for what is no unicast address. */
  includesAddress(ip: string): boolean {
    const space = addressSpace(ip);
    return space !== undefined && this.#spaces.has(space);
  }

  /** Whether this set is the one space of an IP address. */
  matches(ip: string): boolean {
    return this.#spaces.size === 1 && this.includesAddress(ip);
  }

  /** The names with commas, "none" for the empty set. */
  toString(): string {
    return this.list().join(",") || "none";
  }
}

/** The space of an IP address; undefined for what is none, and for unspecified, multicast and broadcast addresses. */
export function addressSpace(ip: string): AddressSpace | undefined {
  const parsed = parseIp(ip);
  return parsed && spaceOf(parsed);
}

/** As `addressSpace`. IPv4 within IPv6 counts as IPv4. */
export function spaceOf(ip: Ip): AddressSpace | undefined {
  const { family, value } = unmapped(ip);
  return family === 4 ? space4(value) : space6(value);
}

function space4(value: bigint): AddressSpace | undefined {
  const starts = (bits: bigint, prefix: bigint) => value >> (32n - bits) === prefix;
  if (value === 0n || starts(4n, 0xen) || value === 0xffffffffn) return undefined;
  if (starts(8n, 127n)) return "loopback4";
  if (starts(16n, 0xa9fen)) return "link4";
  if (starts(8n, 10n) || starts(12n, 0xac1n) || starts(16n, 0xc0a8n)) return "private4";
  return "public4";
}

function space6(value: bigint): AddressSpace | undefined {
  const starts = (bits: bigint, prefix: bigint) => value >> (128n - bits) === prefix;
  if (value === 0n || starts(8n, 0xffn)) return undefined;
  if (value === 1n) return "loopback6";
  if (starts(10n, 0x3fan)) return "link6";
  if (starts(7n, 0x7en)) return "private6";
  return "public6";
}
