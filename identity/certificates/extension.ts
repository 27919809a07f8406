/** Our certificate extension (protocol.md 5a): the network a certificate is for, and the constants all its members share. */
import {
  decodeExtensions,
  type Extension,
  encodeExtensions,
  equalBytes,
  extensionOf,
  fromHex,
  NO_EXTENSIONS,
  RING_COUNT_MAX,
} from "../../rings/index.js";
import { contentOf, oidHex, Refusal, readChildren, readCount, readDer, TAG, writeDer, writeUnsigned } from "../der.js";
import { isPrincipal, reservedFor } from "../principal.js";

/** 2.25 and the UUID 7fc0fc6d-f30c-4048-aee3-2f4261d0c0ac of this project. Non-critical: OpenSSL refuses unknown critical ones. */
export const NETWORK_EXTENSION_OID = "2.25.169813996339832505107865656713496543404";
export const NETWORK_ID_BYTES = 32;
/** One hour: a removal must end while somebody still cares. */
export const DELTA_MS_MAX = 3_600_000;
const VERSION = 1;
/** The fact that is the member's name. */
const NAME = 1;

/** What all members of a network must agree on; the authority says it in every certificate. */
export interface NetworkConstants {
  /** 32 random bytes. */
  readonly networkId: Uint8Array;
  /** 1..RING_COUNT_MAX. */
  readonly ringCount: number;
  /** Delta of the protocol, milliseconds, 1..3,600,000. */
  readonly deltaMs: number;
}

/** What a certificate says besides, of one member: in the form of rings/extensions.ts. Unknown facts are ignored. */
export type Facts = readonly Extension[];

/**
 * SEQUENCE { version INTEGER 1, networkId OCTET STRING(32), ringCount INTEGER, deltaMs INTEGER, facts OCTET STRING OPTIONAL },
 * where no facts are left out.
 */
export function encodeNetwork(
  { networkId, ringCount, deltaMs }: NetworkConstants,
  facts: Facts = NO_EXTENSIONS,
): Uint8Array {
  const id = writeDer(TAG.octetString, networkId);
  const fields = [writeUnsigned(VERSION), id, writeUnsigned(ringCount), writeUnsigned(deltaMs)];
  if (facts.length > 0) fields.push(writeDer(TAG.octetString, encodeExtensions(facts)));
  return writeDer(TAG.sequence, ...fields);
}

/** The extension as a certificate has it, DER: our OID, not critical, and the value above. */
export function networkExtension(network: NetworkConstants, facts?: Facts): Uint8Array {
  const oid = writeDer(TAG.oid, fromHex(oidHex(NETWORK_EXTENSION_OID))!);
  return writeDer(TAG.sequence, oid, writeDer(TAG.octetString, encodeNetwork(network, facts)));
}

/** The facts that say this name; none when there is no name. Throws RangeError for what is no principal's name. */
export function factsOf(name: string | undefined): Facts {
  if (name === undefined) return NO_EXTENSIONS;
  if (!isPrincipal(name)) throw new RangeError(`not the name of a principal: ${JSON.stringify(name)}`);
  return [{ type: NAME, data: new TextEncoder().encode(name) }];
}

/** The name that the facts say; undefined when they say none, one that this version would not write, or a reserved one. */
export function nameIn(facts: Facts): string | undefined {
  const data = extensionOf(facts, NAME);
  const name = data && String.fromCharCode(...data);
  return name !== undefined && isPrincipal(name) && reservedFor(name) === undefined ? name : undefined;
}

/** Throws `Refusal` unless `bytes` is the one encoding of valid constants, with facts that may be unknown. */
export function decodeNetwork(bytes: Uint8Array): { readonly network: NetworkConstants; readonly facts: Facts } {
  const fields = readChildren(readDer(bytes));
  if (readCount(fields[0]) !== VERSION) throw new Refusal("network-version");
  const networkId = contentOf(fields[1], TAG.octetString);
  const network = { networkId, ringCount: readCount(fields[2]), deltaMs: readCount(fields[3]) };
  if (networkProblem(network) !== undefined) throw new Refusal("network-malformed");
  const facts = fields.length < 5 ? NO_EXTENSIONS : decodeExtensions(contentOf(fields[4], TAG.octetString));
  if (facts === undefined || !equalBytes(encodeNetwork(network, facts), bytes)) throw new Refusal("network-malformed");
  return { network, facts };
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
