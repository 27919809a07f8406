/** Whose signature a proof carries, as far as roots vouch for it: what every proof that is shown to a third party begins with. */
import {
  type CertificateChain,
  certificatesFromPem,
  dateProblem,
  FirefliesError,
  type MemberCertificate,
  readChain,
  serialToHex,
  type Verdict,
} from "../identity/index.js";
import { toHex } from "../rings/index.js";

/** What a proof is judged by. */
export interface VerifyMessageOptions {
  /** Roots that are trusted: PEM text, as in root.pem, or certificates in DER. One of them must stand above the sender. */
  readonly roots: string | readonly Uint8Array[];
  /**
   * Unix milliseconds of a moment at which the message is known to have existed: the sender's certificate must have been
   * valid then, give or take five minutes. Left out, no date is judged; see `ProvenMessage.certificate`.
   */
  readonly at?: number;
}

/** A certificate as a proof shows it. */
export interface ShownCertificate {
  /** As the authority writes it, 32 hex digits at least. */
  readonly serial: string;
  /** SHA-256 of its DER, 64 hex digits. */
  readonly fingerprint: string;
  /** Unix milliseconds. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Throws "certificate-invalid". */
export function provenSender(chain: CertificateChain, { roots, at }: VerifyMessageOptions): MemberCertificate {
  return senderOf(chain, rootsOf(roots), at);
}

/** Throws "certificate-invalid" when there is none. */
export function rootsOf(roots: VerifyMessageOptions["roots"]): readonly Uint8Array[] {
  const list = typeof roots === "string" ? (certificatesFromPem(roots) ?? []) : roots;
  if (list.length === 0) throw new FirefliesError("certificate-invalid", "No root was given that can be read.");
  return list;
}

function senderOf(chain: CertificateChain, roots: readonly Uint8Array[], at: number | undefined): MemberCertificate {
  const verdicts = roots.map((root) => readChain(chain, root));
  const good = verdicts.find((verdict): verdict is Extract<Verdict, { ok: true }> => verdict.ok);
  if (good === undefined) throw untrusted(verdicts.map((verdict) => (verdict.ok ? "" : verdict.reason)));
  const problem = at === undefined ? undefined : dateProblem(good.certificate, at);
  if (problem !== undefined) throw untrusted([problem]);
  return good.certificate;
}

function untrusted(reasons: readonly string[]): FirefliesError {
  const words = [...new Set(reasons)].join(", ");
  return new FirefliesError("certificate-invalid", `The certificate of the message's sender is refused: ${words}.`, {
    advice: "Check that the root is the one of its network.",
  });
}

export function shownCertificate({ serial, hash, notBefore, notAfter }: MemberCertificate): ShownCertificate {
  return { serial: serialToHex(serial), fingerprint: toHex(hash), notBefore, notAfter };
}
