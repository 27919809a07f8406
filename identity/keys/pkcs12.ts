/**
 * PKCS#12 (RFC 7292): a key and its certificates in one file under a passphrase, as other tools pass them on. Reading is
 * node-forge's work, which knows most ciphers of twenty years (old-ciphers.ts has the others); it cannot hold EC keys, so
 * keys and certificates leave it as bytes. Writing knows one form: PBES2 with PBKDF2 and AES-256, and a MAC with SHA-256.
 */
import { createHmac, createPrivateKey, type KeyObject, pbkdf2Sync, randomBytes, X509Certificate } from "node:crypto";
import type { asn1, pkcs12 } from "node-forge";
import { fromHex } from "../../rings/index.js";
import { oidHex, readChildren, readDer, TAG, writeDer, writeUnsigned } from "../der.js";
import { FirefliesError } from "../errors/error.js";
import { messageOf } from "../files/files.js";
import { missing } from "../optional.js";
import { type GetCipher, withOldCiphers } from "./old-ciphers.js";
import { encryptPbes2, identified } from "./pbes2.js";

/** Keys and a few certificates; more is no file that an operator means. */
export const PKCS12_BYTES_MAX = 1 << 20;
const VERSION_3 = 3;
/** Sixteen times what anybody recommends: a file must not hold the process for minutes. */
const ITERATIONS_MAX = 10_000_000;
/** Of the MAC's key: what OpenSSL writes. The entries have a costly derivation of their own. */
const MAC_ITERATIONS = 2_048;
const MAC_SALT_BYTES = 16;
const MAC_KEY_BYTES = 32;
/** The derivation's purpose byte (RFC 7292, B.3). */
const MAC_PURPOSE = 3;
const BMP_STRING = 0x1e;
const CONTEXT_0 = 0xa0;
const CONTEXT_0_PRIMITIVE = 0x80;
const NULL = fromHex("0500")!;
const OID = {
  data: oidHex("1.2.840.113549.1.7.1"),
  encryptedData: oidHex("1.2.840.113549.1.7.6"),
  shroudedKeyBag: oidHex("1.2.840.113549.1.12.10.1.2"),
  certBag: oidHex("1.2.840.113549.1.12.10.1.3"),
  x509Certificate: oidHex("1.2.840.113549.1.9.22.1"),
  friendlyName: oidHex("1.2.840.113549.1.9.20"),
  localKeyId: oidHex("1.2.840.113549.1.9.21"),
  sha256: oidHex("2.16.840.1.101.3.4.2.1"),
} as const;

export interface Pkcs12Content {
  /** The only key of the file. */
  readonly privateKey: KeyObject;
  /** DER, the key's own certificate first. */
  readonly certificates: readonly Uint8Array[];
}

/** node-forge, loaded only here: 30 ms and 5 MB that nobody else should pay. */
async function loadForge(): Promise<typeof import("node-forge")> {
  const { default: forge } = await import("node-forge").catch(missing("node-forge", "A PKCS#12 file"));
  return forge;
}

/** Throws "passphrase-wrong", or "import-invalid" when it is no PKCS#12 file with exactly one key and its certificate. */
export async function readPkcs12(file: Uint8Array, passphrase: string): Promise<Pkcs12Content> {
  if (file.length > PKCS12_BYTES_MAX) throw invalid(`it has more than ${PKCS12_BYTES_MAX} bytes`);
  const forge = await loadForge();
  const bags = openBags(forge, file, passphrase).safeContents.flatMap(({ safeBags }) => safeBags);
  const keys = bags.filter(({ type }) => type === forge.pki.oids.pkcs8ShroudedKeyBag || type === forge.pki.oids.keyBag);
  if (keys.length !== 1) throw invalid(`it holds ${keys.length} private keys`);
  const privateKey = keyOfBag(forge, keys[0]!);
  const certificates = bags
    .filter(({ type }) => type === forge.pki.oids.certBag)
    .map((bag) => certificateOfBag(forge, bag));
  const own = certificates.find((der) => new X509Certificate(der).checkPrivateKey(privateKey));
  if (own === undefined) throw invalid("it holds no certificate for its key");
  return { privateKey, certificates: [own, ...certificates.filter((der) => der !== own)] };
}

type Forge = typeof import("node-forge");

