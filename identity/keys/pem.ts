/** PEM (RFC 7468): certificates as text. */
import { X509Certificate } from "node:crypto";

const BLOCK = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

export function certificatesToPem(...certificates: readonly Uint8Array[]): string {
  return certificates.map((der) => derToPem("CERTIFICATE", der)).join("");
}

/** A DER structure as text, under any label of RFC 7468: "X509 CRL", "PKCS7". */
export function derToPem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

/** The certificates of a PEM text in order, DER; undefined when one cannot be read. */
export function certificatesFromPem(pem: string): Uint8Array[] | undefined {
  try {
    return (pem.match(BLOCK) ?? []).map((text) => new Uint8Array(new X509Certificate(text).raw));
  } catch {
    return undefined;
  }
}
