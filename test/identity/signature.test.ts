/** Domain separation (protocol.md 5a): bytes signed as one thing never verify as another. */
import { describe, expect, it } from "vitest";
import { parseRevocationList } from "../../gossip/index.js";
import {
  encodeRevocations,
  generateKeyPair,
  issueMember,
  revocationNumber,
  revocationProblem,
  SIGNATURE_BYTES,
  type SignatureType,
  sha256,
  sha256Hex,
  sign,
  signedBytes,
  verify,
  verifyAsync,
  verifyMemberCertificate,
} from "../../identity/index.js";
import { toHex } from "../../rings/index.js";
import { createChain, ID, keys, NETWORK, NOW, WEEK } from "./forge.js";

const TYPES: readonly SignatureType[] = [
  "note",
  "leave",
  "accusation",
  "frame",
  "application",
  "revocation",
  "interest",
  "gossip",
  "stream",
  "rendezvous",
];
const networkId = NETWORK.networkId;
const body = new TextEncoder().encode("body");
const pair = generateKeyPair();

describe("signatures", () => {
  it("cover domain, type, network and the hash of the body", () => {
    const expected = `${Buffer.from("fireflies/1/note\0").toString("hex")}${"07".repeat(32)}${sha256Hex(body)}`;
    expect(toHex(signedBytes("note", networkId, body))).toBe(expected);
  });

  it("have 64 bytes, and no other length verifies", async () => {
    const signature = sign(pair.privateKey, "note", networkId, body);
    expect(signature.length).toBe(SIGNATURE_BYTES);
    expect(verify(pair.publicKey, "note", networkId, body, signature)).toBe(true);
    for (const length of [0, 1, 63]) {
      const cut = signature.subarray(0, length);
      expect(verify(pair.publicKey, "note", networkId, body, cut)).toBe(false);
      expect(await verifyAsync(pair.publicKey, "note", networkId, body, cut)).toBe(false);
    }
    const longer = new Uint8Array([...signature, 0]);
    expect(verify(pair.publicKey, "note", networkId, body, longer)).toBe(false);
    expect(await verifyAsync(pair.publicKey, "note", networkId, body, longer)).toBe(false);
  });

  it("of one type never verify as another", () => {
    const pairs = TYPES.flatMap((signed) => TYPES.map((asked) => [signed, asked] as const));
    const valid = pairs.filter(([signed, asked]) => {
      const signature = sign(pair.privateKey, signed, networkId, body);
      return verify(pair.publicKey, asked, networkId, body, signature);
    });
    expect(valid).toEqual(TYPES.map((type) => [type, type]));
  });

  it("are bound to network, key and body, on the thread pool as well", async () => {
    const signature = sign(pair.privateKey, "frame", networkId, body);
    const wrong: Parameters<typeof verify>[] = [
      [pair.publicKey, "frame", new Uint8Array(32), body, signature],
      [keys.member.publicKey, "frame", networkId, body, signature],
      [pair.publicKey, "frame", networkId, sha256(body), signature],
      [pair.publicKey, "frame", networkId, body, new Uint8Array(64)],
      [pair.publicKey, "frame", networkId, body, new Uint8Array(64).fill(255)],
    ];
    for (const each of wrong) {
      expect(verify(...each)).toBe(false);
      expect(await verifyAsync(...each)).toBe(false);
    }
    expect(await verifyAsync(pair.publicKey, "frame", networkId, body, signature)).toBe(true);
  });
});