function openBags(forge: Forge, file: Uint8Array, passphrase: string): pkcs12.Pkcs12Pfx {
  let parsed: asn1.Asn1;
  try {
    parsed = forge.asn1.fromDer(Buffer.from(file).toString("latin1"));
  } catch (cause) {
    throw invalid("it is no PKCS#12 file", cause);
  }
  try {
    return withCiphers(forge, () => forge.pkcs12.pkcs12FromAsn1(parsed, false, passphrase));
  } catch (cause) {
    if (cause instanceof FirefliesError) throw cause;
    if (/mac could not be verified|invalid password|decrypt/i.test(messageOf(cause))) {
      throw new FirefliesError("passphrase-wrong", "The passphrase does not open the PKCS#12 file.", { cause });
    }
    if (isUnknownKind(cause)) throw invalid(UNKNOWN_KIND, cause, WRITE_ANEW);
    throw invalid(messageOf(cause), cause);
  }
}

const UNKNOWN_KIND = "its cipher, or the hash of its MAC, is of a kind that is unknown here";
const WRITE_ANEW =
  "Write it anew with today's: openssl pkcs12 -legacy -in old.p12 -nodes -out all.pem, then " +
  "openssl pkcs12 -export -in all.pem -out new.p12, and remove all.pem.";

/** node-forge names the OID, or the MAC's algorithm in its text. */
function isUnknownKind(cause: unknown): boolean {
  return cause instanceof Error && ("oid" in cause || /unsupported (MAC|PBE|PRF)/i.test(cause.message));
}

/**
 * node-forge derives keys in JavaScript, seconds for today's iteration counts, and takes passphrases for Latin-1. For the
 * time of one synchronous call it uses the system's derivation, and UTF-8 as RFC 8018 says, and knows old ciphers.
 */
function withCiphers<T>(forge: Forge, work: () => T): T {
  const own = forge.pkcs5.pbkdf2;
  const { pbe } = forge.pki as unknown as { pbe: { getCipher: GetCipher } };
  const { getCipher } = pbe;
  const system: SystemPbkdf2 = (passphrase, salt, iterations, length, hash) => {
    if (iterations > ITERATIONS_MAX) throw invalid(`it asks for ${iterations} iterations`);
    const key = pbkdf2Sync(passphrase, Buffer.from(salt, "latin1"), iterations, length, hash?.algorithm ?? "sha1");
    return key.toString("latin1");
  };
  forge.pkcs5.pbkdf2 = system as typeof own;
  pbe.getCipher = withOldCiphers(forge, getCipher, ITERATIONS_MAX);
  try {
    return work();
  } finally {
    pbe.getCipher = getCipher;
    forge.pkcs5.pbkdf2 = own;
  }
}

type SystemPbkdf2 = (
  passphrase: string,
  salt: string,
  iterations: number,
  length: number,
  hash?: { readonly algorithm: string },
) => string;

/** An RSA key arrives parsed, any other one as it stood: PrivateKeyInfo. */
function keyOfBag({ asn1, pki }: Forge, bag: pkcs12.Bag): KeyObject {
  const info = bag.key ? pki.wrapRsaPrivateKey(pki.privateKeyToAsn1(bag.key)) : bag.asn1;
  try {
    return createPrivateKey({ key: bytesOf(asn1.toDer(info)), format: "der", type: "pkcs8" });
  } catch (cause) {
    throw invalid("its key is of a kind that is unknown here", cause);
  }
}

/** A parsed certificate keeps its signed part and its signature as they stood; the algorithm between them stands in the first, too. */
function certificateOfBag({ asn1 }: Forge, { cert, asn1: unparsed }: pkcs12.Bag): Uint8Array {
  try {
    if (!cert) return new Uint8Array(new X509Certificate(bytesOf(asn1.toDer(unparsed))).raw);
    const tbs = new Uint8Array(bytesOf(asn1.toDer((cert as unknown as { tbsCertificate: asn1.Asn1 }).tbsCertificate)));
    const algorithm = readChildren(readDer(tbs)).find(({ tag }) => tag === TAG.sequence);
    const bits = Buffer.concat([Uint8Array.of(0), Buffer.from(String(cert.signature), "latin1")]);
    const der = writeDer(TAG.sequence, tbs, algorithm!.bytes, writeDer(TAG.bitString, bits));
    return new Uint8Array(new X509Certificate(der).raw);
  } catch (cause) {
    throw invalid("one of its certificates is malformed", cause);
  }
}

function bytesOf(buffer: { getBytes(): string }): Buffer {
  return Buffer.from(buffer.getBytes(), "latin1");
}

