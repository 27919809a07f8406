/** A key of the authority that signs: in this process, or in a module of its own that never gives it away. */
import { createPublicKey, type KeyObject } from "node:crypto";
import { anchorKindOf, FirefliesError, type Signer, signAsAnchor, signRaw } from "../identity/index.js";

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
export function keyInMemory(privateKey: KeyObject): SigningKey {
  const publicKey = createPublicKey(privateKey);
  const kind = anchorKindOf(publicKey);
  if (kind === undefined)
    throw new FirefliesError("identity-corrupt", "The private key is of a kind that is unknown here.");
  const spki = new Uint8Array(publicKey.export({ type: "spki", format: "der" }));
  const sign = (data: Uint8Array) =>
    kind === "p256" ? signRaw(privateKey, data) : signAsAnchor(kind, privateKey, data);
  return { spki, sign, close: () => Promise.resolve() };
}
