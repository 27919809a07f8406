/** Reading an X.509 revocation list (RFC 5280, section 5) that one of our authorities published: for who restores one. */
import { verify as cryptoVerify, X509Certificate } from "node:crypto";
import { loadX509 } from "../certificates/x509.js";
import { readBitString, readChildren, readDer, readUnsigned } from "../der.js";

const CRL_NUMBER = "2.5.29.20";
const SERIAL_DIGITS = 32;

export interface OpenedCrl {
  readonly number: bigint;
  /** Of revoked certificates, hexadecimal, as `newSerial` writes them. */
  readonly serials: readonly string[];
  /** Whether the key of this certificate (DER) signed it. */
  isSignedBy(issuer: Uint8Array): boolean;
}

/** Of DER or PEM. Rejects for what is no list. */
export async function openCrl(list: Uint8Array): Promise<OpenedCrl> {
  const { X509Crl } = await loadX509();
  const text = Buffer.from(list).toString("latin1");
  const crl = text.includes("-----BEGIN") ? new X509Crl(text) : new X509Crl(new Uint8Array(list));
  const [tbs, , bits] = readChildren(readDer(new Uint8Array(crl.rawData)));
  const signature = readBitString(bits);
  const number = crl.getExtension(CRL_NUMBER)?.value;
  return {
    number: number === undefined ? 0n : readUnsigned(readDer(new Uint8Array(number))),
    serials: crl.entries.map(({ serialNumber }) => serialNumber.toLowerCase().padStart(SERIAL_DIGITS, "0")),
    isSignedBy: (issuer) => cryptoVerify("sha256", tbs!.bytes, new X509Certificate(issuer).publicKey, signature),
  };
}
