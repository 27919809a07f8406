/** The revocation list that is in force, and whose certificates are on it (rule R17). */
import { type Sha256, toHex } from "../../rings/index.js";
import type { CertificateFacts } from "../records/certificate.js";
import type { SignedRevocationList } from "../records/revocation.js";
import type { Verified } from "../records/verified.js";
import type { HeldRevocations } from "./held.js";

export class Revoked {
  readonly #sha256: Sha256;
  readonly #issuerHashes = new WeakMap<Uint8Array, string>();
  #held: HeldRevocations | undefined;

  /** With `base` it begins with the list of that one. */
  constructor(sha256: Sha256, base?: Revoked) {
    this.#sha256 = sha256;
    this.#held = base ? base.#held : undefined;
  }

  get held(): HeldRevocations | undefined {
    return this.#held;
  }

  replace(list: Verified<SignedRevocationList>, digest: string): void {
    this.#held = { list, hash: this.#hash(list.body), digest };
  }

  has(facts: CertificateFacts): boolean {
    const list = this.#held?.list;
    if (list === undefined) return false;
    if (list.certificates.has(facts.hash) || list.members.has(facts.id)) return true;
    return list.issuers.size > 0 && list.issuers.has(this.#issuerHash(facts.issuer));
  }

  /** Why a list is no news; undefined when it is. */
  problem(list: SignedRevocationList): string | undefined {
    const held = this.#held;
    if (!held || list.number > held.list.number) return undefined;
    if (list.number < held.list.number) return "stale";
    return this.#hash(list.body) < held.hash ? undefined : "duplicate";
  }

  /** Hundreds of members have one issuing certificate, and mostly as one array. */
  #issuerHash(issuer: Uint8Array): string {
    const known = this.#issuerHashes.get(issuer);
    if (known !== undefined) return known;
    const hash = this.#hash(issuer);
    this.#issuerHashes.set(issuer, hash);
    return hash;
  }

  #hash(bytes: Uint8Array): string {
    return toHex(this.#sha256(bytes));
  }
}
