/** Signatures over batches without cryptography, as in crypto/fake-crypto.ts: only its publisher's host makes one. */
import { equalBytes, type MemberId } from "../../rings/index.js";
import { Mixer } from "./mixer.js";

const SIGNATURE_BYTES = 64;

export function batchSignature(signer: MemberId, body: Uint8Array): Uint8Array {
  const mixer = new Mixer().text(signer).text("topic-batch").bytes(body);
  const signature = new Uint8Array(SIGNATURE_BYTES);
  const view = new DataView(signature.buffer);
  for (let at = 0; at < SIGNATURE_BYTES; at += 4) view.setUint32(at, mixer.draw());
  return signature;
}

export function isSignedBy(signer: MemberId, body: Uint8Array, signature: Uint8Array): boolean {
  return equalBytes(batchSignature(signer, body), signature);
}
