/**
 * An authority and signatures without cryptography: a "certificate" spells its facts, a "signature" is a hash over who
 * signed what. Nobody in a simulation makes one for another, because behaviours are given their own `sign` only.
 */
import {
  type CertificateFacts,
  type Check,
  encodeRevocationList,
  type RevocationList,
  type SignedRevocationList,
  type Verdict,
} from "../../gossip/index.js";
import { equalBytes, fromHex, memberIdFromBytes, toHex } from "../../rings/index.js";
import { type Credentials, type Dates, dateProblem, type SimCrypto } from "./crypto.js";
import { Mixer } from "./mixer.js";
import { sha256 } from "./sha256.js";

/** Bytes of the certificates of identity/, so that traffic is counted as it would be. */
const LEAF_BYTES = 640;
const ISSUER_BYTES = 600;
const SIGNATURE_BYTES = 64;
/** The layout of a leaf: a tag, the id, two dates and the serial number as doubles, which issuer, its signature, padding. */
const AT = { tag: 0, id: 1, notBefore: 33, notAfter: 41, serial: 49, issuer: 57, signature: 58, padding: 122 } as const;
/** The number of an issuing certificate follows its tag, and is one byte there and in leaves. */
const ISSUERS_MAX = 256;
const TAG = 0xfa;

export function fakeCrypto(): SimCrypto {
  return new FakeCrypto();
}

class FakeCrypto implements SimCrypto {
  readonly sha256 = sha256;
  /** All that there were; the last one signs. */
  readonly #issuers = [issuerOf(0)];
  #serial = 0;

  issue(name: string, dates: Dates): Credentials {
    const leaf = writeLeaf(sha256(asciiBytes(`id ${name}`)), dates, ++this.#serial, this.#issuers.length - 1);
    const certificate = factsOf(leaf, this.#issuer);
    const sign: Credentials["sign"] = (type, body) => fakeSignature(certificate.hash, type, body);
    return { certificate, sign };
  }

  rotate(): Uint8Array {
    if (this.#issuers.length >= ISSUERS_MAX) throw new Error(`there are ${ISSUERS_MAX} issuing certificates at most`);
    const former = this.#issuer;
    this.#issuers.push(issuerOf(this.#issuers.length));
    return former;
  }

  signRevocations(list: RevocationList): SignedRevocationList {
    const body = encodeRevocationList(list, (text) => fromHex(text) as Uint8Array);
    return { ...list, body, signature: fakeSignature("authority", "revocation", body), issuer: this.#issuer };
  }

  check(check: Check, wall: number): Verdict {
    if (check.kind === "certificate") return this.#checkChain(check.chain.leaf, check.chain.issuer, wall);
    const isList = check.kind === "revocation";
    const reason = isList ? undefined : dateProblem(check.certificate, wall);
    if (reason) return { ok: false, reason };
    const signer = isList ? "authority" : check.certificate.hash;
    const expected = fakeSignature(signer, isList ? "revocation" : check.type, check.body);
    return equalBytes(expected, check.signature) ? { ok: true } : { ok: false, reason: "signature" };
  }

  get #issuer(): Uint8Array {
    return this.#issuers.at(-1)!;
  }

  #isIssuerOf(leaf: Uint8Array, issuer: Uint8Array): boolean {
    const own = this.#issuers[leaf[AT.issuer]!];
    return own !== undefined && equalBytes(issuer, own);
  }

  #checkChain(leaf: Uint8Array, issuer: Uint8Array, wall: number): Verdict {
    if (!isIssued(leaf) || !this.#isIssuerOf(leaf, issuer)) return { ok: false, reason: "certificate-malformed" };
    const certificate = factsOf(leaf, issuer);
    const reason = dateProblem(certificate, wall);
    return reason ? { ok: false, reason } : { ok: true, certificate };
  }
}

/** 64 bytes that in a simulation only the holder of a certificate writes. */
function fakeSignature(certificateHash: string, type: string, body: Uint8Array): Uint8Array {
  const mixer = new Mixer().text(certificateHash).text(type).bytes(body);
  const signature = new Uint8Array(SIGNATURE_BYTES);
  for (let at = 0; at < SIGNATURE_BYTES; at += 4) {
    const word = mixer.draw();
    signature[at] = word;
    signature[at + 1] = word >>> 8;
    signature[at + 2] = word >>> 16;
    signature[at + 3] = word >>> 24;
  }
  return signature;
}

function issuerOf(number: number): Uint8Array {
  const issuer = new Uint8Array(ISSUER_BYTES).fill(TAG);
  issuer[1] = number;
  return issuer;
}

function writeLeaf(id: Uint8Array, { notBefore, notAfter }: Dates, serial: number, issuer: number): Uint8Array {
  const leaf = new Uint8Array(LEAF_BYTES);
  const view = new DataView(leaf.buffer);
  leaf[AT.tag] = TAG;
  leaf.set(id, AT.id);
  view.setFloat64(AT.notBefore, notBefore);
  view.setFloat64(AT.notAfter, notAfter);
  view.setFloat64(AT.serial, serial);
  leaf[AT.issuer] = issuer;
  leaf.set(fakeSignature("authority", "certificate", leaf.subarray(0, AT.signature)), AT.signature);
  return leaf;
}

/** Did the authority write this? All of a leaf that it wrote can be read. */
function isIssued(leaf: Uint8Array): boolean {
  if (leaf.length !== LEAF_BYTES || leaf[AT.tag] !== TAG) return false;
  if (leaf.subarray(AT.padding).some((byte) => byte !== 0)) return false;
  const expected = fakeSignature("authority", "certificate", leaf.subarray(0, AT.signature));
  return equalBytes(expected, leaf.subarray(AT.signature, AT.padding));
}

function factsOf(leaf: Uint8Array, issuer: Uint8Array): CertificateFacts {
  const view = new DataView(leaf.buffer, leaf.byteOffset, leaf.byteLength);
  return {
    id: memberIdFromBytes(leaf.subarray(AT.id, AT.notBefore)),
    leaf,
    issuer,
    hash: toHex(sha256(leaf)),
    notBefore: view.getFloat64(AT.notBefore),
    notAfter: view.getFloat64(AT.notAfter),
    serial: BigInt(view.getFloat64(AT.serial)),
  };
}

function asciiBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0) & 0xff);
}
