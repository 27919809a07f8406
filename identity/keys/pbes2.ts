/** Encryption under a passphrase (PBES2, RFC 8018) with AES-256-CBC: how key files and PKCS#12 files hide what they hold. */
import { createCipheriv, pbkdf2, randomBytes, type ScryptOptions, scrypt } from "node:crypto";
import { promisify } from "node:util";
import { fromHex } from "../../rings/index.js";
import { oidHex, TAG, writeDer, writeUnsigned } from "../der.js";

const PBES2 = oidHex("1.2.840.113549.1.5.13");
const PBKDF2 = oidHex("1.2.840.113549.1.5.12");
const HMAC_SHA256 = oidHex("1.2.840.113549.2.9");
const SCRYPT = oidHex("1.3.6.1.4.1.11591.4.11");
const AES_256_CBC = oidHex("2.16.840.1.101.3.4.1.42");
const NULL = fromHex("0500")!;
/**
 * OWASP's figures for 16 MiB: as slow for a guesser as N=2^17 with p=1, and within the 32 MiB that OpenSSL allows when
 * it reads a file. About 0.3 s, once per key and start.
 */
const COST = { N: 16_384, r: 8, p: 5 } as const;
/** OWASP's figure for HMAC-SHA-256. */
const ITERATIONS = 600_000;
const SALT_BYTES = 16;
const IV_BYTES = 16;
const KEY_BYTES = 32;

/** scrypt (RFC 7914) costs a guesser memory, too; PBKDF2 is what all readers of PKCS#12 know. */
export type Derivation = "scrypt" | "pbkdf2";

export interface Encrypted {
  /** AlgorithmIdentifier, DER. */
  readonly algorithm: Uint8Array;
  readonly data: Uint8Array;
}

const deriveScrypt = promisify<string, Uint8Array, number, ScryptOptions, Buffer>(scrypt);
const derivePbkdf2 = promisify(pbkdf2);

export async function encryptPbes2(plain: Uint8Array, passphrase: string, how: Derivation): Promise<Encrypted> {
  const [salt, iv] = [randomBytes(SALT_BYTES), randomBytes(IV_BYTES)];
  const key =
    how === "scrypt"
      ? await deriveScrypt(passphrase, salt, KEY_BYTES, COST)
      : await derivePbkdf2(passphrase, salt, ITERATIONS, KEY_BYTES, "sha256");
  const cipher = createCipheriv("aes-256-cbc", key, iv);
  const data = new Uint8Array(Buffer.concat([cipher.update(plain), cipher.final()]));
  const derivation = how === "scrypt" ? scryptIdentifier(salt) : pbkdf2Identifier(salt);
  const encryption = identified(AES_256_CBC, writeDer(TAG.octetString, iv));
  return { algorithm: identified(PBES2, writeDer(TAG.sequence, derivation, encryption)), data };
}

function scryptIdentifier(salt: Uint8Array): Uint8Array {
  const cost = [COST.N, COST.r, COST.p].map((number) => writeUnsigned(number));
  return identified(SCRYPT, writeDer(TAG.sequence, writeDer(TAG.octetString, salt), ...cost));
}

function pbkdf2Identifier(salt: Uint8Array): Uint8Array {
  const hash = identified(HMAC_SHA256, NULL);
  return identified(PBKDF2, writeDer(TAG.sequence, writeDer(TAG.octetString, salt), writeUnsigned(ITERATIONS), hash));
}

/** AlgorithmIdentifier; the OID in hexadecimal. */
export function identified(oid: string, parameters: Uint8Array): Uint8Array {
  return writeDer(TAG.sequence, writeDer(TAG.oid, fromHex(oid)!), parameters);
}
