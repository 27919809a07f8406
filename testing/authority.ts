/** An authority for tests, in memory: it signs members and is gone with its process. */
import { randomBytes } from "node:crypto";
import {
  createIssuing,
  createRoot,
  generateKeyPair,
  type IdentityPem,
  type Issuer,
  identityToPem,
  issueMember,
  type KeyPair,
  type NetworkConstants,
  signRaw,
  verifyMemberCertificate,
} from "../identity/index.js";
import { memberIdFromBytes } from "../rings/index.js";

const DAY_MS = 24 * 60 * 60_000;
/** Certificates begin so much earlier, and end so much later: tests move their clocks. */
const LIFE_MS = 3_650 * DAY_MS;

export class TestAuthority {
  readonly #network: NetworkConstants;
  readonly #root: Uint8Array;
  readonly #issuer: Issuer;

  private constructor(network: NetworkConstants, root: Uint8Array, issuer: Issuer) {
    this.#network = network;
    this.#root = root;
    this.#issuer = issuer;
  }

  /** With keys of its own. */
  static async create(constants: Pick<NetworkConstants, "ringCount" | "deltaMs">): Promise<TestAuthority> {
    const network = { ...constants, networkId: new Uint8Array(randomBytes(32)) };
    const [rootKey, issuingKey] = [generateKeyPair(), generateKeyPair()];
    const validity = lifeAround(Date.now());
    const rootSign = signer(rootKey);
    const root = await createRoot({ name: "test root", spki: rootKey.spki, sign: rootSign, validity });
    const issuing = await createIssuing({
      ...{ name: "test issuing", spki: issuingKey.spki, network, validity },
      root: { certificate: root, sign: rootSign },
    });
    return new TestAuthority(network, root, { certificate: issuing, sign: signer(issuingKey) });
  }

  /** A new member, for the option `identity` of a Client. */
  async admit(name: string): Promise<IdentityPem> {
    const pair = generateKeyPair();
    const now = Date.now();
    const leaf = await issueMember({
      ...{ id: memberIdFromBytes(new Uint8Array(randomBytes(32))), name, spki: pair.spki },
      ...{ network: this.#network, issuer: this.#issuer, validity: lifeAround(now) },
    });
    const chain = { leaf, issuer: this.#issuer.certificate };
    const verdict = verifyMemberCertificate(chain, { root: this.#root, now });
    if (!verdict.ok) throw new RangeError(`${name} is no name for a member (${verdict.reason}).`);
    return identityToPem({ certificate: verdict.certificate, privateKey: pair.privateKey, root: this.#root });
  }
}

function lifeAround(now: number) {
  return { notBefore: now - DAY_MS, notAfter: now + LIFE_MS - DAY_MS };
}

function signer({ privateKey }: KeyPair): (data: Uint8Array) => Uint8Array {
  return (data) => signRaw(privateKey, data);
}
