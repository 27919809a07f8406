/** A network made in memory for tests: an authority's keys, and members with real certificates. */
import { randomBytes } from "node:crypto";
import {
  createIssuing,
  createRoot,
  generateKeyPair,
  type Identity,
  type Issuer,
  issueMember,
  type KeyPair,
  type NetworkConstants,
  signRaw,
  type Validity,
  verifyMemberCertificate,
} from "../../identity/index.js";
import { type MemberId, memberIdFromBytes } from "../../rings/index.js";

export const DAY_MS = 24 * 60 * 60_000;

export class TestNetwork {
  private constructor(
    readonly network: NetworkConstants,
    readonly root: Uint8Array,
    private readonly issuer: Issuer,
    private readonly start: number,
  ) {}

  static async create(constants: Partial<NetworkConstants> = {}): Promise<TestNetwork> {
    const network = { networkId: new Uint8Array(randomBytes(32)), ringCount: 9, deltaMs: 1500, ...constants };
    const [rootKey, issuingKey] = [generateKeyPair(), generateKeyPair()];
    const start = Date.now();
    const validity = { notBefore: start - 30 * DAY_MS, notAfter: start + 3650 * DAY_MS };
    const rootSign = signer(rootKey);
    const root = await createRoot({ name: "test root", spki: rootKey.spki, sign: rootSign, validity });
    const parent = { certificate: root, sign: rootSign };
    const issuing = await createIssuing({
      name: "test issuing",
      spki: issuingKey.spki,
      network,
      root: parent,
      validity,
    });
    return new TestNetwork(network, root, { certificate: issuing, sign: signer(issuingKey) }, start);
  }

  /** A new member; `at` is the time at which its certificate is judged when it is made. */
  async member(options: { id?: MemberId; name?: string; validity?: Validity; at?: number } = {}): Promise<Identity> {
    const pair = generateKeyPair();
    const id = options.id ?? memberIdFromBytes(new Uint8Array(randomBytes(32)));
    const validity = options.validity ?? { notBefore: this.start - DAY_MS, notAfter: this.start + 30 * DAY_MS };
    const named = options.name === undefined ? {} : { name: options.name };
    const { network, issuer } = this;
    const leaf = await issueMember({ id, ...named, spki: pair.spki, network, issuer, validity });
    const chain = { leaf, issuer: this.issuer.certificate };
    const verdict = verifyMemberCertificate(chain, { root: this.root, now: options.at ?? Date.now() });
    if (!verdict.ok) throw new Error(`the test's own certificate is refused: ${verdict.reason}`);
    return { certificate: verdict.certificate, privateKey: pair.privateKey, root: this.root };
  }
}

function signer({ privateKey }: KeyPair): (data: Uint8Array) => Uint8Array {
  return (data) => signRaw(privateKey, data);
}
