/** Private keys under a passphrase: PKCS#8 (RFC 5958) with PBES2 (RFC 8018), scrypt (RFC 7914) and AES-256-CBC; openssl reads them. */
import { createPrivateKey, type KeyObject } from "node:crypto";
import { TAG, writeDer } from "../der.js";
import { FirefliesError } from "../errors/error.js";
import { isCode } from "../files/files.js";
import { type KeyPair, keyPairOf } from "./keys.js";
import { encryptPbes2 } from "./pbes2.js";

const LABEL = "ENCRYPTED PRIVATE KEY";
const LINE = /.{1,64}/g;
/** Of node:crypto, when OpenSSL 3 no longer offers the cipher: single DES, RC2, RC4. Whether the passphrase is right cannot be said then. */
const CIPHER_UNKNOWN = "ERR_OSSL_EVP_UNSUPPORTED";
const OLD_CIPHER = "The private key is encrypted with an old cipher, as single DES, RC2 or RC4.";
const ENCRYPT_ANEW =
  "Encrypt it anew: openssl pkey -provider legacy -provider default -in old.key -aes256 -out new.key";

/** Of a passphrase: shorter ones are guessed whatever the cost. Characters. */
export const PASSPHRASE_MIN = 8;
/** Longer ones are a file that is no passphrase. Characters. */
export const PASSPHRASE_MAX = 1_024;

/** `privateKey` under `passphrase`, PEM. Any key that node:crypto can hold. */
export async function encryptedKeyToPem(privateKey: KeyObject, passphrase: string): Promise<string> {
  const plain = privateKey.export({ type: "pkcs8", format: "der" });
  const { algorithm, data } = await encryptPbes2(plain, passphrase, "scrypt");
  const der = writeDer(TAG.sequence, algorithm, writeDer(TAG.octetString, data));
  const lines = Buffer.from(der).toString("base64").match(LINE) ?? [];
  return `-----BEGIN ${LABEL}-----\n${lines.join("\n")}\n-----END ${LABEL}-----\n`;
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
    if (isCode(cause, CIPHER_UNKNOWN)) {
      throw new FirefliesError("identity-corrupt", OLD_CIPHER, { cause, advice: ENCRYPT_ANEW });
    }
    // Wrong padding, or, once in 256 times, bytes that are no key.
    if (encrypted) throw new FirefliesError("passphrase-wrong", undefined, { cause });
    throw new FirefliesError("identity-corrupt", "The private key file holds no readable private key.", { cause });
  }
}

/** What to do about an error of `anyKeyFromPem` that an old cipher caused; undefined for others. */
export function oldCipherAdvice(error: unknown): string | undefined {
  return error instanceof FirefliesError && isCode(error.cause, CIPHER_UNKNOWN) ? error.advice : undefined;
}

/** As `anyKeyFromPem`, for P-256 keys only. */
export function keyPairFromPem(pem: string, passphrase?: string): KeyPair {
  return keyPairOf(anyKeyFromPem(pem, passphrase));
}
