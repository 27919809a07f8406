/** Certificates for a bench: members of a network of our own, and plain ones for peers. Nothing here outlives it. */
import { randomBytes, webcrypto } from "node:crypto";
import "reflect-metadata";
import {
  createIssuing,
  createRoot,
  generateKeyPair,
  issueMember,
  signRaw,
  verifyMemberCertificate,
} from "../../dist/identity/index.js";
import { memberIdFromBytes } from "../../dist/rings/index.js";

const DAY_MS = 24 * 60 * 60_000;
const P256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

const validity = () => ({ notBefore: Date.now() - DAY_MS, notAfter: Date.now() + 30 * DAY_MS });

/** Issues identities of one network. */
export class Authority {
  static async create(constants = {}) {
    const network = { networkId: new Uint8Array(randomBytes(32)), ringCount: 9, deltaMs: 1500, ...constants };
    const [rootKey, issuingKey] = [generateKeyPair(), generateKeyPair()];
    const rootSign = (data) => signRaw(rootKey.privateKey, data);
    const dates = validity();
    const root = await createRoot({ name: "bench root", spki: rootKey.spki, sign: rootSign, validity: dates });
    const parent = { certificate: root, sign: rootSign };
    const about = { name: "bench issuing", spki: issuingKey.spki, network, root: parent, validity: dates };
    const certificate = await createIssuing(about);
    return new Authority(network, root, { certificate, sign: (data) => signRaw(issuingKey.privateKey, data) });
  }

  constructor(network, root, issuer) {
    Object.assign(this, { network, root, issuer });
  }

  /** An `Identity`, as identity/ saves it. */
  async member() {
    const { network, issuer, root } = this;
    const pair = generateKeyPair();
    const id = memberIdFromBytes(new Uint8Array(randomBytes(32)));
    const leaf = await issueMember({ id, spki: pair.spki, network, issuer, validity: validity() });
    const verdict = verifyMemberCertificate({ leaf, issuer: issuer.certificate }, { root, now: Date.now() });
    if (!verdict.ok) throw new Error(`the bench's own certificate is refused: ${verdict.reason}`);
    return { certificate: verdict.certificate, privateKey: pair.privateKey, root };
  }
}

/** Issues what TLS stacks take that know nothing of us: with names, without our extension. */
export async function plainAuthority() {
  const x509 = await import("@peculiar/x509");
  x509.cryptoProvider.set(webcrypto);
  const { notBefore, notAfter } = validity();
  const common = { notBefore: new Date(notBefore), notAfter: new Date(notAfter), signingAlgorithm: P256 };
  const makeKeys = () => webcrypto.subtle.generateKey(P256, true, ["sign", "verify"]);
  const keys = await makeKeys();
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    ...common,
    name: "CN=bench peers",
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 1, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  });
  const issue = async () => {
    const own = await makeKeys();
    const leaf = await x509.X509CertificateGenerator.create({
      ...common,
      subject: "CN=localhost",
      issuer: root.subject,
      publicKey: own.publicKey,
      signingKey: keys.privateKey,
      extensions: [
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension(["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]),
        new x509.SubjectAlternativeNameExtension([
          { type: "dns", value: "localhost" },
          { type: "ip", value: "127.0.0.1" },
        ]),
      ],
    });
    const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", own.privateKey)).toString("base64");
    const key = `-----BEGIN ${"PRIVATE"} KEY-----\n${pkcs8}\n-----END ${"PRIVATE"} KEY-----\n`;
    return { key, cert: `${leaf.toString("pem")}\n`, ca: `${root.toString("pem")}\n` };
  };
  return { issue };
}
