/** Lists, answers about single certificates and EST's messages, as OpenSSL and pkijs read them: readers that are not ours. */
import { spawnSync } from "node:child_process";
import { webcrypto } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  BasicOCSPResponse,
  Certificate,
  CertificateRevocationList,
  CryptoEngine,
  OCSPRequest,
  OCSPResponse,
} from "pkijs";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import {
  type CertificateStatus,
  certificatesToPem,
  certificatesToPkcs7,
  createCrl,
  createStatusAnswer,
  derToPem,
  generateKeyPair,
  isAboutIssuer,
  issueStatusResponder,
  type RevokedCertificate,
  readStatusRequest,
  serialToHex,
  signRaw,
  statusFailure,
  verifyMemberCertificate,
} from "../../identity/index.js";
import { createChain, DAY_MS, NOW } from "./forge.js";

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;
const itWithOpenssl = it.skipIf(!hasOpenssl); // Skipped where openssl is not installed.
const directory = mkdtempSync(join(tmpdir(), "fireflies-status-"));
const path = (name: string) => join(directory, name);
const openssl = (...args: string[]) => spawnSync("openssl", args, { encoding: "utf8" });
const engine = new CryptoEngine({ name: "node", crypto: webcrypto });
const validity = { notBefore: NOW, notAfter: NOW + DAY_MS };

let chain: Awaited<ReturnType<typeof createChain>>;
let serial: string;
beforeAll(async () => {
  chain = await createChain();
  const verdict = verifyMemberCertificate({ leaf: chain.leaf, issuer: chain.issuing }, { root: chain.root, now: NOW });
  if (!verdict.ok) throw new Error(verdict.reason);
  serial = serialToHex(verdict.certificate.serial);
  writeFileSync(path("root.pem"), certificatesToPem(chain.root));
  writeFileSync(path("issuing.pem"), certificatesToPem(chain.issuing));
  writeFileSync(path("chain.pem"), certificatesToPem(chain.root, chain.issuing));
  writeFileSync(path("leaf.pem"), certificatesToPem(chain.leaf));
});
afterAll(() => rmSync(directory, { recursive: true }));

const listOf = (revoked: readonly RevokedCertificate[], dates = validity) =>
  createCrl({ issuer: chain.issuer, number: (1n << 40n) + 7n, validity: dates, revoked });

describe("a certificate revocation list", () => {
  it("verifies under its issuer, with pkijs", async () => {
    const crl = CertificateRevocationList.fromBER(await listOf([{ serial, revokedAt: NOW, reason: "keyCompromise" }]));
    const issuerCertificate = Certificate.fromBER(chain.issuing);
    expect(await crl.verify({ issuerCertificate }, engine)).toBe(true);
    expect(crl.isCertificateRevoked(Certificate.fromBER(chain.leaf))).toBe(true);
    const empty = CertificateRevocationList.fromBER(await listOf([]));
    expect(empty.isCertificateRevoked(Certificate.fromBER(chain.leaf))).toBe(false);
  });

  itWithOpenssl(
    "is read by openssl crl, with its number and reasons, also beyond 2049 (skipped where openssl is not installed)",
    async () => {
      const revoked = [
        { serial, revokedAt: NOW - 1_000, reason: "keyCompromise" },
        { serial: "7f", revokedAt: NOW, reason: "unspecified" },
      ] as const;
      const dates = { notBefore: NOW, notAfter: Date.UTC(2051, 0, 1) };
      writeFileSync(path("crl.pem"), derToPem("X509 CRL", await listOf(revoked, dates)));
      const { stdout, stderr, status } = openssl(
        "crl",
        "-in",
        path("crl.pem"),
        "-noout",
        "-text",
        "-CAfile",
        path("chain.pem"),
      );
      expect(status, stderr).toBe(0);
      expect(stderr).toContain("verify OK");
      expect(stdout).toContain("Version 2 (0x1)");
      expect(stdout).toContain(String((1n << 40n) + 7n));
      expect(stdout).toContain("Next Update: Jan  1 00:00:00 2051 GMT");
      expect(stdout).toContain(serial.toUpperCase());
      expect(stdout).toContain("Key Compromise");
      expect(stdout.match(/X509v3 CRL Reason Code/g)?.length).toBe(1);
    },
  );

  itWithOpenssl("makes openssl verify -x509_strict -crl_check refuse who is on it, and nobody else", async () => {
    const check = async (revoked: readonly RevokedCertificate[]) => {
      writeFileSync(path("check.pem"), derToPem("X509 CRL", await listOf(revoked)));
      const time = ["-attime", String(NOW / 1_000 + 60)];
      const files = ["-CAfile", path("root.pem"), "-untrusted", path("issuing.pem"), "-CRLfile", path("check.pem")];
      return openssl("verify", "-x509_strict", "-crl_check", ...time, ...files, path("leaf.pem"));
    };
    expect((await check([])).status).toBe(0);
    expect((await check([{ serial: "01", revokedAt: NOW, reason: "superseded" }])).status).toBe(0);
    expect((await check([{ serial, revokedAt: NOW, reason: "superseded" }])).stderr).toContain("certificate revoked");
  });
});

