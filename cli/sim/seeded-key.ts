/** P-256 keys from a name, and signatures that are the same every time (in the manner of RFC 6979). For simulations only. */
import { createECDH, createHmac, createPrivateKey } from "node:crypto";
import { sha256 } from "../../identity/index.js";
import { type KeyPair, keyPairOf } from "../../identity/keys/keys.js";
import { fromHex, toHex } from "../../rings/index.js";

/** The order of P-256's group. */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** A pair of keys, with the number that is the private one. */
export interface SeededKey extends KeyPair {
  readonly secret: bigint;
}

export function seededKey(name: string): SeededKey {
  const secret = scalarOf(sha256(new TextEncoder().encode(name)));
  const d = bytesOf(secret);
  const point = pointOf(d);
  const [x, y] = [point.subarray(1, 33), point.subarray(33)];
  const jwk = { kty: "EC", crv: "P-256", d: base64(d), x: base64(x), y: base64(y) };
  return { ...keyPairOf(createPrivateKey({ key: jwk, format: "jwk" })), secret };
}

/** ECDSA with SHA-256: r || s, with the lower s. */
export function seededSignature({ secret }: SeededKey, data: Uint8Array): Uint8Array {
  const digest = sha256(data);
  const nonce = scalarOf(createHmac("sha256", bytesOf(secret)).update(digest).digest());
  const r = numberOf(pointOf(bytesOf(nonce)).subarray(1, 33)) % ORDER;
  const s = (inverse(nonce) * (numberOf(digest) + r * secret)) % ORDER;
  return Uint8Array.from([...bytesOf(r), ...bytesOf(s > ORDER / 2n ? ORDER - s : s)]);
}

/** From 1 to the order less 1. */
function scalarOf(bytes: Uint8Array): bigint {
  return (numberOf(bytes) % (ORDER - 1n)) + 1n;
}

/** Of a number times the generator: 04 || x || y. */
function pointOf(number: Uint8Array): Buffer {
  const curve = createECDH("prime256v1");
  curve.setPrivateKey(number);
  return curve.getPublicKey();
}

/** Modulo the order, by Euclid. */
function inverse(value: bigint): bigint {
  let [a, b, x, y] = [value, ORDER, 1n, 0n];
  while (b > 0n) [a, b, x, y] = [b, a % b, y, x - (a / b) * y];
  return x < 0n ? x + ORDER : x;
}

function numberOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${toHex(bytes)}`);
}

/** 32 of them, big-endian. */
function bytesOf(number: bigint): Uint8Array {
  return fromHex(number.toString(16).padStart(64, "0"))!;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}
