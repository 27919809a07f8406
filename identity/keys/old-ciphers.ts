/**
 * Ciphers of PKCS#12 files (RFC 7292, appendix C) that node-forge does not know: RC4, RC2 with 128 bits, 3DES with two keys.
 * They guard nothing any more, and are only read here: a root that is imported gets a key file of ours.
 */
import type { asn1, util } from "node-forge";

type Forge = typeof import("node-forge");
type Bytes = util.ByteStringBuffer;

/** As forge's own: started for decryption. */
interface Cipher {
  update(input: Bytes): void;
  finish(): boolean;
  readonly output: Bytes;
}

interface OldCipher {
  /** Of the key, bytes. */
  readonly keyBytes: number;
  readonly start: (forge: Forge, key: Bytes, iv: Bytes) => Cipher;
}

const startRc4 = ({ util }: Forge, key: Bytes): Cipher => {
  const output = util.createBuffer();
  const stream = rc4(Buffer.from(key.getBytes(), "latin1"));
  const update = (input: Bytes) => {
    for (const byte of Buffer.from(input.getBytes(), "latin1")) output.putByte(byte ^ stream());
  };
  return { update, finish: () => true, output };
};

const CIPHERS: Readonly<Record<string, OldCipher>> = {
  "1.2.840.113549.1.12.1.1": { keyBytes: 16, start: startRc4 },
  "1.2.840.113549.1.12.1.2": { keyBytes: 5, start: startRc4 },
  "1.2.840.113549.1.12.1.4": {
    keyBytes: 16,
    start: (forge, key, iv) => {
      const bytes = key.getBytes();
      const des = forge as unknown as { des: { startDecrypting(key: Bytes, iv: Bytes): Cipher } };
      return des.des.startDecrypting(forge.util.createBuffer(bytes + bytes.slice(0, 8)), iv);
    },
  },
  "1.2.840.113549.1.12.1.5": {
    keyBytes: 16,
    start: (forge, key, iv) => {
      const { rc2 } = forge as unknown as { rc2: { createDecryptionCipher(key: Bytes, bits: number): Rc2 } };
      const cipher = rc2.createDecryptionCipher(key, 128);
      cipher.start(iv, null);
      return cipher;
    },
  },
};

interface Rc2 extends Cipher {
  start(iv: Bytes, output: null): void;
}

const IV_BYTES = 8;
/** Purpose bytes of the derivation (RFC 7292, B.3). */
const PURPOSE = { key: 1, iv: 2 } as const;

export type GetCipher = (oid: string, parameters: asn1.Asn1, passphrase: string) => unknown;

/** As forge's `getCipher`, which is asked for what is no old cipher. Throws RangeError for more than `iterationsMax`. */
export function withOldCiphers(forge: Forge, own: GetCipher, iterationsMax: number): GetCipher {
  return (oid, parameters, passphrase) => {
    const cipher = CIPHERS[oid];
    if (cipher === undefined) return own(oid, parameters, passphrase);
    const [salt, count] = parameters.value as [asn1.Asn1, asn1.Asn1];
    const iterations = Number(`0x${Buffer.from(String(count.value), "latin1").toString("hex") || "0"}`);
    if (iterations > iterationsMax) throw new RangeError(`it asks for ${iterations} iterations`);
    const derive = forge.pkcs12.generateKey as unknown as (...args: unknown[]) => Bytes;
    const derived = (purpose: number, length: number) =>
      derive(passphrase, forge.util.createBuffer(String(salt.value)), purpose, iterations, length);
    return cipher.start(forge, derived(PURPOSE.key, cipher.keyBytes), derived(PURPOSE.iv, IV_BYTES));
  };
}

/** The key stream, byte by byte. */
function rc4(key: Uint8Array): () => number {
  const state = Uint8Array.from({ length: 256 }, (_, index) => index);
  const swap = (a: number, b: number) => {
    [state[a], state[b]] = [state[b]!, state[a]!];
  };
  for (let i = 0, j = 0; i < 256; i++) {
    j = (j + state[i]! + key[i % key.length]!) & 0xff;
    swap(i, j);
  }
  let [i, j] = [0, 0];
  return () => {
    i = (i + 1) & 0xff;
    j = (j + state[i]!) & 0xff;
    swap(i, j);
    return state[(state[i]! + state[j]!) & 0xff]!;
  };
}
