/** A certificate authority that exists already, to be the root of a new one here: read from PKCS#12, or from PEM files. */
import { createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { FirefliesError, type FirefliesErrorOptions } from "../errors/error.js";
import { messageOf, readAtMost } from "../files/files.js";
import { anchorKindOf } from "../keys/anchor-key.js";
import { anyKeyFromPem, oldCipherAdvice } from "../keys/encrypted-key.js";
import { certificatesFromPem, certificatesToPem } from "../keys/pem.js";
import { PKCS12_BYTES_MAX, readPkcs12 } from "../keys/pkcs12.js";
import { type Advice, rootAdvice } from "./advice.js";
import { rootProblem, validityOfCertificate } from "./authority-certificate.js";

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
  const text = pemOf(bytes);
  const found =
    text === undefined
      ? await readPkcs12(bytes, requireGiven(passphrase))
      : pemContent(text, keyPath && pemOf(await readBounded(keyPath), "key"), passphrase);
  const certificate = rootOf(found);
  requireUsable(certificate, now);
  return { certificate, privateKey: found.privateKey };
}

/** Java's own keystores. */
const JAVA_KEYSTORES = [0xfeedfeed, 0xcececece];
const JAVA_ADVICE =
  "Make PKCS#12 of it: keytool -importkeystore -srckeystore FILE -destkeystore new.p12 -deststoretype pkcs12";
const UTF16_MARK = 0xfffe;

/** The file as PEM, also of one certificate in DER; undefined for what may be PKCS#12. Throws "import-invalid". */
function pemOf(bytes: Buffer, what: "file" | "key" = "file"): string | undefined {
  // As Windows' editors write it.
  if (bytes.length > 2 && bytes.readUInt16BE() === UTF16_MARK) return lines(bytes.toString("utf16le"));
  if (bytes.includes("-----BEGIN ")) return lines(bytes.toString("latin1"));
  if (bytes.length > 4 && JAVA_KEYSTORES.includes(bytes.readUInt32BE())) {
    throw invalid("it is a Java keystore", { advice: JAVA_ADVICE });
  }
  if (what === "key")
    throw invalid("the key's file is no PEM", { advice: "Make it so: openssl pkey -in FILE -out root.key" });
  return certificateText(bytes);
}

/** As PEM's lines are found, whatever ends them. */
function lines(text: string): string {
  return text.replace(/\r\n?/g, "\n").replace(/[ \t]+$/gm, "");
}

function certificateText(der: Buffer): string | undefined {
  try {
    return certificatesToPem(new Uint8Array(new X509Certificate(der).raw));
  } catch {
    return undefined;
  }
}

interface Content {
  readonly privateKey: KeyObject;
  readonly certificates: readonly Uint8Array[];
}

function pemContent(text: string, keyText: string | undefined, passphrase: string | undefined): Content {
  const certificates = certificatesFromPem(text);
  if (certificates === undefined || certificates.length === 0) throw invalid("it holds no readable certificate");
  // Between the lines of dashes there may be others, as in "DEK-Info: AES-256-CBC".
  const keys = (keyText ?? text).match(/^-----BEGIN ((?:[A-Z]+ )*PRIVATE KEY)-----$[\s\S]+?^-----END \1-----$/gm);
  if (keys?.length !== 1)
    throw invalid(`there are ${keys?.length ?? 0} private keys`, { advice: "Name the key's file with --key." });
  try {
    return { privateKey: anyKeyFromPem(keys[0]!, passphrase), certificates };
  } catch (cause) {
    if (cause instanceof FirefliesError && cause.code !== "identity-corrupt") throw cause;
    const problem = messageOf(cause).replace(/\.$/, "");
    throw invalid(`its private key cannot be read: ${problem}`, { cause, advice: oldCipherAdvice(cause) });
  }
}

/** The certificate of the key: that it signed itself is what makes it a root. */
function rootOf({ privateKey, certificates }: Content): Uint8Array {
  const own = certificates.find((der) => new X509Certificate(der).checkPrivateKey(privateKey));
  if (own === undefined) throw invalid("no certificate in it belongs to the key");
  const { subject, issuer } = new X509Certificate(own);
  if (subject !== issuer) {
    throw invalid(`its certificate was issued by ${issuer.replaceAll("\n", ", ")}`, {
      advice: "Import the root itself.",
    });
  }
  if (anchorKindOf(createPublicKey(privateKey)) === undefined) {
    throw refused(rootAdvice("key-type", own));
  }
  return own;
}

function requireUsable(certificate: Uint8Array, now: number): void {
  const problem = rootProblem(certificate, now);
  if (problem !== undefined) throw refused(rootAdvice(problem, certificate));
  const { notAfter } = validityOfCertificate(certificate)!;
  if (notAfter - now < LIFE_MIN_MS)
    throw invalid(`its certificate ends at ${new Date(notAfter).toISOString()}, within a year`);
}

async function readBounded(path: string): Promise<Buffer> {
  try {
    return await readAtMost(path, PKCS12_BYTES_MAX);
  } catch (cause) {
    throw invalid(`${path} cannot be read: ${messageOf(cause)}.`, { cause });
  }
}

function requireGiven(passphrase: string | undefined): string {
  if (passphrase !== undefined) return passphrase;
  throw new FirefliesError("passphrase-required", "PKCS#12 files have a passphrase.", {
    advice: "Give it with --import-passphrase-file.",
  });
}

function refused({ found, advice }: Advice): FirefliesError {
  return invalid(`its certificate cannot be a root here: ${found}`, { advice });
}

function invalid(what: string, options?: FirefliesErrorOptions): FirefliesError {
  return new FirefliesError("import-invalid", `The authority cannot be imported: ${what}.`, options);
}
