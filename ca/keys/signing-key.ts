/** A key of the authority that signs: in this process, or in a module of its own that never gives it away. */
import { anchorSignerOf, type PrivateKey, type Signer } from "../../identity/index.js";

export interface SigningKey {
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  /**
   * As `Signer`. Asynchronous for keys that live elsewhere; rejects with
   * "signer-unavailable" when such a key does not answer.
   */
  readonly sign: Signer;
  /** Lets go of sessions and sockets; the key stays. */
  close(): Promise<void>;
}

/** A key in memory: P-256, or another kind that an imported root may have. Throws "identity-corrupt" for others. */
export function keyInMemory(privateKey: PrivateKey): SigningKey {
  return { ...anchorSignerOf(privateKey), close: () => Promise.resolve() };
}