describe("revocation statements", () => {
  const listOf = (number: bigint) => {
    const none = { certificates: [], members: [], issuers: [] };
    return encodeRevocations({ number, issuedAt: NOW, nextUpdate: NOW + 1, ...none });
  };

  it("verify under the issuing certificate of the pinned root alone", async () => {
    const { issuing, root, leaf } = await createChain();
    const list = listOf(revocationNumber(issuing, 1));
    const signature = sign(keys.issuing.privateKey, "revocation", networkId, list);
    const at = { issuer: issuing, root, now: NOW, network: NETWORK };
    expect(revocationProblem(list, signature, at)).toBeUndefined();
    expect(revocationProblem(new Uint8Array([1]), signature, at)).toBeDefined();
    expect(revocationProblem(list, signature, { ...at, now: NOW + 11 * 366 * 86_400_000 })).toBeDefined();
    const bySomebody = sign(keys.member.privateKey, "revocation", networkId, list);
    expect(revocationProblem(list, bySomebody, at)).toBeDefined();
    expect(revocationProblem(list, bySomebody, { ...at, issuer: leaf })).toBeDefined();
    expect(revocationProblem(list, sign(keys.issuing.privateKey, "note", networkId, list), at)).toBeDefined();
    const other = await createChain({ ...keys, root: generateKeyPair() });
    expect(revocationProblem(list, signature, { ...at, root: other.root })).toBeDefined();
  });

  it("name what is wrong, and dates only when nothing else is: who hands on an old list may be honest", async () => {
    const { issuing, root, leaf } = await createChain();
    const list = listOf(revocationNumber(issuing, 1));
    const signature = sign(keys.issuing.privateKey, "revocation", networkId, list);
    const at = { issuer: issuing, root, now: NOW, network: NETWORK };
    const [later, sooner] = [NOW + 11 * 366 * 86_400_000, NOW - 11 * 366 * 86_400_000];
    const forged = sign(keys.member.privateKey, "revocation", networkId, list);
    expect(revocationProblem(list, signature, at)).toBeUndefined();
    expect(revocationProblem(list, signature, { ...at, now: later })).toBe("expired");
    expect(revocationProblem(list, signature, { ...at, now: sooner })).toBe("not-yet-valid");
    expect(revocationProblem(list, forged, { ...at, now: later })).toBe("signature");
    expect(revocationProblem(listOf(1n), signature, { ...at, now: later })).toBe("number");
    expect(revocationProblem(list, signature, { ...at, network: { ...NETWORK, ringCount: 3 } })).toBe("other-network");
    expect(revocationProblem(list, signature, { ...at, issuer: leaf })).not.toBe("signature");
  });

  it("of another network of the same root are nothing here, though its newer intermediate would outrank ours", async () => {
    const there = { ...NETWORK, networkId: new Uint8Array(32).fill(8) };
    const { issuing, root } = await createChain({ ...keys, issuing: pair }, there);
    const list = listOf(revocationNumber(issuing, 1));
    const at = { issuer: issuing, root, now: NOW };
    for (const { networkId } of [there, NETWORK]) {
      const signature = sign(pair.privateKey, "revocation", networkId, list);
      expect(revocationProblem(list, signature, { ...at, network: NETWORK })).toBeDefined();
      const isThere = revocationProblem(list, signature, { ...at, network: there }) === undefined;
      expect(isThere).toBe(networkId === there.networkId);
    }
  });

  it("have numbers that only their signer's certificate allows, so that an older key cannot outrank a newer one", async () => {
    const { issuing, root } = await createChain();
    for (const number of [1n, revocationNumber(issuing, 1) + (1n << 32n), (1n << 64n) - 1n]) {
      const list = listOf(number);
      const signature = sign(keys.issuing.privateKey, "revocation", networkId, list);
      expect(revocationProblem(list, signature, { issuer: issuing, root, now: NOW, network: NETWORK })).toBeDefined();
    }
  });

  it("are written as members read them", () => {
    const [a, b, c] = ["aa", "bb", "cc"].map((byte) => byte.repeat(32)) as [string, string, string];
    const dates = { number: 7n, issuedAt: 1_000, nextUpdate: 2_000 };
    const body = encodeRevocations({ ...dates, certificates: [b, a], members: [c], issuers: [c, a] });
    expect(parseRevocationList(body)).toEqual({
      ...dates,
      certificates: new Set([a, b]),
      members: new Set([c]),
      issuers: new Set([a, c]),
    });
  });
});

describe("the cost of a certificate", () => {
  it("is paid once: thousands of checks of one chain take no signature", async () => {
    const { issuer, issuing, root } = await createChain();
    const leaf = await issueMember({ id: ID, spki: keys.member.spki, network: NETWORK, issuer, validity: WEEK });
    const first = verifyMemberCertificate({ leaf, issuer: issuing }, { root, now: NOW });
    const again = verifyMemberCertificate({ leaf, issuer: issuing }, { root, now: NOW });
    expect(first.ok && again.ok && first.certificate === again.certificate).toBe(true);
  });
});
