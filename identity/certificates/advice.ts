/**
 * Refusals of certificates and requests that others made, as sentences for people: what was found, and what would be
 * right. Programs see the short words.
 */
import { createPublicKey } from "node:crypto";
import { type DerElement, oidText, readChildren, readDer, TAG } from "../der.js";

/** Signature algorithms by their dotted OID, those that people meet. */
const ALGORITHM_NAMES: Readonly<Record<string, string>> = {
  "1.2.840.113549.1.1.4": "RSA with MD5",
  "1.2.840.113549.1.1.5": "RSA with SHA-1",
  "1.2.840.113549.1.1.10": "RSASSA-PSS with SHA-1 or two different hashes",
  "1.2.840.113549.1.1.11": "RSA with SHA-256",
  "1.2.840.113549.1.1.12": "RSA with SHA-384",
  "1.2.840.113549.1.1.13": "RSA with SHA-512",
  "1.2.840.113549.1.1.14": "RSA with SHA-224",
  "1.2.840.10045.4.1": "ECDSA with SHA-1",
  "1.2.840.10045.4.3.1": "ECDSA with SHA-224",
  "1.2.840.10045.4.3.2": "ECDSA with SHA-256",
  "1.2.840.10045.4.3.3": "ECDSA with SHA-384",
  "1.2.840.10045.4.3.4": "ECDSA with SHA-512",
  "1.3.101.112": "Ed25519",
  "1.3.101.113": "Ed448",
};
const CURVE_NAMES: Readonly<Record<string, string>> = { prime256v1: "P-256", secp384r1: "P-384", secp521r1: "P-521" };

const MAKE_ROOT =
  "openssl req -x509 -new -key root.key -sha256 -days 3650 -addext basicConstraints=critical,CA:true -addext keyUsage=critical,keyCertSign,cRLSign";
const MAKE_REQUEST =
  "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -sha256 -nodes -keyout key.pem -subj /CN=any";

/** What was found, the end of a sentence without its stop, and what would be right, sentences. */
export interface Advice {
  readonly found: string;
  /** Undefined when nothing is better than what the table of codes says. */
  readonly advice: string | undefined;
}

const HASHES = "SHA-256, SHA-384 or SHA-512";

/** Why a certificate cannot be a root. `problem` as of `rootProblem`, which stays at the beginning. */
export function rootAdvice(problem: string, certificate: Uint8Array): Advice {
  const [tbs, algorithm] = childrenOf(certificate);
  if (problem === "key-type") {
    const found = `its key is ${keyName(spkiIn(tbs))}`;
    return said(problem, [
      found,
      "A root's key is RSA (rsaEncryption) with 2,048 to 8,192 bits and an exponent from 65,537 on, P-256 or P-384.",
    ]);
  }
  if (problem === "signature-algorithm") {
    const found = `it is signed with ${algorithmName(algorithm)}`;
    return said(problem, [found, `Have it signed anew, with the same key and ${HASHES}: ${MAKE_ROOT}`]);
  }
  return said(problem, ROOT_ADVICE[problem === "malformed" ? formOf(tbs) : problem]);
}

/** Of a certificate that lacks fields: which ones. */
function formOf(tbs: DerElement | undefined): string {
  const fields = childrenOf(tbs?.bytes);
  if (fields[0]?.tag === TAG.integer) return "version";
  return fields.length === FIELDS_WITHOUT_EXTENSIONS ? "basic-constraints-missing" : "malformed";
}

const FIELDS_WITHOUT_EXTENSIONS = 7;
const SAME_KEY = `Make one for the same key: ${MAKE_ROOT}`;

type Said = readonly [found: string, advice: string];

