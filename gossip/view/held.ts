/** What evidence holds of each kind of statement, with the digest of its record. */
import type { SignedAccusation } from "../records/accusation.js";
import type { CertificateFacts } from "../records/certificate.js";
import type { Contradiction, Equivocation } from "../records/equivocation.js";
import type { SignedNote } from "../records/note.js";
import type { SignedRevocationList } from "../records/revocation.js";
import type { Verified } from "../records/verified.js";

export interface HeldNote extends Contradiction {
  readonly note: Verified<SignedNote>;
  readonly digest: string;
  /** Its addresses for calls and for pings, preferred first: looked up at each visit. */
  readonly callable: readonly string[];
  readonly pingable: readonly string[];
}

export interface HeldAccusation {
  readonly accusation: Verified<SignedAccusation>;
  readonly digest: string;
}

export interface HeldCertificate {
  readonly facts: Verified<CertificateFacts>;
  readonly digest: string;
}

export interface HeldProof {
  readonly proof: Equivocation;
  readonly digest: string;
}

export interface HeldRevocations {
  readonly list: Verified<SignedRevocationList>;
  readonly hash: string;
  readonly digest: string;
}
