/**
 * Real certificates and P-256 signatures for a simulation: made after the templates of identity/ and checked by its code, as
 * members in production check them. Keys come from the seed, and so do the signatures of certificates: a certificate's hash,
 * and with it the digest of a run, is the same everywhere.
 */
import {
  type CertificateFacts,
  type Check,
  encodeRevocationList,
  type RevocationList,
  type SignedRevocationList,
  type Verdict,
} from "../../gossip/index.js";
import {
  createIssuing,
  createRoot,
  type Issuer,
  type NetworkConstants,
  revocationNumber,
  revocationProblem,
  sha256,
  sign,
  type Validity,
  verify,
  verifyMemberCertificate,
} from "../../identity/index.js";
import { fromHex, memberIdFromBytes, toHex } from "../../rings/index.js";
import type { Credentials, Dates, Plan, SimCrypto } from "../../sim/index.js";
import { CertificateTemplate, serialOf, VALIDITY } from "./certificate-template.js";
import { type SeededKey, seededKey, seededSignature } from "./seeded-key.js";

/** Prepared also without a plan that asks for one. */
const ROTATIONS_MIN = 1;

type Planned = Pick<Plan, "seed" | "rings" | "settings"> & Partial<Pick<Plan, "faults">>;

/** An issuing certificate and the key that signs with it. */
interface Issuing {
  readonly key: SeededKey;
  readonly certificate: Uint8Array;
  readonly validity: Validity;
  readonly template: CertificateTemplate;
}

/** Makes the crypto of runs of a plan. A promise, because the library that writes certificates takes its time. */
export async function p256({ seed, rings, settings, faults = [] }: Planned): Promise<() => SimCrypto> {
  const networkId = sha256(new TextEncoder().encode(`network ${seed}`));
  const network = { networkId, ringCount: rings, deltaMs: settings.deltaMs };
  const key = seededKey(`root ${seed}`);
  const root = issuerOf(
    key,
    await createRoot({ name: "root", validity: VALIDITY, serial: serialOf(1), ...signedBy(key) }),
  );
  const rotations = faults.filter(({ kind }) => kind === "rotate").length;
  const issuers = await Promise.all(
    Array.from({ length: 1 + Math.max(rotations, ROTATIONS_MIN) }, (_, index) => issuingOf(index, seed, network, root)),
  );
  return () => new P256({ seed, network, root: root.certificate, issuers });
}

/** One after the other valid a second later: lists of a newer one outrank those of an older one. */
async function issuingOf(index: number, seed: number, network: NetworkConstants, root: Issuer): Promise<Issuing> {
  const key = seededKey(index === 0 ? `issuing ${seed}` : `issuing ${seed} ${index}`);
  const validity = { ...VALIDITY, notBefore: VALIDITY.notBefore + 1_000 * index };
  const serial = serialOf(2 + index);
  const certificate = await createIssuing({ name: "issuing", spki: key.spki, network, root, validity, serial });
  return { key, certificate, validity, template: await CertificateTemplate.make(issuerOf(key, certificate), network) };
}

function issuerOf(key: SeededKey, certificate: Uint8Array): Issuer {
  return { certificate, sign: signedBy(key).sign };
}

function signedBy(key: SeededKey): { spki: Uint8Array; sign: (data: Uint8Array) => Uint8Array } {
  return { spki: key.spki, sign: (data) => seededSignature(key, data) };
}

interface Parts {
  readonly seed: number;
  readonly network: NetworkConstants;
  readonly root: Uint8Array;
  readonly issuers: readonly Issuing[];
}

class P256 implements SimCrypto {
  readonly sha256 = sha256;
  readonly #parts: Parts;
  /** The certificate that signs now. */
  #issuing = 0;
  #serial: number;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#serial = 1 + parts.issuers.length;
  }

  /** Its dates are cut to those of the issuing certificate, which last longer than any run. */
  issue(name: string, dates: Dates): Credentials {
    const { seed, network, root } = this.#parts;
    const { certificate: issuer, key: issuingKey, template, validity: most } = this.#issuer;
    const serial = serialOf(++this.#serial);
    const key = seededKey(`${name} ${serial} ${seed}`);
    const id = memberIdFromBytes(sha256(new TextEncoder().encode(`id ${name} ${seed}`)));
    const validity = {
      notBefore: Math.max(dates.notBefore, most.notBefore),
      notAfter: Math.min(dates.notAfter, most.notAfter),
    };
    const leaf = template.issue({ id, spki: key.spki, serial, validity }, issuingKey);
    const read = verifyMemberCertificate({ leaf, issuer }, { root, now: validity.notBefore, network });
    if (!read.ok) throw new Error(`the certificate of ${name} does not pass its own check: ${read.reason}`);
    const { privateKey } = key;
    return {
      certificate: factsOf(read.certificate),
      sign: (type, body) => sign(privateKey, type, network.networkId, body),
    };
  }

  rotate(): Uint8Array {
    const former = this.#issuer.certificate;
    if (this.#issuing + 1 >= this.#parts.issuers.length) throw new Error("no further issuing certificate was prepared");
    this.#issuing += 1;
    return former;
  }

  signRevocations(list: RevocationList): SignedRevocationList {
    const { network } = this.#parts;
    const { certificate: issuer, key } = this.#issuer;
    const numbered = { ...list, number: revocationNumber(issuer, Number(list.number)) };
    const body = encodeRevocationList(numbered, (hex) => fromHex(hex)!);
    const signature = sign(key.privateKey, "revocation", network.networkId, body);
    return { ...numbered, body, signature, issuer };
  }

  get #issuer(): Issuing {
    return this.#parts.issuers[this.#issuing]!;
  }

  check(check: Check, wall: number): Verdict {
    const { root, network } = this.#parts;
    if (check.kind === "revocation") {
      const { body, signature, issuer } = check;
      return verdictOf(revocationProblem(body, signature, { issuer, root, now: wall, network }));
    }
    const chain = check.kind === "certificate" ? check.chain : check.certificate;
    const signer = verifyMemberCertificate(chain, { root, now: wall, network });
    if (!signer.ok) return signer;
    if (check.kind === "certificate") return { ok: true, certificate: factsOf(signer.certificate) };
    const { publicKey, networkId } = signer.certificate;
    const isSigned = verify(publicKey, check.type, networkId, check.body, check.signature);
    return verdictOf(isSigned ? undefined : "signature");
  }
}

function verdictOf(reason: string | undefined): Verdict {
  return reason === undefined ? { ok: true } : { ok: false, reason };
}

type MemberCertificate = Extract<ReturnType<typeof verifyMemberCertificate>, { ok: true }>["certificate"];

function factsOf({ id, leaf, issuer, hash, notBefore, notAfter, serial }: MemberCertificate): CertificateFacts {
  return { id, leaf, issuer, hash: toHex(hash), notBefore, notAfter, serial };
}
