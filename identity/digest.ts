/** SHA-256, the only hash of the protocol. */
import * as crypto from "node:crypto";

const hash: typeof crypto.hash | undefined = crypto.hash;

/** SHA-256 of `data`, 32 bytes. */
export function sha256(data: Uint8Array): Uint8Array {
  // crypto.hash (Node 20.12) spares an object per call.
  return hash === undefined ? crypto.createHash("sha256").update(data).digest() : hash("sha256", data, "buffer");
}
