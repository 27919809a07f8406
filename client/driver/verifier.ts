/** Carries out the machine's checks with real keys: certificates here, signatures on the thread pool. */
import type { CertificateFacts, Check, Verdict } from "../../gossip/index.js";
import {
  type Identity,
  type MemberCertificate,
  revocationProblem,
  verifyAsync,
  verifyMemberCertificate,
} from "../../identity/index.js";
import { toHex } from "../../rings/index.js";

/** New certificates checked in one turn of the event loop, at about 0.2 ms each. */
const CERTIFICATES_PER_TURN = 16;

/** The machine's facts of a certificate that identity/ has checked. */
export function factsOf(certificate: MemberCertificate): CertificateFacts {
  const { id, leaf, issuer, hash, notBefore, notAfter, serial } = certificate;
  return { id, leaf, issuer, hash: toHex(hash), notBefore, notAfter, serial };
}

export interface VerifierOptions {
  readonly identity: () => Identity;
  /** Unix milliseconds by which dates are judged. */
  readonly now: () => number;
}

export class Verifier {
  readonly #options: VerifierOptions;

  constructor(options: VerifierOptions) {
    this.#options = options;
  }

  /** One verdict per check, in order. Never rejects. */
  async verify(checks: readonly Check[]): Promise<Verdict[]> {
    const verdicts: (Verdict | Promise<Verdict>)[] = [];
    let certificates = 0;
    for (const check of checks) {
      verdicts.push(this.#check(check));
      if (check.kind === "certificate" && ++certificates % CERTIFICATES_PER_TURN === 0) await nextTurn();
    }
    return await Promise.all(verdicts);
  }

  /** The checked certificate of a chain, or why there is none. Cached, but for the dates. */
  certificate(chain: {
    readonly leaf: Uint8Array;
    readonly issuer: Uint8Array;
  }): ReturnType<typeof verifyMemberCertificate> {
    const { root, certificate } = this.#options.identity();
    return verifyMemberCertificate(chain, { root, now: this.#options.now(), network: certificate });
  }

  #check(check: Check): Verdict | Promise<Verdict> {
    if (check.kind === "certificate") return this.#checkCertificate(check.chain);
    if (check.kind === "signature") return this.#checkSignature(check);
    const { issuer, body, signature } = check;
    const { root, certificate: network } = this.#options.identity();
    const reason = revocationProblem(body, signature, { issuer, root, now: this.#options.now(), network });
    return reason === undefined ? { ok: true } : { ok: false, reason };
  }

  #checkCertificate(chain: CertificateFacts | { leaf: Uint8Array; issuer: Uint8Array }): Verdict {
    const verdict = this.certificate(chain);
    return verdict.ok ? { ok: true, certificate: factsOf(verdict.certificate) } : verdict;
  }

  async #checkSignature(check: Extract<Check, { kind: "signature" }>): Promise<Verdict> {
    const signer = this.certificate(check.certificate);
    if (!signer.ok) return signer;
    const { publicKey, networkId } = signer.certificate;
    const isValid = await verifyAsync(publicKey, check.type, networkId, check.body, check.signature);
    return isValid ? { ok: true } : { ok: false, reason: "signature" };
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