function invalid(what: string, cause?: unknown, advice?: string): FirefliesError {
  return new FirefliesError("import-invalid", `The file cannot be imported: ${what}.`, { cause, advice });
}

export interface Pkcs12Input extends Pkcs12Content {
  /** Shown to people by other tools. */
  readonly name: string;
}

/** A file that `readPkcs12`, openssl and other tools open with `passphrase`. DER. */
export async function writePkcs12(
  { privateKey, certificates, name }: Pkcs12Input,
  passphrase: string,
): Promise<Uint8Array> {
  const localKeyId = randomBytes(20);
  const attributes = attributesOf(name, localKeyId);
  const certBags = certificates.map((der, index) => certBag(der, index === 0 ? attributes : undefined));
  const contents = [
    await encryptedContents(writeDer(TAG.sequence, ...certBags), passphrase),
    dataContents(writeDer(TAG.sequence, await keyBag(privateKey, attributes, passphrase))),
  ];
  const safe = writeDer(TAG.sequence, ...contents);
  return writeDer(TAG.sequence, writeUnsigned(VERSION_3), dataContents(safe), await macData(safe, passphrase));
}

async function keyBag(key: KeyObject, attributes: Uint8Array, passphrase: string): Promise<Uint8Array> {
  const plain = key.export({ type: "pkcs8", format: "der" });
  const { algorithm, data } = await encryptPbes2(plain, passphrase, "pbkdf2");
  const shrouded = writeDer(TAG.sequence, algorithm, writeDer(TAG.octetString, data));
  return writeDer(TAG.sequence, oid(OID.shroudedKeyBag), writeDer(CONTEXT_0, shrouded), attributes);
}

function certBag(der: Uint8Array, attributes: Uint8Array | undefined): Uint8Array {
  const value = writeDer(CONTEXT_0, writeDer(TAG.octetString, der));
  const bag = writeDer(CONTEXT_0, writeDer(TAG.sequence, oid(OID.x509Certificate), value));
  return writeDer(TAG.sequence, oid(OID.certBag), bag, ...(attributes === undefined ? [] : [attributes]));
}

/** By the same key id a reader knows which certificate is the key's. */
function attributesOf(name: string, localKeyId: Uint8Array): Uint8Array {
  const text = new Uint8Array(Buffer.from(name, "utf16le").swap16());
  const attribute = (type: string, value: Uint8Array) => writeDer(TAG.sequence, oid(type), writeDer(TAG.set, value));
  return writeDer(
    TAG.set,
    attribute(OID.friendlyName, writeDer(BMP_STRING, text)),
    attribute(OID.localKeyId, writeDer(TAG.octetString, localKeyId)),
  );
}

function dataContents(content: Uint8Array): Uint8Array {
  return writeDer(TAG.sequence, oid(OID.data), writeDer(CONTEXT_0, writeDer(TAG.octetString, content)));
}

async function encryptedContents(content: Uint8Array, passphrase: string): Promise<Uint8Array> {
  const { algorithm, data } = await encryptPbes2(content, passphrase, "pbkdf2");
  const info = writeDer(TAG.sequence, oid(OID.data), algorithm, writeDer(CONTEXT_0_PRIMITIVE, data));
  const encrypted = writeDer(TAG.sequence, writeUnsigned(0), info);
  return writeDer(TAG.sequence, oid(OID.encryptedData), writeDer(CONTEXT_0, encrypted));
}

async function macData(safe: Uint8Array, passphrase: string): Promise<Uint8Array> {
  const { md, pkcs12, util } = await loadForge();
  const salt = randomBytes(MAC_SALT_BYTES);
  const saltBuffer = util.createBuffer(salt.toString("latin1"));
  const derive = pkcs12.generateKey as unknown as (...args: unknown[]) => { getBytes(): string };
  const key = bytesOf(derive(passphrase, saltBuffer, MAC_PURPOSE, MAC_ITERATIONS, MAC_KEY_BYTES, md.sha256.create()));
  const mac = createHmac("sha256", key).update(safe).digest();
  const digest = writeDer(TAG.sequence, identified(OID.sha256, NULL), writeDer(TAG.octetString, mac));
  return writeDer(TAG.sequence, digest, writeDer(TAG.octetString, salt), writeUnsigned(MAC_ITERATIONS));
}

function oid(hex: string): Uint8Array {
  return writeDer(TAG.oid, fromHex(hex)!);
}
