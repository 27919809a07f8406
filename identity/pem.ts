/** PEM (RFC 7468): certificates as text. */
import { X509Certificate } from "node:crypto";

const BLOCK = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

export function certificatesToPem(...certificates: readonly Uint8Array[]): string {
  return certificates.map(block).join("");
}

function block(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

/** The certificates of a PEM text in order, DER; undefined when one cannot be read. */
export function certificatesFromPem(pem: string): Uint8Array[] | undefined {
  try {
    return (pem.match(BLOCK) ?? []).map((text) => new Uint8Array(new X509Certificate(text).raw));
  } catch {
    return undefined;
  }
}
