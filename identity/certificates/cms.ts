/**
 * A signed message in the form that other tools check (CMS, RFC 5652): content, the signature by a member's key, and its
 * certificates. `openssl cms -verify -inform PEM -CAfile root.pem -purpose any` prints the content.
 *
 * What is signed begins with "{" here, and what members sign for the protocol with "fireflies/1/": one is never the other.
 */
import { type KeyObject, webcrypto } from "node:crypto";
import { oidHex, TAG, writeDer } from "../der.js";
import { derToPem } from "../keys/pem.js";
import { EXPLICIT_0 } from "./certificate-fields.js";
import type { CertificateChain } from "./member-certificate.js";
import { writeOid } from "./x509-structures.js";

const DATA = oidHex("1.2.840.113549.1.7.1");
const SIGNED_DATA = "1.2.840.113549.1.7.2";
const VERSION_1 = 1;
const LABEL = "CMS";
const PEM = /^\s*-----BEGIN CMS-----([A-Za-z0-9+/=\s]*)-----END CMS-----\s*$/;

/** What a CMS message says, with the certificate that its signature is by. */
export interface OpenedCms {
  readonly content: Uint8Array;
  /** The certificates that it brings, DER. */
  readonly certificates: readonly Uint8Array[];
  /** Which of them signed it; undefined when it brings none that fits. */
  readonly signer: Uint8Array | undefined;
  /** The signature is one of that certificate's key over this content. Nothing is said about who vouches for the certificate. */
  readonly isSigned: boolean;
}

/** PEM text. */
export async function signCms(
  content: Uint8Array,
  { leaf, issuer }: CertificateChain,
  privateKey: KeyObject,
): Promise<string> {
  // Loaded only here: evidence is rare, and every start of a member would pay for it.
  const pki = await import("pkijs");
  const certificates = [leaf, issuer].map((der) => pki.Certificate.fromBER(new Uint8Array(der)));
  const { issuer: issuerName, serialNumber } = certificates[0]!;
  const octets = writeDer(EXPLICIT_0, writeDer(TAG.octetString, content));
  const signed = new pki.SignedData({
    version: VERSION_1,
    encapContentInfo: pki.EncapsulatedContentInfo.fromBER(
      new Uint8Array(writeDer(TAG.sequence, writeOid(DATA), octets)),
    ),
    signerInfos: [
      new pki.SignerInfo({
        version: VERSION_1,
        sid: new pki.IssuerAndSerialNumber({ issuer: issuerName, serialNumber }),
      }),
    ],
    certificates,
  });
  const pkcs8 = privateKey.export({ format: "der", type: "pkcs8" });
  const key = await webcrypto.subtle.importKey("pkcs8", pkcs8, { name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]);
  const engine = new pki.CryptoEngine({ name: "node", crypto: webcrypto });
  await signed.sign(key, 0, "SHA-256", new Uint8Array(content).buffer, engine);
  const message = new pki.ContentInfo({ contentType: SIGNED_DATA, content: signed.toSchema(true) });
  return derToPem(LABEL, new Uint8Array(message.toSchema().toBER(false)));
}

/** PEM, or DER. Undefined for what is no signed message with content. */
export async function openCms(bytes: Uint8Array): Promise<OpenedCms | undefined> {
  const pki = await import("pkijs");
  const body = PEM.exec(Buffer.from(bytes).toString("latin1"))?.[1];
  const der = body === undefined ? bytes : Buffer.from(body, "base64");
  try {
    const { content: schema, contentType } = pki.ContentInfo.fromBER(new Uint8Array(der));
    if (contentType !== SIGNED_DATA) return undefined;
    const signed = new pki.SignedData({ schema });
    const content = signed.encapContentInfo.eContent?.getValue();
    if (content === undefined || signed.signerInfos.length !== 1) return undefined;
    const held = (signed.certificates ?? []).filter((each) => each instanceof pki.Certificate);
    const sid = signed.signerInfos[0]!.sid as InstanceType<typeof pki.IssuerAndSerialNumber>;
    const signer = held.find(
      ({ issuer, serialNumber }) => issuer.isEqual(sid.issuer) && serialNumber.isEqual(sid.serialNumber),
    );
    const engine = new pki.CryptoEngine({ name: "node", crypto: webcrypto });
    const isSigned = signer !== undefined && (await isVerified(signed, engine));
    const derOf = (certificate: (typeof held)[number]) => new Uint8Array(certificate.toSchema().toBER(false));
    return {
      content: new Uint8Array(content),
      certificates: held.map(derOf),
      signer: signer && derOf(signer),
      isSigned,
    };
  } catch {
    return undefined;
  }
}

type Signed = InstanceType<typeof import("pkijs").SignedData>;

async function isVerified(signed: Signed, engine: InstanceType<typeof import("pkijs").CryptoEngine>): Promise<boolean> {
  try {
    return await signed.verify({ signer: 0, checkChain: false }, engine);
  } catch {
    return false;
  }
}
