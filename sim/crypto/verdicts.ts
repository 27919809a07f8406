/**
 * Checks that all members of a simulation share: N members hear a statement, and its signature is checked once. Kept with
 * the statement's own bytes, which the shared reader makes the same object for all, and gone with them. Dates are judged
 * anew for each, by the clock of the one that checks.
 */
import type { Check, Verdict } from "../../gossip/index.js";
import { dateProblem, type SimCrypto } from "./crypto.js";

type SignatureCheck = Extract<Check, { kind: "signature" }>;

interface Known {
  readonly signature: Uint8Array;
  readonly certificate: string;
  readonly type: SignatureCheck["type"];
  readonly verdict: Verdict;
}

export class Verdicts {
  readonly #crypto: SimCrypto;
  readonly #bySignature = new WeakMap<Uint8Array, Known>();

  constructor(crypto: SimCrypto) {
    this.#crypto = crypto;
  }

  /** As `crypto.check`. Certificates and lists are asked for anew: they are few, and their dates depend on the clock. */
  check(check: Check, wall: number): Verdict {
    return check.kind === "signature" ? this.#signature(check, wall) : this.#crypto.check(check, wall);
  }

  #signature(check: SignatureCheck, wall: number): Verdict {
    const { body, signature, type, certificate } = check;
    const reason = dateProblem(certificate, wall);
    if (reason) return { ok: false, reason };
    const known = this.#bySignature.get(body);
    const isSame = known?.signature === signature && known.certificate === certificate.hash && known.type === type;
    if (isSame) return known.verdict;
    const verdict = this.#crypto.check(check, wall);
    this.#bySignature.set(body, { signature, certificate: certificate.hash, type, verdict });
    return verdict;
  }
}
