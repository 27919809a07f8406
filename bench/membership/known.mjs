/** A network on disk: identities of some members, and for each the signed statements of all, as if it had known them. */
import { randomBytes } from "node:crypto";
import { StateDirectory } from "../../dist/client/state/index.js";
import { encodeNote, encodeStatement, TRANSPORT_GRPC, TRANSPORT_PING } from "../../dist/gossip/index.js";
import {
  createIssuing,
  createRoot,
  generateAgreementKey,
  generateKeyPair,
  issueMember,
  saveIdentity,
  sign,
  signRaw,
  verifyMemberCertificate,
} from "../../dist/identity/index.js";
import { fullMask, memberIdFromBytes, toHex } from "../../dist/rings/index.js";

const DAY_MS = 24 * 60 * 60_000;
/** As an authority makes a network when nothing is said. */
const NETWORK = { ringCount: 13, deltaMs: 1500 };
/** Nobody listens there: a refused connection, at once. */
const CLOSED_PORT = 9;

export class KnownNetwork {
  static async create(count, portOf = () => CLOSED_PORT) {
    const known = new KnownNetwork();
    known.network = { ...NETWORK, networkId: new Uint8Array(randomBytes(32)) };
    await known.#createAuthority();
    known.members = [];
    known.statements = [];
    for (let index = 0; index < count; index++) await known.#add(portOf(index));
    return known;
  }

  async #createAuthority() {
    const [rootKey, issuingKey] = [generateKeyPair(), generateKeyPair()];
    const signer = (pair) => (data) => signRaw(pair.privateKey, data);
    const now = Date.now();
    this.validity = { notBefore: now - 30 * DAY_MS, notAfter: now + 3650 * DAY_MS };
    const { validity, network } = this;
    this.root = await createRoot({ name: "bench root", spki: rootKey.spki, sign: signer(rootKey), validity });
    const root = { certificate: this.root, sign: signer(rootKey) };
    const issuing = { name: "bench issuing", spki: issuingKey.spki, network, root, validity };
    this.issuer = { certificate: await createIssuing(issuing), sign: signer(issuingKey) };
  }

  async #add(port) {
    const { network, issuer, root } = this;
    const pair = generateKeyPair();
    const id = memberIdFromBytes(new Uint8Array(randomBytes(32)));
    const validity = { notBefore: Date.now() - DAY_MS, notAfter: Date.now() + 30 * DAY_MS };
    const leaf = await issueMember({ id, spki: pair.spki, network, issuer, validity });
    const chain = { leaf, issuer: issuer.certificate };
    const { certificate } = verifyMemberCertificate(chain, { root, now: Date.now() });
    this.members.push({ id, identity: { certificate, privateKey: pair.privateKey, root }, port });
    const facts = { ...certificate, hash: toHex(certificate.hash) };
    this.statements.push(encodeStatement({ kind: "certificate", chain: facts }), this.#note(pair, certificate, port));
  }

  #note({ privateKey }, { id, hash }, port) {
    const { networkId, ringCount } = this.network;
    const text = `127.0.0.1:${port}`;
    const note = {
      id,
      epoch: BigInt(Date.now()),
      leaving: false,
      mask: fullMask(ringCount),
      agreementKey: generateAgreementKey().publicKey,
      addresses: [TRANSPORT_GRPC, TRANSPORT_PING].map((transport) => ({ transport, text })),
      metadata: new Uint8Array(0),
    };
    const body = encodeNote(note, hash);
    const signature = sign(privateKey, "note", networkId, body);
    return encodeStatement({ kind: "note", note: { ...note, certificate: toHex(hash), body, signature } });
  }

  /** The directory of a member that was there before. */
  async save(index, directory) {
    const { identity } = this.members[index];
    const state = await StateDirectory.open(directory);
    await state.saveMembers(this.statements);
    await state.close();
    await saveIdentity(directory, identity);
  }
}
