/** Certificates from the template are byte for byte those that the library lays out. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type MemberPlaces, memberTemplate } from "../../identity/certificates/member-template.js";
import { loadX509, x509Crypto } from "../../identity/certificates/x509.js";
import { readChildren, readDer } from "../../identity/der.js";
import { generateKeyPair } from "../../identity/index.js";
import { memberIdFromBytes, toHex } from "../../rings/index.js";

const ISSUER = "fireflies issuing 0123";

/** As the library lays it out: the bytes to be signed. */
async function laidOut({ id, spki, serial, validity }: MemberPlaces): Promise<Uint8Array> {
  const x509 = await loadX509();
  const certificate = await x509.X509CertificateGenerator.create(
    {
      subject: new x509.Name([{ CN: [{ utf8String: id }] }]),
      issuer: new x509.Name([{ CN: [{ utf8String: ISSUER }] }]),
      publicKey: new Uint8Array(spki),
      serialNumber: serial,
      notBefore: new Date(validity.notBefore),
      notAfter: new Date(validity.notAfter),
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.SubjectKeyIdentifierExtension(id),
        new x509.AuthorityKeyIdentifierExtension("00".repeat(20)),
      ],
      signature: new Uint8Array(64),
      signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
    },
    x509Crypto,
  );
  return new Uint8Array(readChildren(readDer(new Uint8Array(certificate.rawData)))[0]!.bytes);
}

const seconds = (from: number, to: number) =>
  fc.integer({ min: from / 1_000, max: to / 1_000 }).map((each) => each * 1_000);
const anyPlaces = fc.record({
  id: fc.uint8Array({ minLength: 32, maxLength: 32 }).map(memberIdFromBytes),
  spki: fc.constant(null).map(() => generateKeyPair().spki),
  serial: fc.uint8Array({ minLength: 15, maxLength: 15 }).map((bytes) => `01${toHex(bytes)}`),
  validity: fc.record({
    notBefore: seconds(Date.UTC(2020, 0, 1), Date.UTC(2049, 11, 31)),
    notAfter: seconds(Date.UTC(2049, 11, 31), Date.UTC(2050, 1, 1)),
  }),
});

describe("a member's certificate from the template", () => {
  it("has the bytes of one that the library lays out", { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(anyPlaces, anyPlaces, async (first, second) => {
        expect(memberTemplate(await laidOut(first)).fill(second)).toEqual(await laidOut(second));
      }),
      { numRuns: 40 },
    );
  });
});
