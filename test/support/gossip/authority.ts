/**
 * An authority and signatures without cryptography, for tests of the protocol: a "certificate" spells its facts, a
 * "signature" is a hash over who signed what. As unforgeable here as anyone needs, and a thousand times faster.
 */
import { createHash, hash } from "node:crypto";
import {
  type CertificateFacts,
  type Check,
  CLOCK_TOLERANCE_MS,
  type TrustedClock,
  type Verdict,
} from "../../../gossip/index.js";
import { type MemberId, memberIdFromBytes, toHex } from "../../../rings/index.js";

export const sha256 = (data: Uint8Array): Uint8Array => hash("sha256", data, "buffer");

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

export interface CertificateOptions {
  readonly id?: MemberId;
  readonly notBefore?: number;
  readonly notAfter?: number;
  readonly serial?: bigint;
}

export function idOf(name: string): MemberId {
  return memberIdFromBytes(sha256(text(`id ${name}`)));
}

export class FakeAuthority {
  readonly network: string;
  #serial = 0n;

  constructor(network = "net") {
    this.network = network;
  }

  issue(name: string, options: CertificateOptions = {}): CertificateFacts {
    const id = options.id ?? idOf(name);
    const { notBefore = 0, notAfter = 1e15, serial = ++this.#serial } = options;
    const leaf = text(JSON.stringify({ network: this.network, id, notBefore, notAfter, serial: `${serial}` }));
    return { id, leaf, issuer: text("issuer"), hash: toHex(sha256(leaf)), notBefore, notAfter, serial };
  }

  /** What a driver does with a machine's checks; dates are checked by its clock, if it has one. */
  check(check: Check, clock?: TrustedClock, now = 0): Verdict {
    if (check.kind === "certificate") return this.#checkCertificate(check.chain.leaf, clock, now);
    const signer = check.kind === "revocation" ? "authority" : check.certificate.hash;
    const type = check.kind === "revocation" ? "revocation" : check.type;
    const expected = fakeSignature(signer, type, check.body);
    return toHex(expected) === toHex(check.signature) ? { ok: true } : { ok: false, reason: "signature" };
  }

  #checkCertificate(leaf: Uint8Array, clock: TrustedClock | undefined, now: number): Verdict {
    try {
      const facts = JSON.parse(new TextDecoder().decode(leaf));
      if (facts.network !== this.network) return { ok: false, reason: "other-network" };
      clock?.proves(facts.notBefore, now);
      const wall = clock?.wall(now);
      if (wall !== undefined && wall < facts.notBefore - CLOCK_TOLERANCE_MS)
        return { ok: false, reason: "not-yet-valid" };
      if (wall !== undefined && wall > facts.notAfter + CLOCK_TOLERANCE_MS) return { ok: false, reason: "expired" };
      const serial = BigInt(facts.serial);
      const certificate = { ...facts, serial, leaf, issuer: text("issuer"), hash: toHex(sha256(leaf)) };
      return { ok: true, certificate };
    } catch {
      return { ok: false, reason: "certificate-malformed" };
    }
  }
}

/** 64 bytes that only the holder of a certificate would write in these tests. */
export function fakeSignature(certificateHash: string, type: string, body: Uint8Array): Uint8Array {
  const digest = createHash("sha512").update(`${certificateHash} ${type} `).update(body).digest();
  return new Uint8Array(digest);
}
