/** Identities for a bench: members of one network, signed here, without an authority at work. */
import { randomBytes } from "node:crypto";
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
