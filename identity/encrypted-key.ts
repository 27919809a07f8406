/** Private keys under a passphrase: PKCS#8 (RFC 5958) with PBES2 (RFC 8018), scrypt (RFC 7914) and AES-256-CBC; openssl reads them. */
import { createCipheriv, createPrivateKey, type KeyObject, randomBytes, type ScryptOptions, scrypt } from "node:crypto";
import { promisify } from "node:util";
import { fromHex } from "../rings/index.js";
import { oidHex, TAG, writeDer, writeUnsigned } from "./der.js";
import { FirefliesError } from "./error.js";
import { type KeyPair, keyPairOf } from "./keys.js";

const PBES2 = oidHex("1.2.840.113549.1.5.13");
const SCRYPT = oidHex("1.3.6.1.4.1.11591.4.11");
const AES_256_CBC = oidHex("2.16.840.1.101.3.4.1.42");
/**
 * OWASP's figures for 16 MiB: as slow for a guesser as N=2^17 with p=1, and within the 32 MiB that OpenSSL allows when
 * it reads a file. About 0.3 s, once per key and start.
 */
const COST = { N: 16_384, r: 8, p: 5 } as const;
const SALT_BYTES = 16;
const IV_BYTES = 16;
const KEY_BYTES = 32;
const LABEL = "ENCRYPTED PRIVATE KEY";
const LINE = /.{1,64}/g;

/** Of a passphrase: shorter ones are guessed whatever the cost. Characters. */
export const PASSPHRASE_MIN = 8;
/** Longer ones are a file that is no passphrase. Characters. */
export const PASSPHRASE_MAX = 1_024;

const derive = promisify<string, Uint8Array, number, ScryptOptions, Buffer>(scrypt);

/** `privateKey` under `passphrase`, PEM. Any key that node:crypto can hold. */
export async function encryptedKeyToPem(privateKey: KeyObject, passphrase: string): Promise<string> {
  const [salt, iv] = [randomBytes(SALT_BYTES), randomBytes(IV_BYTES)];
  const cipher = createCipheriv("aes-256-cbc", await derive(passphrase, salt, KEY_BYTES, COST), iv);
  const plain = privateKey.export({ type: "pkcs8", format: "der" });
  const data = Buffer.concat([cipher.update(plain), cipher.final()]);
  const der = writeDer(TAG.sequence, algorithm(salt, iv), writeDer(TAG.octetString, data));
  const lines = Buffer.from(der).toString("base64").match(LINE) ?? [];
  return `-----BEGIN ${LABEL}-----\n${lines.join("\n")}\n-----END ${LABEL}-----\n`;
}

function algorithm(salt: Uint8Array, iv: Uint8Array): Uint8Array {
  const cost = [COST.N, COST.r, COST.p].map((number) => writeUnsigned(number));
  const derivation = identified(SCRYPT, writeDer(TAG.sequence, writeDer(TAG.octetString, salt), ...cost));
  const encryption = identified(AES_256_CBC, writeDer(TAG.octetString, iv));
  return identified(PBES2, writeDer(TAG.sequence, derivation, encryption));
}

/** AlgorithmIdentifier. */
function identified(oid: string, parameters: Uint8Array): Uint8Array {
  return writeDer(TAG.sequence, writeDer(TAG.oid, fromHex(oid)!), parameters);
}

/** Whether a key file's text needs a passphrase; also the older forms that OpenSSL writes. */
export function isEncryptedPem(pem: string): boolean {
  return pem.includes(`BEGIN ${LABEL}`) || /^Proc-Type: 4,ENCRYPTED/m.test(pem);
}

/**
 * The private key of a PEM text of any kind, encrypted or not. Throws "passphrase-required", "passphrase-wrong", or
 * "identity-corrupt" when it holds no readable key.
 */
export function anyKeyFromPem(pem: string, passphrase?: string): KeyObject {
  const encrypted = isEncryptedPem(pem);
  if (encrypted && passphrase === undefined) throw new FirefliesError("passphrase-required");
  try {
    return createPrivateKey(passphrase === undefined ? pem : { key: pem, passphrase });
  } catch (cause) {
    // Wrong padding, or, once in 256 times, bytes that are no key.
    if (encrypted) throw new FirefliesError("passphrase-wrong", undefined, { cause });
    throw new FirefliesError("identity-corrupt", "The private key file holds no readable private key.", { cause });
  }
}

/** As `anyKeyFromPem`, for P-256 keys only. */
export function keyPairFromPem(pem: string, passphrase?: string): KeyPair {
  return keyPairOf(anyKeyFromPem(pem, passphrase));
}
