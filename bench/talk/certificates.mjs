/** Certificates for the peers: a root and two leaves, P-256. */
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { BasicConstraintsExtension, SubjectAlternativeNameExtension, X509CertificateGenerator } from "@peculiar/x509";

const P256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
/** In the certificates of both sides, instead of an address. */
export const PEER_NAME = "peer.test";
const DAY_MS = 24 * 60 * 60_000;

/** What `listen` and `connect` of raw.mjs and tls.mjs take: PEM of the own key and certificate, the root and the other one. */
export async function pairOfKeys() {
  const dates = { notBefore: new Date(Date.now() - DAY_MS), notAfter: new Date(Date.now() + DAY_MS) };
  const rootKeys = await generate();
  const common = { ...dates, signingAlgorithm: P256 };
  const root = await X509CertificateGenerator.createSelfSigned(
    { ...common, name: "CN=root", keys: rootKeys, extensions: [new BasicConstraintsExtension(true)] },
    webcrypto,
  );
  const leaf = async (serialNumber) => {
    const keys = await generate();
    const certificate = await X509CertificateGenerator.create(
      {
        ...common,
        serialNumber,
        subject: "CN=peer",
        issuer: root.subject,
        publicKey: keys.publicKey,
        signingKey: rootKeys.privateKey,
        extensions: [new SubjectAlternativeNameExtension([{ type: "dns", value: PEER_NAME }])],
      },
      webcrypto,
    );
    return { key: await pkcs8(keys.privateKey), certificate: certificate.toString("pem"), root: root.toString("pem") };
  };
  const [server, client] = [await leaf("02"), await leaf("03")];
  return { server: { ...server, peer: client.certificate }, client: { ...client, peer: server.certificate } };
}

function generate() {
  return webcrypto.subtle.generateKey(P256, true, ["sign", "verify"]);
}

async function pkcs8(key) {
  const text = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key)).toString("base64");
  return `-----BEGIN PRIVATE KEY-----\n${text}\n-----END PRIVATE KEY-----\n`;
}
