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
  verify,
  verifyMemberCertificate,
} from "../../identity/index.js";
import { fromHex, memberIdFromBytes, toHex } from "../../rings/index.js";
import type { Credentials, Dates, Plan, SimCrypto } from "../../sim/index.js";
import { CertificateTemplate, serialOf, VALIDITY } from "./certificate-template.js";
import { type SeededKey, seededKey, seededSignature } from "./seeded-key.js";

type Planned = Pick<Plan, "seed" | "rings" | "settings">;

/** Makes the crypto of runs of a plan. A promise, because the library that writes certificates takes its time. */
export async function p256({ seed, rings, settings }: Planned): Promise<() => SimCrypto> {
  const networkId = sha256(new TextEncoder().encode(`network ${seed}`));
  const network = { networkId, ringCount: rings, deltaMs: settings.deltaMs };
  const [rootKey, issuingKey] = [seededKey(`root ${seed}`), seededKey(`issuing ${seed}`)];
  const root = issuerOf(
    rootKey,
    await createRoot({ name: "root", validity: VALIDITY, serial: serialOf(1), ...signedBy(rootKey) }),
  );
  const { spki } = issuingKey;
  const certificate = await createIssuing({
    name: "issuing",
    spki,
    network,
    root,
    validity: VALIDITY,
    serial: serialOf(2),
  });
  const issuer = issuerOf(issuingKey, certificate);
  const template = await CertificateTemplate.make(issuer, network);
  return () => new P256({ seed, network, root: root.certificate, issuer: certificate, issuingKey, template });
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
  readonly issuer: Uint8Array;
  readonly issuingKey: SeededKey;
  readonly template: CertificateTemplate;
}

class P256 implements SimCrypto {
  readonly sha256 = sha256;
  readonly #parts: Parts;
  #serial = 2;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Its dates are cut to those of the issuing certificate, which last longer than any run. */
  issue(name: string, dates: Dates): Credentials {
    const { seed, network, root, issuer, issuingKey, template } = this.#parts;
    const serial = serialOf(++this.#serial);
    const key = seededKey(`${name} ${serial} ${seed}`);
    const id = memberIdFromBytes(sha256(new TextEncoder().encode(`id ${name} ${seed}`)));
    const validity = {
      notBefore: Math.max(dates.notBefore, VALIDITY.notBefore),
      notAfter: Math.min(dates.notAfter, VALIDITY.notAfter),
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

  signRevocations(list: RevocationList): SignedRevocationList {
    const { issuer, issuingKey, network } = this.#parts;
    const numbered = { ...list, number: revocationNumber(issuer, Number(list.number)) };
    const body = encodeRevocationList(numbered, (hex) => fromHex(hex)!);
    const signature = sign(issuingKey.privateKey, "revocation", network.networkId, body);
    return { ...numbered, body, signature, issuer };
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
