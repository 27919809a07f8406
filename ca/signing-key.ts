/** A key of the authority that signs: in this process, or in a module of its own that never gives it away. */
import type { KeyObject } from "node:crypto";
import { keyPairOf, type Signer, signRaw } from "../identity/index.js";

export interface SigningKey {
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  /**
   * Signs bytes with SHA-256 into r || s (ECDSA). Asynchronous for keys that live elsewhere; rejects with
   * "signer-unavailable" when such a key does not answer.
   */
  readonly sign: Signer;
  /** Lets go of sessions and sockets; the key stays. */
  close(): Promise<void>;
}

/** A P-256 key in memory. */
export function keyInMemory(privateKey: KeyObject): SigningKey {
  const { spki } = keyPairOf(privateKey);
  return { spki, sign: (data) => signRaw(privateKey, data), close: () => Promise.resolve() };
}
