/** Carries out the machine's checks with real keys: certificates here, signatures on the thread pool. */
import type { CertificateFacts, Check, Verdict } from "../../gossip/index.js";
import {
  type CertificateChain,
  CLOCK_TOLERANCE_MS,
  type DateClock,
  type Identity,
  type MemberCertificate,
  type Verdict as MemberVerdict,
  revocationProblem,
  validityOfCertificate,
  verifyAgainst,
  verifyAsync,
} from "../../identity/index.js";
import { toHex } from "../../rings/index.js";
import type { SignatureChecks } from "../traffic/traffic.js";

/** New certificates checked in one turn of the event loop, at about 0.2 ms each. */
const CERTIFICATES_PER_TURN = 16;

/** The machine's facts of a certificate that identity/ has checked. */
export function factsOf(certificate: MemberCertificate): CertificateFacts {
  const { id, leaf, issuer, hash, notBefore, notAfter, serial } = certificate;
  return { id, leaf, issuer, hash: toHex(hash), notBefore, notAfter, serial };
}

export interface VerifierOptions extends DateClock {
  readonly identity: () => Identity;
  /** Counts what is checked. */
  readonly checks?: Readonly<Record<"statement" | "certificate", SignatureChecks>> | undefined;
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
    const found = await Promise.all(verdicts);
    for (const [index, { kind }] of checks.entries()) this.#count(kind, found[index]!.ok);
    return found;
  }

  #count(kind: Check["kind"], isRight: boolean): void {
    const checks = this.#options.checks?.[kind === "certificate" ? "certificate" : "statement"];
    if (checks) checks[isRight ? "right" : "wrong"] += 1;
  }

  /** The checked certificate of a chain, or why there is none. Cached, but for the dates. */
  certificate(chain: CertificateChain): MemberVerdict {
    const { identity, now, proves } = this.#options;
    const { root, certificate: network } = identity();
    return verifyAgainst(chain, { root, network, now, proves });
  }

  /** Does it show that the believed time was wrong? Then dates are worth another look. */
  #proves(begin: number | undefined): boolean {
    const { now, proves } = this.#options;
    if (begin === undefined || proves === undefined) return false;
    const before = now();
    proves(begin);
    return now() > before + CLOCK_TOLERANCE_MS;
  }

  #check(check: Check): Verdict | Promise<Verdict> {
    if (check.kind === "certificate") return this.#checkCertificate(check.chain);
    if (check.kind === "signature") return this.#checkSignature(check);
    const reason = this.#listProblem(check);
    // Up to its dates the issuing certificate is good: see revocationProblem.
    const isEarly = reason === "not-yet-valid" && this.#proves(validityOfCertificate(check.issuer)?.notBefore);
    const last = isEarly ? this.#listProblem(check) : reason;
    return last === undefined ? { ok: true } : { ok: false, reason: last };
  }

  #listProblem({ issuer, body, signature }: Extract<Check, { kind: "revocation" }>): string | undefined {
    const { root, certificate: network } = this.#options.identity();
    return revocationProblem(body, signature, { issuer, root, now: this.#options.now(), network });
  }

  #checkCertificate(chain: CertificateChain): Verdict {
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
