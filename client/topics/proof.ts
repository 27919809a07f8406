/**
 * Proofs for everybody who trusts the root. The first form proves who published a message of a topic. The second form holds two
 * statements of one publisher that contradict each other. docs/topics.md has the layouts. Big-endian:
 *
 *     "fireflies-topic" 00 | u8 1 | u8 1 (message) | sized16 leaf | sized16 issuing certificate | sized16 body of the batch |
 *     signature (64) | u32 number in the batch, from 0 on | sized32 payload of the batch
 *     "fireflies-topic" 00 | u8 1 | u8 2 (fork) | sized16 leaf | sized16 issuing certificate | twice: sized16 body | signature (64)
 */
import { CERTIFICATE_BYTES_MAX, type MemberCertificate, SIGNATURE_BYTES } from "../../identity/index.js";
import { ByteReader, ByteWriter, equalBytes } from "../../rings/index.js";
import { type Batch, BODY_BYTES_MAX, type Head, PAYLOAD_BYTES_MAX } from "../../topics/index.js";

const MAGIC = new TextEncoder().encode("fireflies-topic\0");
/** The version of proofs that this code writes and reads. */
export const PROOF_VERSION = 1;
const MESSAGE = 1;
const FORK = 2;

export interface Signed {
  readonly body: Uint8Array;
  readonly signature: Uint8Array;
}

interface Shown {
  readonly leaf: Uint8Array;
  readonly issuer: Uint8Array;
}

export type TopicProof =
  | (Shown & Signed & { readonly kind: "message"; readonly index: number; readonly payload: Uint8Array })
  | (Shown & { readonly kind: "fork"; readonly heads: readonly [Signed, Signed] });

export function messageProof(of: MemberCertificate, { body, signature, payload, first }: Batch, number: number) {
  return begun(MESSAGE, of)
    .sized16(body)
    .raw(signature)
    .u32(number - first)
    .sized32(payload)
    .finish();
}

export function forkProof(of: MemberCertificate, heads: readonly [Head, Head]): Uint8Array {
  const writer = begun(FORK, of);
  for (const { body, signature } of heads) writer.sized16(body).raw(signature);
  return writer.finish();
}

function begun(kind: number, { leaf, issuer }: MemberCertificate): ByteWriter {
  return new ByteWriter().raw(MAGIC).u8(PROOF_VERSION).u8(kind).sized16(leaf).sized16(issuer);
}

/** The version that the bytes of a proof name; undefined when they are none. */
export function versionOfTopicProof(bytes: Uint8Array): number | undefined {
  const isProof = bytes.length > MAGIC.length && equalBytes(bytes.subarray(0, MAGIC.length), MAGIC);
  return isProof ? bytes[MAGIC.length] : undefined;
}

/** The parts of a proof, as windows on its bytes; undefined for what is none. Nothing is verified. */
export function decodeTopicProof(bytes: Uint8Array): TopicProof | undefined {
  if (versionOfTopicProof(bytes) !== PROOF_VERSION) return undefined;
  const reader = new ByteReader(bytes.subarray(MAGIC.length + 1));
  const kind = reader.u8();
  const shown = { leaf: reader.sized16(CERTIFICATE_BYTES_MAX), issuer: reader.sized16(CERTIFICATE_BYTES_MAX) };
  const head = signedIn(reader);
  if (kind === FORK) {
    const heads = [head, signedIn(reader)] as const;
    return reader.complete ? { kind: "fork", ...shown, heads } : undefined;
  }
  const index = reader.u32();
  const payload = reader.sized32(PAYLOAD_BYTES_MAX);
  return kind === MESSAGE && reader.complete ? { kind: "message", ...shown, ...head, index, payload } : undefined;
}

function signedIn(reader: ByteReader): Signed {
  return { body: reader.sized16(BODY_BYTES_MAX), signature: reader.raw(SIGNATURE_BYTES) };
}