describe("an answer about one certificate", () => {
  const pair = generateKeyPair();

  async function answer(request: Uint8Array, status: CertificateStatus): Promise<Uint8Array> {
    const certificate = await issueStatusResponder({ spki: pair.spki, issuer: chain.issuer, validity });
    const responder = { certificate, sign: (data: Uint8Array) => signRaw(pair.privateKey, data) };
    const read = readStatusRequest(request);
    if (!read.ok) throw new Error(read.reason);
    const answers = read.value.questions.map((question) => ({ question, status }));
    return createStatusAnswer({ responder, answers, nonce: read.value.nonce, validity });
  }

  it("verifies with pkijs, for the certificate that was asked for", async () => {
    const request = new OCSPRequest();
    const [certificate, issuer] = [Certificate.fromBER(chain.leaf), Certificate.fromBER(chain.issuing)];
    const options = { hashAlgorithm: "SHA-256", issuerCertificate: issuer };
    await request.createForCertificate(certificate, options, engine);
    const der = new Uint8Array(request.toSchema(true).toBER());
    const response = OCSPResponse.fromBER(await answer(der, { kind: "revoked", at: NOW, reason: "keyCompromise" }));
    expect((await response.getCertificateStatus(certificate, issuer, engine)).status).toBe(1);
    const basic = BasicOCSPResponse.fromBER(response.responseBytes!.response.valueBlock.valueHexView);
    // It compares dates with the clock of the process, and takes no other.
    vi.useFakeTimers({ toFake: ["Date"], now: NOW });
    onTestFinished(() => void vi.useRealTimers());
    expect(await basic.verify({ trustedCerts: [Certificate.fromBER(chain.root), issuer] }, engine)).toBe(true);
  });

  itWithOpenssl.each<[string, CertificateStatus, string]>([
    ["good", { kind: "good" }, "leaf.pem: good"],
    ["revoked", { kind: "revoked", at: NOW, reason: "keyCompromise" }, "Reason: keyCompromise"],
    ["revoked without a reason", { kind: "revoked", at: NOW, reason: "unspecified" }, "leaf.pem: revoked"],
    ["unknown", { kind: "unknown" }, "leaf.pem: unknown"],
  ])("%s, as openssl ocsp reads it, with its nonce", async (_, status, said) => {
    const files = ["-issuer", path("issuing.pem"), "-cert", path("leaf.pem")];
    expect(openssl("ocsp", ...files, "-reqout", path("request.der")).status).toBe(0);
    const request = readFileSync(path("request.der"));
    const read = readStatusRequest(request);
    const question = read.ok ? read.value.questions[0]! : undefined;
    expect(question?.serial).toBe(serial);
    expect([isAboutIssuer(question!, chain.issuing), isAboutIssuer(question!, chain.root)]).toEqual([true, false]);
    writeFileSync(path("response.der"), await answer(request, status));
    const common = ["-respin", path("response.der"), "-CAfile", path("chain.pem"), "-attime", String(NOW / 1_000 + 60)];
    const asked = openssl("ocsp", "-reqin", path("request.der"), ...common);
    expect(asked.stderr).toBe("Response verify OK\n"); // With the nonce of the question.
    // Its own times openssl compares with the real clock.
    const anyTime = ["-validity_period", "999999999"];
    const { stdout, stderr } = openssl("ocsp", ...files, "-no_nonce", ...anyTime, ...common);
    expect(stderr).toContain("Response verify OK");
    expect(stdout.replaceAll(directory, "")).toContain(said);
  });

  it("is refused to what is no question", () => {
    for (const bytes of [new Uint8Array(), Uint8Array.of(0x30, 0), new Uint8Array(3_000).fill(0x30), chain.leaf]) {
      expect(readStatusRequest(bytes).ok).toBe(false);
    }
    expect(OCSPResponse.fromBER(statusFailure("malformedRequest")).responseStatus.valueBlock.valueDec).toBe(1);
  });
});

describe.skipIf(!hasOpenssl)("certificates in PKCS#7 (skipped where openssl is not installed)", () => {
  it("are what openssl pkcs7 prints", () => {
    writeFileSync(path("certs.p7"), derToPem("PKCS7", certificatesToPkcs7(chain.leaf, chain.issuing)));
    const { stdout, status } = openssl("pkcs7", "-in", path("certs.p7"), "-print_certs");
    expect(status).toBe(0);
    expect(stdout).toContain("issuing");
    expect(stdout.match(/BEGIN CERTIFICATE/g)?.length).toBe(2);
  });
});
