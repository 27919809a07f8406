/** Members with real certificates for the long tests, in a form that crosses process boundaries. */
import { randomBytes } from "node:crypto";
import * as identity from "../../dist/identity/index.js";
import { memberIdFromBytes } from "../../dist/rings/index.js";

const DAY_MS = 24 * 60 * 60_000;

/** An authority of its own; `member()` is portable, for `opened`. */
export async function newNetwork() {
  const network = { networkId: new Uint8Array(randomBytes(32)), ringCount: 9, deltaMs: 1500 };
  const [rootKey, issuingKey] = [identity.generateKeyPair(), identity.generateKeyPair()];
  const validity = { notBefore: Date.now() - DAY_MS, notAfter: Date.now() + 30 * DAY_MS };
  const signer = (pair) => (data) => identity.signRaw(pair.privateKey, data);
  const root = await identity.createRoot({ name: "root", spki: rootKey.spki, sign: signer(rootKey), validity });
  const parent = { certificate: root, sign: signer(rootKey) };
  const { spki } = issuingKey;
  const issuing = await identity.createIssuing({ name: "issuing", spki, network, root: parent, validity });
  const issuer = { certificate: issuing, sign: signer(issuingKey) };
  const member = async () => {
    const pair = identity.generateKeyPair();
    const id = memberIdFromBytes(new Uint8Array(randomBytes(32)));
    const leaf = await identity.issueMember({ id, spki: pair.spki, network, issuer, validity });
    return { key: identity.privateKeyToPem(pair.privateKey), ...base64({ leaf, issuer: issuing, root }) };
  };
  return { member };
}

function base64(parts) {
  const texts = Object.entries(parts).map(([name, bytes]) => [name, Buffer.from(bytes).toString("base64")]);
  return Object.fromEntries(texts);
}

/** A member's identity as it crosses a process boundary. */
export function opened({ key, ...parts }) {
  const [leaf, issuer, root] = [parts.leaf, parts.issuer, parts.root].map(
    (text) => new Uint8Array(Buffer.from(text, "base64")),
  );
  const verdict = identity.verifyMemberCertificate({ leaf, issuer }, { root, now: Date.now() });
  return { certificate: verdict.certificate, privateKey: identity.privateKeyFromPem(key).privateKey, root };
}
