/**
 * The one door into a view. Whatever a machine stores or judges by has type `Verified<T>`, and only a positive verdict
 * makes one: code that would admit an unchecked statement does not compile.
 */
import type { CertificateChain, CertificateFacts } from "./certificate.js";

declare const verified: unique symbol;
export type Verified<T> = T & { readonly [verified]: true };

/** What members sign, each in a domain of its own: the last note of a life has one for itself. */
export type SignedType = "note" | "leave" | "accusation" | "interest";

/** What the machine asks its driver to check. Expensive, so asked only after all cheap checks have passed. */
export type Check =
  /** Path, dates, usage, extension and network of a certificate (rule R1). */
  | { readonly kind: "certificate"; readonly chain: CertificateChain }
  /** A member's signature over a body, under a certificate that is held. */
  | {
      readonly kind: "signature";
      readonly type: SignedType;
      readonly certificate: CertificateFacts;
      readonly body: Uint8Array;
      readonly signature: Uint8Array;
    }
  /** The authority's signature over a revocation list, and the path of the certificate that signed it. */
  | {
      readonly kind: "revocation";
      readonly issuer: Uint8Array;
      readonly body: Uint8Array;
      readonly signature: Uint8Array;
    };

/** The driver's answer to one check; a certificate comes back as the facts that were read from it. */
export type Verdict =
  | { readonly ok: true; readonly certificate?: CertificateFacts }
  | { readonly ok: false; readonly reason: string };

/** Turns a value into a verified one; undefined when any of its checks failed. */
export function vouch<T>(value: T, verdicts: readonly Verdict[]): Verified<T> | undefined {
  return verdicts.length > 0 && verdicts.every((verdict) => verdict.ok) ? (value as Verified<T>) : undefined;
}

/** For what I signed myself a moment ago: my own signature needs no check. */
export function own<T>(value: T): Verified<T> {
  return value as Verified<T>;
}
