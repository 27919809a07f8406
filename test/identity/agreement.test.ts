/** Pairwise keys of pings: the same on both sides, different for every network and pair. */
import { createHmac, createPublicKey, diffieHellman } from "node:crypto";
import { describe, expect, it } from "vitest";
import { agreementKeyFromSecret, generateAgreementKey, hmac16, pairwiseKey } from "../../identity/index.js";
import { concatBytes, fromHex, type MemberId } from "../../rings/index.js";

const A = "0a".repeat(32) as MemberId;
const B = "0b".repeat(32) as MemberId;
const C = "0c".repeat(32) as MemberId;
const networkId = new Uint8Array(32).fill(1);
const [a, b] = [generateAgreementKey(), generateAgreementKey()];

const hmac = (key: Uint8Array, data: Uint8Array) => createHmac("sha256", key).update(data).digest();

describe("pairwise keys", () => {
  it("are the same on both sides", () => {
    const atA = pairwiseKey({ privateKey: a.privateKey, publicKey: b.publicKey, networkId, self: A, peer: B });
    const atB = pairwiseKey({ privateKey: b.privateKey, publicKey: a.publicKey, networkId, self: B, peer: A });
    expect(atA).toEqual(atB);
  });

  it("are HKDF-SHA-256 of the shared secret with the network as salt (RFC 5869, step by step)", () => {
    const { privateKey } = agreementKeyFromSecret(new Uint8Array(32).fill(3));
    const peer = agreementKeyFromSecret(new Uint8Array(32).fill(5));
    const secret = diffieHellman({ privateKey: peer.privateKey, publicKey: createPublicKey(privateKey) });
    const info = concatBytes(
      new TextEncoder().encode("fireflies/1/ping\0"),
      fromHex(A)!,
      fromHex(B)!,
      Uint8Array.of(1),
    );
    const expected = new Uint8Array(hmac(hmac(networkId, secret), info));
    expect(pairwiseKey({ privateKey, publicKey: peer.publicKey, networkId, self: B, peer: A })).toEqual(expected);
  });

  it("differ with network, pair and key", () => {
    const base = { privateKey: a.privateKey, publicKey: b.publicKey, networkId, self: A, peer: B };
    const variants = [
      base,
      { ...base, networkId: new Uint8Array(32) },
      { ...base, peer: C },
      { ...base, publicKey: generateAgreementKey().publicKey },
    ];
    const found = variants.map((input) => Buffer.from(pairwiseKey(input)!).toString("hex"));
    expect(new Set(found).size).toBe(variants.length);
  });

  it("are refused, not thrown, for a key that is too short, too long or of small order", () => {
    const base = { privateKey: a.privateKey, networkId, self: A, peer: B };
    const one = new Uint8Array(32);
    one[0] = 1;
    for (const publicKey of [new Uint8Array(), new Uint8Array(31), new Uint8Array(33), new Uint8Array(32), one]) {
      expect(pairwiseKey({ ...base, publicKey })).toBeUndefined();
    }
  });
});

describe("hmac16", () => {
  it("is the first half of HMAC-SHA-256 (RFC 4231, case 2)", () => {
    const mac = hmac16(new TextEncoder().encode("Jefe"), new TextEncoder().encode("what do ya want for nothing?"));
    expect(Buffer.from(mac).toString("hex")).toBe("5bdcc146bf60754e6a042426089575c7");
  });
});
