/** Who signs certificates and lists, and for how long what is signed holds. */

/**
 * Signs with an authority's key, ECDSA P-256 and SHA-256, into r || s; may live outside of the process. An imported root's
 * key of another kind gives the content of the signature's BIT STRING.
 */
export type Signer = (data: Uint8Array) => Uint8Array | Promise<Uint8Array>;

/** Unix milliseconds; X.509 keeps whole seconds. */
export interface Validity {
  readonly notBefore: number;
  readonly notAfter: number;
}

/** An authority's own certificate and the key that signs for it. */
export interface Issuer {
  readonly certificate: Uint8Array;
  readonly sign: Signer;
}
