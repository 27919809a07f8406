/** Certificate requests: proof of possession or nothing. */
import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TAG, writeDer, writeUnsigned } from "../../identity/der.js";
import { createRequest, generateKeyPair, openRequest, REQUEST_BYTES_MAX, signRaw } from "../../identity/index.js";
import { concatBytes, fromHex } from "../../rings/index.js";
import { commonName } from "./forge.js";

const pair = generateKeyPair();
const ECDSA_SHA256 = fromHex("300a06082a8648ce3d040302")!;

/** A request laid out by hand: for keys and fields that our own never has. */
function craft({
  spki = pair.spki,
  version = 0,
  extra = [] as Uint8Array[],
  key = pair,
  subject = commonName("x"),
} = {}) {
  const info = writeDer(TAG.sequence, writeUnsigned(version), subject, spki, ...extra, writeDer(0xa0));
  const raw = signRaw(key.privateKey, info);
  const signature = writeDer(TAG.sequence, writeUnsigned(raw.subarray(0, 32)), writeUnsigned(raw.subarray(32)));
  return writeDer(TAG.sequence, info, ECDSA_SHA256, writeDer(TAG.bitString, Uint8Array.of(0), signature));
}

const reasonOf = (der: Uint8Array) => {
  const opened = openRequest(der);
  return opened.ok ? "accepted" : opened.reason;
};
const spkiOf = (type: "ec" | "rsa") => {
  const made =
    type === "ec"
      ? generateKeyPairSync("ec", { namedCurve: "P-384" })
      : generateKeyPairSync("rsa", { modulusLength: 1024 });
  return new Uint8Array(made.publicKey.export({ type: "spki", format: "der" }));
};

describe("certificate requests", () => {
  it("of ours open to their key", async () => {
    const opened = openRequest(await createRequest(pair));
    expect(opened.ok && opened.value.spki).toEqual(pair.spki);
  });

  it("of others do as well, whatever they ask for", () => {
    expect(reasonOf(craft())).toBe("accepted");
    const attributes = writeDer(0xa0, new Uint8Array(2_000));
    expect(reasonOf(craft({ extra: [attributes] }))).toBe("accepted");
  });

  it("signed by another key are refused", () => {
    expect(reasonOf(craft({ key: generateKeyPair() }))).toBe("signature");
  });

  it("for a weak or other key are refused", () => {
    expect(reasonOf(craft({ spki: spkiOf("ec") }))).toBe("key-type");
    expect(reasonOf(craft({ spki: spkiOf("rsa") }))).toBe("key-type");
  });

  it("that are none are refused", async () => {
    const good = await createRequest(pair);
    expect(reasonOf(new Uint8Array())).toBe("malformed");
    expect(reasonOf(new Uint8Array(REQUEST_BYTES_MAX + 1))).toBe("too-large");
    expect(reasonOf(concatBytes(good, Uint8Array.of(0)))).toBe("trailing-data");
    expect(reasonOf(craft({ version: 1 }))).toBe("malformed");
    for (let length = 0; length < good.length; length++)
      expect(reasonOf(good.subarray(0, length))).not.toBe("accepted");
  });

  it("with any one bit flipped are refused", async () => {
    const good = await createRequest(pair);
    const accepted: number[] = [];
    for (let bit = 0; bit < good.length * 8; bit++) {
      const changed = new Uint8Array(good);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      if (openRequest(changed).ok) accepted.push(bit);
    }
    expect(accepted).toEqual([]);
  });

  it("made of any bytes never throw", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => !openRequest(bytes).ok));
  });

  it("nested 1,000 deep are refused at once", () => {
    let nested: Uint8Array = new Uint8Array();
    for (let depth = 0; depth < 1_000; depth++) nested = writeDer(TAG.sequence, nested);
    expect(reasonOf(nested)).toBe("malformed");
  });
});
