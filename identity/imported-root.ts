/** A certificate authority that exists already, to be the root of a new one here: read from PKCS#12, or from PEM files. */
import { createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { anchorKindOf } from "./anchor-key.js";
import { rootProblem, validityOfCertificate } from "./authority-certificate.js";
import { anyKeyFromPem } from "./encrypted-key.js";
import { FirefliesError } from "./error.js";
import { messageOf } from "./files.js";
import { certificatesFromPem } from "./pem.js";
import { PKCS12_BYTES_MAX, readPkcs12 } from "./pkcs12.js";

/** A root that ends sooner would have to be replaced in every member at once. Milliseconds. */
const LIFE_MIN_MS = 365 * 86_400_000;

export interface ImportedRoot {
  /** DER. */
  readonly certificate: Uint8Array;
  readonly privateKey: KeyObject;
}

export interface ImportSource {
  /** PKCS#12, or PEM with the certificate and, unless `keyPath` names it, the key. */
  readonly path: string;
  readonly keyPath?: string | undefined;
  /** Of the file, or of the key in it. */
  readonly passphrase?: string | undefined;
  /** Unix milliseconds. */
  readonly now: number;
}

/** Rejects with "import-invalid", "passphrase-required" or "passphrase-wrong". */
export async function readImport({ path, keyPath, passphrase, now }: ImportSource): Promise<ImportedRoot> {
  const bytes = await readBounded(path);
  const isPem = bytes.includes("-----BEGIN ");
  const found = isPem
    ? pemContent(bytes.toString("latin1"), keyPath && (await readBounded(keyPath)).toString("latin1"), passphrase)
    : await readPkcs12(bytes, requireGiven(passphrase));
  const certificate = rootOf(found);
  requireUsable(certificate, now);
  return { certificate, privateKey: found.privateKey };
}

interface Content {
  readonly privateKey: KeyObject;
  readonly certificates: readonly Uint8Array[];
}

function pemContent(text: string, keyText: string | undefined, passphrase: string | undefined): Content {
  const certificates = certificatesFromPem(text);
  if (certificates === undefined || certificates.length === 0) throw invalid("it holds no readable certificate");
  const keys = (keyText ?? text).match(
    /-----BEGIN ([A-Z]+ )*PRIVATE KEY-----[^-]+-----END ([A-Z]+ )*PRIVATE KEY-----/g,
  );
  if (keys?.length !== 1) throw invalid(`there are ${keys?.length ?? 0} private keys; name the key's file with --key`);
  try {
    return { privateKey: anyKeyFromPem(keys[0]!, passphrase), certificates };
  } catch (cause) {
    if (cause instanceof FirefliesError && cause.code !== "identity-corrupt") throw cause;
    throw invalid("its private key cannot be read", cause);
  }
}

/** The certificate of the key: that it signed itself is what makes it a root. */
function rootOf({ privateKey, certificates }: Content): Uint8Array {
  const own = certificates.find((der) => new X509Certificate(der).checkPrivateKey(privateKey));
  if (own === undefined) throw invalid("no certificate in it belongs to the key");
  const { subject, issuer } = new X509Certificate(own);
  if (subject !== issuer) {
    throw invalid(
      `its certificate was issued by ${issuer.replaceAll("\n", ", ")}. Import the root itself, or have it sign nothing here`,
    );
  }
  if (anchorKindOf(createPublicKey(privateKey)) === undefined) {
    throw invalid("its key must be RSA with 2,048 to 8,192 bits, P-256 or P-384");
  }
  return own;
}

function requireUsable(certificate: Uint8Array, now: number): void {
  const problem = rootProblem(certificate, now);
  if (problem !== undefined) throw invalid(`its certificate cannot be a root here: ${problem}`);
  const { notAfter } = validityOfCertificate(certificate)!;
  if (notAfter - now < LIFE_MIN_MS)
    throw invalid(`its certificate ends at ${new Date(notAfter).toISOString()}, within a year`);
}

async function readBounded(path: string): Promise<Buffer> {
  try {
    const bytes = await readFile(path);
    if (bytes.length <= PKCS12_BYTES_MAX) return bytes;
  } catch (cause) {
    throw invalid(`${path} cannot be read: ${messageOf(cause)}`, cause);
  }
  throw invalid(`${path} has more than ${PKCS12_BYTES_MAX} bytes`);
}

function requireGiven(passphrase: string | undefined): string {
  if (passphrase !== undefined) return passphrase;
  throw new FirefliesError("passphrase-required", "PKCS#12 files have a passphrase.", {
    advice: "Give it with --import-passphrase-file.",
  });
}

function invalid(what: string, cause?: unknown): FirefliesError {
  return new FirefliesError("import-invalid", `The authority cannot be imported: ${what}.`, { cause });
}
