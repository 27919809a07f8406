/**
 * One member's certificate, into which the facts of others are written: all of them have fixed lengths, while the library
 * that lays certificates out takes a promise for each.
 */
import { readChildren, readDer, TAG, writeDer, writeUnsigned } from "../../identity/der.js";
import { type Issuer, issueMember, type NetworkConstants, sha256 } from "../../identity/index.js";
import { fromHex, memberIdFromBytes, toHex } from "../../rings/index.js";
import { type SeededKey, seededKey, seededSignature } from "./seeded-key.js";

/** Hexadecimal digits of a serial number: 16 bytes, the first of them 01. */
const SERIAL_DIGITS = 32;

/** 1970 to 2049: X.509's two-digit years; simulations begin in 2027. */
export const VALIDITY = { notBefore: 0, notAfter: 2_524_607_999_000 };

interface Facts {
  /** 32 bytes. */
  readonly id: Uint8Array;
  readonly spki: Uint8Array;
  /** Of `serialOf`. */
  readonly serial: string;
}

/** A serial number as wide as all others. */
export function serialOf(count: number): string {
  return `01${count.toString(16).padStart(SERIAL_DIGITS - 2, "0")}`;
}

export class CertificateTemplate {
  /** What is signed, with the facts of nobody. */
  readonly #tbs: Uint8Array;
  /** DER of the signature's algorithm. */
  readonly #algorithm: Uint8Array;
  readonly #facts: Facts;

  private constructor(tbs: Uint8Array, algorithm: Uint8Array, facts: Facts) {
    this.#tbs = tbs;
    this.#algorithm = algorithm;
    this.#facts = facts;
  }

  static async make(issuer: Issuer, network: NetworkConstants): Promise<CertificateTemplate> {
    const id = sha256(ascii("nobody"));
    const { spki } = seededKey("nobody");
    const serial = `01${toHex(id).slice(2, SERIAL_DIGITS)}`;
    const input = { id: memberIdFromBytes(id), spki, serial, network, issuer, validity: VALIDITY };
    const [tbs, algorithm] = readChildren(readDer(await issueMember(input)));
    return new CertificateTemplate(tbs!.bytes, algorithm!.bytes, { id, spki, serial });
  }

  /** DER of a certificate. */
  issue({ id, spki, serial }: Facts, issuingKey: SeededKey): Uint8Array {
    const tbs = Uint8Array.from(this.#tbs);
    replace(tbs, fromHex(this.#facts.serial)!, fromHex(serial)!);
    replace(tbs, this.#facts.spki, spki);
    replace(tbs, this.#facts.id, id);
    replace(tbs, ascii(toHex(this.#facts.id)), ascii(toHex(id)));
    const signature = seededSignature(issuingKey, tbs);
    const scalars = [signature.subarray(0, 32), signature.subarray(32)].map(writeUnsigned);
    const bits = writeDer(TAG.bitString, Uint8Array.of(0), writeDer(TAG.sequence, ...scalars));
    return writeDer(TAG.sequence, tbs, this.#algorithm, bits);
  }
}

/** Writes over the one place where it is. */
function replace(bytes: Uint8Array, old: Uint8Array, fresh: Uint8Array): void {
  const at = Buffer.from(bytes.buffer).indexOf(old);
  if (at < 0 || old.length !== fresh.length) throw new Error("the template lacks what is to be replaced");
  bytes.set(fresh, at);
}

function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
