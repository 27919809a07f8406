/** What two members tell each other before they punch: where each may come from, and how its NAT chooses ports. */
import { ByteReader, ByteWriter } from "../../rings/index.js";
import { type Address, formatAddress, parseAddress } from "../address.js";

/** Version, nonce, and as many addresses as a punch takes, of common length. */
export const OFFER_BYTES_MAX = 1_024;
export const NONCE_BYTES = 16;
/** Addresses of one offer: each costs the other side an attempt in each round. */
export const CANDIDATES_MAX = 6;
const ADDRESS_CHARS_MAX = 128;
const VERSION = 1;

/** `port`: it shows all others the same port; `destination`: another one to each, so no offer can name it. */
export type NatMapping = "unknown" | "port" | "destination";

const MAPPINGS: readonly NatMapping[] = ["unknown", "port", "destination"];

/** An address by which others see a member. */
export interface Candidate {
  /** The host is an IP address; where the mapping is "destination" its port is nobody's. */
  readonly address: Address;
  readonly mapping: NatMapping;
}

export interface PunchOffer {
  /** Fresh for each punch, NONCE_BYTES long. */
  readonly nonce: Uint8Array;
  /** At most CANDIDATES_MAX. */
  readonly candidates: readonly Candidate[];
}

export function encodeOffer({ nonce, candidates }: PunchOffer): Uint8Array {
  const told = candidates.slice(0, CANDIDATES_MAX);
  const writer = new ByteWriter().u8(VERSION).raw(nonce).u8(told.length);
  for (const { address, mapping } of told) writer.u8(MAPPINGS.indexOf(mapping)).ascii(formatAddress(address));
  return writer.finish();
}

/** Undefined for anything that `encodeOffer` does not write. */
export function parseOffer(bytes: Uint8Array): PunchOffer | undefined {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== VERSION) return undefined;
  const nonce = reader.raw(NONCE_BYTES).slice();
  const count = reader.u8();
  if (count > CANDIDATES_MAX) return undefined;
  const candidates: Candidate[] = [];
  for (let index = 0; index < count && !reader.bad; index++) {
    const mapping = MAPPINGS[reader.u8()];
    const address = parseAddress(reader.ascii(ADDRESS_CHARS_MAX));
    if (mapping === undefined || address === undefined) return undefined;
    candidates.push({ address, mapping });
  }
  return reader.complete ? { nonce, candidates } : undefined;
}
