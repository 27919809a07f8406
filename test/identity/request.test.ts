/** Certificate requests: proof of possession or nothing. */
import { spawnSync } from "node:child_process";
import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { TAG, writeDer, writeUnsigned } from "../../identity/der.js";
import {
  createRequest,
  generateKeyPair,
  openRequest,
  REQUEST_BYTES_MAX,
  requestAdvice,
  signRaw,
} from "../../identity/index.js";
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

const directory = mkdtempSync(join(tmpdir(), "fireflies-request-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** A request of openssl for a new key, DER. */
function openssl(...args: readonly string[]): Uint8Array {
  const out = ["-keyout", join(directory, "key.pem"), "-out", join(directory, "r.der"), "-outform", "DER"];
  const said = spawnSync("openssl", ["req", "-new", "-nodes", "-subj", "/O=Example/CN=web-1", ...out, ...args]);
  if (said.status !== 0) throw new Error(String(said.stderr));
  return new Uint8Array(readFileSync(join(directory, "r.der")));
}

/** What is wrong, and what would be right. */
function adviceOf(der: Uint8Array): string {
  const { found, advice } = requestAdvice(reasonOf(der), der);
  return `${found}. ${advice}`;
}

const EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

describe("requests of openssl", () => {
  it.each([
    ["SHA-256", [...EC, "-sha256"]],
    ["SHA-384", [...EC, "-sha384"]],
    ["SHA-512", [...EC, "-sha512"]],
    ["names and uses, which nobody reads", [...EC, "-addext", "subjectAltName=DNS:web-1,IP:10.0.0.1"]],
  ])("with %s are taken", (_, args) => {
    const opened = openRequest(openssl(...args));
    const key = createPublicKey(readFileSync(join(directory, "key.pem"), "utf8"));
    expect(opened.ok && opened.value.publicKey.equals(key)).toBe(true);
    expect(opened.ok && opened.value.spki).toEqual(publicKeyBytes(key));
  });

  it("with a compressed point are taken, and the certificate will have it in full", () => {
    openssl(...EC);
    const compressed = ["ec", "-conv_form", "compressed", "-in", join(directory, "key.pem"), "-out"];
    expect(spawnSync("openssl", [...compressed, join(directory, "compressed.pem")]).status).toBe(0);
    const out = ["-key", join(directory, "compressed.pem"), "-subj", "/CN=x", "-outform", "DER"];
    const der = new Uint8Array(spawnSync("openssl", ["req", "-new", ...out]).stdout);
    expect(Buffer.from(der).toString("hex")).toMatch(/030107032200/);
    const opened = openRequest(der);
    const key = createPublicKey(readFileSync(join(directory, "key.pem"), "utf8"));
    expect(opened.ok && opened.value.spki).toEqual(publicKeyBytes(key));
    for (const parity of [2, 3]) expect(openRequest(withPoint(der, parity, 0xff))).toMatchObject({ ok: false });
  });

  it.each([
    ["SHA-1", [...EC, "-sha1"], /ECDSA with SHA-1\. Sign it with ECDSA and SHA-256/],
    ["SHA-224", [...EC, "-sha224"], /ECDSA with SHA-224\. Sign it/],
    [
      "RSA",
      ["-newkey", "rsa:2048"],
      /RSA with 2048 bits and the exponent 65537\. Members have P-256 keys.*openssl req/,
    ],
    ["P-384", ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"], /EC P-384\. Members have P-256/],
    ["Ed25519", ["-newkey", "ed25519"], /ed25519\. Members have P-256/],
    ["its curve spelled out", [...EC, "-pkeyopt", "ec_param_enc:explicit"], /curve by its name/],
  ])("with %s are refused, with what would be right", (_, args, advice) => {
    const der = openssl(...args);
    expect(adviceOf(der)).toMatch(advice);
  });

  it("as PEM, cut, or with something behind are told so", () => {
    const der = openssl(...EC);
    const pem = new TextEncoder().encode(`-----BEGIN CERTIFICATE REQUEST-----\n${Buffer.from(der).toString("base64")}`);
    expect(adviceOf(pem)).toMatch(/openssl req -in request.pem -outform DER/);
    expect(adviceOf(der.subarray(0, 90))).toMatch(/no PKCS#10 request in DER/);
    const longer = concatBytes(der, Uint8Array.of(0));
    expect(adviceOf(longer)).toMatch(/something follows/);
  });
});

/** The request with another compressed point, of which the curve may have none. */
function withPoint(der: Uint8Array, parity: number, byte: number): Uint8Array {
  const at = Buffer.from(der).indexOf(Buffer.from("030107032200", "hex")) + 6;
  const changed = Uint8Array.from(der);
  changed[at] = parity;
  changed.fill(byte, at + 1, at + 33);
  return changed;
}

function publicKeyBytes(key: KeyObject): Uint8Array {
  const { x, y } = key.export({ format: "jwk" });
  const named = createPublicKey({ key: { kty: "EC", crv: "P-256", x: x!, y: y! }, format: "jwk" });
  return new Uint8Array(named.export({ type: "spki", format: "der" }));
}

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
