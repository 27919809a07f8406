/** SHA-256 (FIPS 180-4) in plain TypeScript: the same digests everywhere, in a room that has no cryptography of its own. */

const BLOCK_BYTES = 64;
const ROUNDS = 64;
/** One bit of padding and the length take at least this much of the last block (FIPS 180-4, 5.1.1). */
const PADDING_BYTES_MIN = 9;

/** FIPS 180-4, 4.2.2: fractional parts of the cube roots of the first 64 primes. */
const K = new Int32Array([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
  0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
  0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,
  0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
  0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
  0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
  0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
  0xc67178f2,
]);

/** FIPS 180-4, 5.3.3. */
const INITIAL = new Int32Array([
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]);

/** The message schedule and the state of the digest under way: one at a time, so one of each is enough. */
const w = new Int32Array(ROUNDS);
const state = new Int32Array(8);
/** The end of the message with its padding: one block, or two. */
const tail = new Uint8Array(2 * BLOCK_BYTES);

/** The digest of `data`, 32 bytes. */
export function sha256(data: Uint8Array): Uint8Array {
  const { length } = data;
  state.set(INITIAL);
  let offset = 0;
  for (; offset + BLOCK_BYTES <= length; offset += BLOCK_BYTES) compress(data, offset);
  const rest = length - offset;
  const end = rest + PADDING_BYTES_MIN <= BLOCK_BYTES ? BLOCK_BYTES : 2 * BLOCK_BYTES;
  tail.fill(0);
  for (let index = 0; index < rest; index++) tail[index] = data[offset + index]!;
  tail[rest] = 0x80;
  writeLength(length, end);
  for (let block = 0; block < end; block += BLOCK_BYTES) compress(tail, block);
  return digestOf(state);
}

/** The length in bits as 64 bits, big-endian, at the end of the padding. */
function writeLength(bytes: number, end: number): void {
  const high = Math.floor(bytes / 0x20000000);
  const low = (bytes << 3) >>> 0;
  for (let index = 0; index < 4; index++) {
    tail[end - 8 + index] = high >>> (24 - 8 * index);
    tail[end - 4 + index] = low >>> (24 - 8 * index);
  }
}

function digestOf(words: Int32Array): Uint8Array {
  const digest = new Uint8Array(32);
  for (let index = 0; index < 8; index++) {
    const word = words[index]!;
    digest[4 * index] = word >>> 24;
    digest[4 * index + 1] = word >>> 16;
    digest[4 * index + 2] = word >>> 8;
    digest[4 * index + 3] = word;
  }
  return digest;
}

/** FIPS 180-4, 6.2.2 for one block. One long function on purpose: eight words stay in registers for 64 rounds. */
function compress(bytes: Uint8Array, start: number): void {
  expand(bytes, start);
  let a = state[0]!;
  let b = state[1]!;
  let c = state[2]!;
  let d = state[3]!;
  let e = state[4]!;
  let f = state[5]!;
  let g = state[6]!;
  let h = state[7]!;
  for (let round = 0; round < ROUNDS; round++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + (g ^ (e & (f ^ g))) + K[round]! + w[round]!) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (c & (a ^ b)))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  state[0] = (state[0]! + a) | 0;
  state[1] = (state[1]! + b) | 0;
  state[2] = (state[2]! + c) | 0;
  state[3] = (state[3]! + d) | 0;
  state[4] = (state[4]! + e) | 0;
  state[5] = (state[5]! + f) | 0;
  state[6] = (state[6]! + g) | 0;
  state[7] = (state[7]! + h) | 0;
}

/** FIPS 180-4, 6.2.2, step 1. */
function expand(bytes: Uint8Array, start: number): void {
  for (let index = 0, at = start; index < 16; index++, at += 4) {
    w[index] = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
  }
  for (let index = 16; index < ROUNDS; index++) {
    const near = w[index - 2]!;
    const far = w[index - 15]!;
    const s1 = ((near >>> 17) | (near << 15)) ^ ((near >>> 19) | (near << 13)) ^ (near >>> 10);
    const s0 = ((far >>> 7) | (far << 25)) ^ ((far >>> 18) | (far << 14)) ^ (far >>> 3);
    w[index] = (s1 + w[index - 7]! + s0 + w[index - 16]!) | 0;
  }
}
