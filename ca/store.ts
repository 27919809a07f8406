/**
 * What the authority remembers, as a port. Every method that changes something is one transaction, on disk before it
 * resolves: the authority reveals nothing that is not recorded. Rejections mean that nothing was recorded.
 */
import type { MemberId } from "../rings/index.js";

export interface NetworkRecord {
  /** 32 bytes. */
  readonly networkId: Uint8Array;
  readonly ringCount: number;
  readonly deltaMs: number;
  /** Key of the HMAC that makes member ids, 32 bytes. */
  readonly idSecret: Uint8Array;
  /** Trusted root and the issuing certificate in use, DER. */
  readonly root: Uint8Array;
  readonly issuer: Uint8Array;
}

/** A name that was admitted. The generation rises only by an operator's act; with it the id changes. */
export interface PrincipalRecord {
  readonly principal: string;
  readonly generation: number;
  readonly id: MemberId;
}

export type HowIssued = "token" | "open" | "renewal" | "offline";

export interface CertificateRecord extends PrincipalRecord {
  /** Hexadecimal. */
  readonly serial: string;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  readonly leaf: Uint8Array;
  /** DER of the certificate that signed it. */
  readonly issuer: Uint8Array;
  /** Unix milliseconds. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly issuedAt: number;
  readonly how: HowIssued;
}

export interface TokenRecord {
  /** SHA-256 of the secret. */
  readonly hash: Uint8Array;
  readonly principal: string;
  readonly expiresAt: number;
  /** Serial of the certificate that it bought; undefined while unused. */
  readonly serial: string | undefined;
}

export interface ContactRecord {
  readonly leaf: Uint8Array;
  readonly issuer: Uint8Array;
  readonly addresses: readonly string[];
}

/** Under which condition a certificate is recorded; it is checked in the transaction that records. */
export type Condition =
  | { readonly kind: "token"; readonly hash: Uint8Array }
  /** No other key has the name. */
  | { readonly kind: "free-name" }
  | { readonly kind: "none" };

/** "refused": the condition no longer held, because another call was first. */
export type Recorded = "recorded" | "refused";

export interface Store {
  /** Undefined as long as the state was not created. */
  network(): Promise<NetworkRecord | undefined>;
  createNetwork(network: NetworkRecord): Promise<void>;
  /** Where the authority was last reached, for tokens. */
  urls(): Promise<readonly string[]>;
  saveUrls(urls: readonly string[]): Promise<void>;

  principal(name: string): Promise<PrincipalRecord | undefined>;
  certificate(serial: string): Promise<CertificateRecord | undefined>;
  /** The newest certificate of this name for this key. */
  certificateOfKey(principal: string, spki: Uint8Array): Promise<CertificateRecord | undefined>;
  /** How many certificates of this id were issued at or after `since`. */
  issuedSince(id: MemberId, since: number): Promise<number>;
  /** Adds the principal when it is new; reports the addresses, when there are any, in the same transaction. */
  recordCertificate(
    certificate: CertificateRecord,
    condition: Condition,
    addresses: readonly string[],
  ): Promise<Recorded>;

  createToken(token: TokenRecord): Promise<void>;
  token(hash: Uint8Array): Promise<TokenRecord | undefined>;

  /** Costs nothing when the same was reported within a second. */
  report(id: MemberId, addresses: readonly string[], at: number): Promise<void>;
  /**
   * Members other than `except` with addresses and an unexpired certificate: half of them the last to report, which live
   * most likely, half at random. Of liars that report every second there may be enough to be all the last ones.
   */
  contacts(query: { except: MemberId; now: number; limit: number }): Promise<ContactRecord[]>;
  close(): Promise<void>;
}
