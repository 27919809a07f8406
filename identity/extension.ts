/** Our certificate extension (protocol.md 5a): the network a certificate is for, and the constants all its members share. */
import { equalBytes, RING_COUNT_MAX } from "../rings/index.js";
import { contentOf, Refusal, readChildren, readCount, readDer, TAG, writeDer, writeUnsigned } from "./der.js";

/** 2.25 and the UUID 7fc0fc6d-f30c-4048-aee3-2f4261d0c0ac of this project. Non-critical: OpenSSL refuses unknown critical ones. */
export const NETWORK_EXTENSION_OID = "2.25.169813996339832505107865656713496543404";
export const NETWORK_ID_BYTES = 32;
/** One hour: a removal must end while somebody still cares. */
export const DELTA_MS_MAX = 3_600_000;
const VERSION = 1;

/** What all members of a network must agree on; the authority says it in every certificate. */
export interface NetworkConstants {
  /** 32 random bytes. */
  readonly networkId: Uint8Array;
  /** 1..RING_COUNT_MAX. */
  readonly ringCount: number;
  /** Delta of the protocol, milliseconds, 1..3,600,000. */
  readonly deltaMs: number;
}

/** SEQUENCE { version INTEGER 1, networkId OCTET STRING(32), ringCount INTEGER, deltaMs INTEGER }. */
export function encodeNetwork({ networkId, ringCount, deltaMs }: NetworkConstants): Uint8Array {
  const id = writeDer(TAG.octetString, networkId);
  return writeDer(TAG.sequence, writeUnsigned(VERSION), id, writeUnsigned(ringCount), writeUnsigned(deltaMs));
}

/** Throws `Refusal` unless `bytes` is the one encoding of valid constants. */
export function decodeNetwork(bytes: Uint8Array): NetworkConstants {
  const fields = readChildren(readDer(bytes));
  if (readCount(fields[0]) !== VERSION) throw new Refusal("network-version");
  const networkId = contentOf(fields[1], TAG.octetString);
  const network = { networkId, ringCount: readCount(fields[2]), deltaMs: readCount(fields[3]) };
  if (networkProblem(network) !== undefined) throw new Refusal("network-malformed");
  if (!equalBytes(encodeNetwork(network), bytes)) throw new Refusal("network-malformed");
  return network;
}

/** What is wrong with these constants, in words; undefined when nothing is. */
export function networkProblem({ networkId, ringCount, deltaMs }: NetworkConstants): string | undefined {
  if (networkId.length !== NETWORK_ID_BYTES) return "a network id has 32 bytes";
  if (!isWithin(ringCount, RING_COUNT_MAX)) return `the ring count is a whole number from 1 to ${RING_COUNT_MAX}`;
  if (!isWithin(deltaMs, DELTA_MS_MAX)) return `Delta is a whole number of milliseconds from 1 to ${DELTA_MS_MAX}`;
  return undefined;
}

function isWithin(value: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= 1 && value <= max;
}

export function sameNetwork(a: NetworkConstants, b: NetworkConstants): boolean {
  return equalBytes(a.networkId, b.networkId) && a.ringCount === b.ringCount && a.deltaMs === b.deltaMs;
}
