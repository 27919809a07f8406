/** The bridge to @peculiar/x509, which speaks WebCrypto. */
import { webcrypto } from "node:crypto";
import type { KeyPair } from "./keys.js";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" } as const;

/** The library's own default would be a global; this one is passed to every call. */
export const x509Crypto = webcrypto;

export async function toCryptoKeyPair({ privateKey, spki }: KeyPair): Promise<webcrypto.CryptoKeyPair> {
  const pkcs8 = privateKey.export({ type: "pkcs8", format: "der" });
  const [secret, open] = await Promise.all([
    x509Crypto.subtle.importKey("pkcs8", new Uint8Array(pkcs8), ALGORITHM, false, ["sign"]),
    x509Crypto.subtle.importKey("spki", new Uint8Array(spki), ALGORITHM, true, ["verify"]),
  ]);
  return { privateKey: secret, publicKey: open };
}