const ROOT_ADVICE: Readonly<Record<string, Said>> = {
  version: ["it is of X.509 version 1, which cannot say that it is a CA", SAME_KEY],
  "not-an-authority": ["its basic constraints say that it is no CA", SAME_KEY],
  "basic-constraints-missing": ["nothing in it says that it is a CA", SAME_KEY],
  "basic-constraints-not-critical": ["its basic constraints are not critical, as RFC 5280 (4.2.1.9) wants", SAME_KEY],
  "path-length": [
    "its path length allows no authority below it",
    `The issuing certificate is one: leave pathlen out. ${SAME_KEY}`,
  ],
  "key-usage": ["its key usage has no keyCertSign", SAME_KEY],
  "extension-critical-unknown": [
    "it has a critical extension that is unknown here, as name constraints or policies",
    `Members could not heed it: leave it out. ${SAME_KEY}`,
  ],
  "subject-key-identifier-missing": ["it has no subject key identifier", "Add -addext subjectKeyIdentifier=hash."],
  "authority-key": ["its authority key identifier names another key than its own", `Leave that out. ${SAME_KEY}`],
  "name-empty": ["its subject is empty", "Give it a name: -subj '/CN=our root'."],
  serial: ["its serial number is not positive, of 1 to 20 bytes", "Give it another one: -set_serial."],
  "too-large": ["it has more than the 4,096 bytes that members read", "Leave out extensions that nobody needs."],
  signature: ["its signature is not that of its own key", "It is damaged, or no root: import the root itself."],
  "other-issuer": ["it was not signed by itself", "Import the root itself."],
  expired: ["it has ended", `Give it a later end. ${SAME_KEY}`],
  "not-yet-valid": ["its time has not come", "Check this machine's clock."],
};

/** Why a certificate request is refused. `reason` as of `openRequest`. */
export function requestAdvice(reason: string, request: Uint8Array): Advice {
  if (Buffer.from(request.subarray(0, 11)).toString("latin1") === "-----BEGIN ") {
    return said(reason, ["it is PEM", "Send the DER in it: openssl req -in request.pem -outform DER"]);
  }
  const [info, algorithm] = childrenOf(request);
  if (reason === "key-type") {
    const found = `its key is ${keyName(childrenOf(info?.bytes)[2]?.bytes)}`;
    return said(reason, [found, `Members have P-256 keys, with the curve by its name: ${MAKE_REQUEST}`]);
  }
  if (reason === "signature-algorithm") {
    const found = `it is signed with ${algorithmName(algorithm)}`;
    return said(reason, [found, `Sign it with ECDSA and ${HASHES}: ${MAKE_REQUEST}`]);
  }
  return said(reason, REQUEST_ADVICE[reason]);
}

const REQUEST_ADVICE: Readonly<Record<string, Said>> = {
  signature: ["it was not signed by the key that it names", `Make it anew: ${MAKE_REQUEST}`],
  malformed: ["it is no PKCS#10 request in DER", `Make one: ${MAKE_REQUEST} -outform DER`],
  "trailing-data": ["something follows the request", "Send its DER and nothing else."],
  "too-large": ["it has more than 4,096 bytes", "Leave out attributes: nothing but the key is taken from it."],
};

function said(problem: string, entry: Said | undefined): Advice {
  if (entry === undefined) return { found: problem, advice: undefined };
  const [found, advice] = entry;
  return { found: `${problem}: ${found}`, advice };
}

function algorithmName(identifier: DerElement | undefined): string {
  const [oid] = childrenOf(identifier?.bytes);
  const dotted = oidText(oid?.content ?? new Uint8Array());
  return ALGORITHM_NAMES[dotted] ?? `an algorithm unknown here (${dotted})`;
}

/** Of a SubjectPublicKeyInfo, DER. */
function keyName(spki: Uint8Array | undefined): string {
  try {
    const key = createPublicKey({ key: Buffer.from(spki ?? []), format: "der", type: "spki" });
    const { modulusLength, publicExponent, namedCurve } = key.asymmetricKeyDetails ?? {};
    if (key.asymmetricKeyType === "rsa-pss") return "RSA for RSASSA-PSS alone";
    if (modulusLength !== undefined) return `RSA with ${modulusLength} bits and the exponent ${publicExponent}`;
    if (namedCurve === undefined) return String(key.asymmetricKeyType);
    const name = CURVE_NAMES[namedCurve] ?? namedCurve;
    return name === "P-256" ? "P-256 with its curve spelled out" : `EC ${name}`;
  } catch {
    return "of a kind unknown here";
  }
}

/** The seventh field of a TBSCertificate that has a version, the sixth of one of version 1. */
function spkiIn(tbs: DerElement | undefined): Uint8Array | undefined {
  return childrenOf(tbs?.bytes)[6]?.bytes;
}

/** None where it cannot be read. */
function childrenOf(der: Uint8Array | undefined): readonly DerElement[] {
  try {
    return readChildren(readDer(der ?? new Uint8Array()));
  } catch {
    return [];
  }
}
