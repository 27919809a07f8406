/** Every certificate that must not pass (threats.md, "20 bad certificates", and more): 0 accepted. */
import { generateKeyPairSync } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { EXTENSION } from "../../identity/certificate-fields.js";
import { TAG, writeDer, writeUnsigned } from "../../identity/der.js";
import { encodeNetwork } from "../../identity/extension.js";
import {
  authorityProblem,
  certificatesFromPem,
  certificatesToPem,
  dateProblem,
  fingerprintOf,
  generateKeyPair,
  issueMember,
  pathProblem,
  signRaw,
  verifyMemberCertificate,
} from "../../identity/index.js";
import { concatBytes, fromHex } from "../../rings/index.js";
import {
  commonName,
  createChain,
  DAY_MS,
  extension,
  type Forgery,
  forge,
  hasOid,
  ID,
  keys,
  NETWORK,
  NOW,
  twin,
  validity,
  WEEK,
} from "./forge.js";

type Chain = Awaited<ReturnType<typeof createChain>>;
let own: Chain;
let foreign: Chain;
let otherNetwork: Chain;

beforeAll(async () => {
  own = await createChain();
  const others = { ...keys, root: generateKeyPair(), issuing: generateKeyPair() };
  foreign = await createChain(others);
  // The same authority's second network: same root, another issuing key.
  const second = { ...NETWORK, networkId: new Uint8Array(32).fill(8) };
  otherNetwork = await createChain({ ...keys, issuing: generateKeyPair() }, second);
});

const verify = (leaf: Uint8Array, issuer = own.issuing, root = own.root, now = NOW) =>
  verifyMemberCertificate({ leaf, issuer }, { root, now, network: NETWORK });

const without = (oid: string) => (list: readonly Uint8Array[]) => list.filter((der) => !hasOid(der, oid));
const replaced =
  (oid: string, value: Uint8Array, critical = false) =>
  (list: readonly Uint8Array[]) =>
    list.map((der) => (hasOid(der, oid) ? extension(oid, value, critical) : der));
const usages = (...oids: string[]) => writeDer(TAG.sequence, ...oids.map((oid) => writeDer(TAG.oid, fromHex(oid)!)));

const CLIENT_AUTH = "2b06010505070302";
const SERVER_AUTH = "2b06010505070301";
const CODE_SIGNING = "2b06010505070303";
const ANY_USAGE = "551d2500";
const SHA1 = fromHex("300906072a8648ce3d0401")!;
const SHA384 = fromHex("300a06082a8648ce3d040303")!;
const RSA_SHA256 = fromHex("300d06092a864886f70d01010b0500")!;

const rsa1024 = generateKeyPairSync("rsa", { modulusLength: 1024 });
const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" });
const spkiOf = (pair: { publicKey: import("node:crypto").KeyObject }) =>
  new Uint8Array(pair.publicKey.export({ type: "spki", format: "der" }));
const offCurve = () => {
  const spki = new Uint8Array(keys.member.spki);
  spki[90]! ^= 1;
  return spki;
};
/** The same point, compressed: a second encoding of the same key. */
const compressed = () => {
  const point = keys.member.spki.subarray(-64);
  const prefix = fromHex("3039301306072a8648ce3d020106082a8648ce3d030107032200")!;
  return concatBytes(prefix, Uint8Array.of(2 + (point[63]! & 1)), point.subarray(0, 32));
};

/** What the forger changes in a good leaf, signed by the real issuing key, and the reason of the refusal. */
const FORGED: readonly (readonly [string, Forgery | (() => Forgery), string])[] = [
  ["expired", { fields: { validity: validity("261115000000Z", "261118000000Z") } }, "expired"],
  ["not yet valid", { fields: { validity: validity("261201000000Z", "261210000000Z") } }, "not-yet-valid"],
  ["ends before it begins", { fields: { validity: validity("261210000000Z", "261201000000Z") } }, "validity"],
  [
    "outlives its issuer",
    { fields: { validity: validity("261121000000Z", "20510101000000Z") } },
    "validity-beyond-issuer",
  ],
  ["a date that is none", { fields: { validity: validity("261131000000Z", "261210000000Z") } }, "validity"],
  ["GeneralizedTime before 2050", { fields: { validity: validity("20261121000000Z", "261210000000Z") } }, "validity"],
  ["no seconds in a date", { fields: { validity: validity("2611210000Z", "261210000000Z") } }, "validity"],
  [
    "a leaf that says CA:TRUE",
    { extensions: replaced(EXTENSION.basicConstraints, fromHex("30030101ff")!, true) },
    "leaf-as-authority",
  ],
  [
    "CA:FALSE spelt out",
    { extensions: replaced(EXTENSION.basicConstraints, fromHex("3003010100")!, true) },
    "leaf-as-authority",
  ],
  ["no BasicConstraints", { extensions: without(EXTENSION.basicConstraints) }, "basic-constraints-missing"],
  [
    "BasicConstraints not critical",
    { extensions: replaced(EXTENSION.basicConstraints, fromHex("3000")!) },
    "basic-constraints-not-critical",
  ],
  ["no extended key usage", { extensions: without(EXTENSION.extendedKeyUsage) }, "extended-key-usage-missing"],
  [
    "server usage only",
    { extensions: replaced(EXTENSION.extendedKeyUsage, usages(SERVER_AUTH)) },
    "extended-key-usage",
  ],
  [
    "client usage only",
    { extensions: replaced(EXTENSION.extendedKeyUsage, usages(CLIENT_AUTH)) },
    "extended-key-usage",
  ],
  [
    "one usage twice",
    { extensions: replaced(EXTENSION.extendedKeyUsage, usages(CLIENT_AUTH, CLIENT_AUTH)) },
    "extended-key-usage",
  ],
  ["any usage", { extensions: replaced(EXTENSION.extendedKeyUsage, usages(ANY_USAGE)) }, "extended-key-usage"],
  [
    "code signing besides",
    { extensions: replaced(EXTENSION.extendedKeyUsage, usages(CLIENT_AUTH, SERVER_AUTH, CODE_SIGNING)) },
    "extended-key-usage",
  ],
  ["no key usage", { extensions: without(EXTENSION.keyUsage) }, "key-usage-missing"],
  ["key usage keyCertSign", { extensions: replaced(EXTENSION.keyUsage, fromHex("03020204")!, true) }, "key-usage"],
  [
    "key usage not critical",
    { extensions: replaced(EXTENSION.keyUsage, fromHex("03020780")!) },
    "key-usage-not-critical",
  ],
  ["RSA-1024 key", { fields: { spki: spkiOf(rsa1024) } }, "key-type"],
  ["P-384 key", { fields: { spki: spkiOf(p384) } }, "key-type"],
  ["compressed point", () => ({ fields: { spki: compressed() } }), "key-type"],
  ["point off the curve", () => ({ fields: { spki: offCurve() } }), "key-type"],
  ["signed by RSA-1024", { key: rsa1024.privateKey, algorithm: RSA_SHA256 }, "signature-algorithm"],
  ["signed with SHA-1", { algorithm: SHA1, hash: "sha1" }, "signature-algorithm"],
  ["signed with SHA-384", { algorithm: SHA384, hash: "sha384" }, "signature-algorithm"],
  ["algorithms that differ inside and outside", { outerAlgorithm: SHA384 }, "signature-algorithm"],
  ["malleated signature", { signature: twin }, "signature-malleated"],
  ["trailing data in the signature", { signature: (der) => concatBytes(der, Uint8Array.of(0)) }, "trailing-data"],
  ["signed by itself", { key: keys.member.privateKey }, "signature"],
  ["signed by the root, not by the issuing key", { key: keys.root.privateKey }, "signature"],
  [
    "unknown critical extension",
    { extensions: (list) => [...list, extension("2a0304", fromHex("0500")!, true)] },
    "extension-critical-unknown",
  ],
  ["duplicate extension", { extensions: (list) => [...list, list[0]!] }, "extension-duplicate"],
  ["duplicate network extension", { extensions: (list) => [...list, list.at(-1)!] }, "extension-duplicate"],
  [
    "critical FALSE spelt out",
    { extensions: (list) => [...list, fromHex("300b06022a0301010004020500")!] },
    "malformed",
  ],
  ["no network extension", { extensions: without(EXTENSION.network) }, "network-missing"],
  [
    "other network id",
    { extensions: replaced(EXTENSION.network, encodeNetwork({ ...NETWORK, networkId: new Uint8Array(32) })) },
    "other-network",
  ],
  [
    "other ring count",
    { extensions: replaced(EXTENSION.network, encodeNetwork({ ...NETWORK, ringCount: 11 })) },
    "other-network",
  ],
  [
    "other Delta",
    { extensions: replaced(EXTENSION.network, encodeNetwork({ ...NETWORK, deltaMs: 1 })) },
    "other-network",
  ],
  [
    "ring count 0",
    { extensions: replaced(EXTENSION.network, encodeNetwork({ ...NETWORK, ringCount: 0 })) },
    "network-malformed",
  ],
  [
    "network id of 31 bytes",
    { extensions: replaced(EXTENSION.network, encodeNetwork({ ...NETWORK, networkId: new Uint8Array(31) })) },
    "network-malformed",
  ],
  [
    "trailing data in the network extension",
    { extensions: replaced(EXTENSION.network, concatBytes(encodeNetwork(NETWORK), Uint8Array.of(0))) },
    "trailing-data",
  ],
  [
    "network extension of version 2",
    { extensions: replaced(EXTENSION.network, writeDer(TAG.sequence, writeUnsigned(2))) },
    "network-version",
  ],
  [
    "no subject key identifier",
    { extensions: without(EXTENSION.subjectKeyIdentifier) },
    "subject-key-identifier-missing",
  ],
  [
    "subject key identifier of 20 bytes",
    { extensions: replaced(EXTENSION.subjectKeyIdentifier, writeDer(TAG.octetString, new Uint8Array(20))) },
    "member-id-length",
  ],
  [
    "id and common name differ",
    { extensions: replaced(EXTENSION.subjectKeyIdentifier, writeDer(TAG.octetString, new Uint8Array(32))) },
    "member-id-name",
  ],
  ["upper-case common name", { fields: { subject: commonName(ID.toUpperCase()) } }, "member-id-name"],
  ["empty subject", { fields: { subject: fromHex("3000")! } }, "name-empty"],
  [
    "no authority key identifier",
    { extensions: without(EXTENSION.authorityKeyIdentifier) },
    "authority-key-identifier-missing",
  ],
  [
    "other authority key identifier",
    {
      extensions: replaced(
        EXTENSION.authorityKeyIdentifier,
        writeDer(TAG.sequence, writeDer(0x80, new Uint8Array(20))),
      ),
    },
    "authority-key",
  ],
  ["other issuer name", { fields: { issuer: commonName("somebody else") } }, "other-issuer"],
  ["version 1", { fields: { version: writeDer(0xa0, writeUnsigned(0)) } }, "version"],
  ["serial 0", { fields: { serial: writeUnsigned(0) } }, "serial"],
  ["negative serial", { fields: { serial: fromHex("020180")! } }, "malformed"],
  ["serial of 21 bytes", { fields: { serial: writeUnsigned(new Uint8Array(21).fill(1)) } }, "serial"],
  ["padded serial", { fields: { serial: fromHex("02020001")! } }, "malformed"],
];

describe("bad certificates: none is accepted", () => {
  it.each(FORGED)("%s", (_, forgery, reason) => {
    const leaf = forge(own.leaf, typeof forgery === "function" ? forgery() : forgery);
    const verdict = verify(leaf);
    expect(verdict.ok).toBe(false);
    expect(verdict.ok || verdict.reason).toBe(reason);
    expect(verify(leaf), "asked again").toEqual(verdict);
  });

  it("but an unchanged copy, signed anew, is", () => {
    expect(verify(forge(own.leaf, {}))).toMatchObject({ ok: true });
  });

  it("none at all, junk, and other things of ours", () => {
    for (const leaf of [new Uint8Array(), new Uint8Array(600), own.issuing, own.root, own.server, fromHex("3080")!]) {
      expect(verify(leaf).ok).toBe(false);
    }
  });

  it("trailing DER, and a length that is not the shortest", () => {
    expect(verify(concatBytes(own.leaf, Uint8Array.of(0)))).toEqual({ ok: false, reason: "trailing-data" });
    const long = concatBytes(fromHex("308300")!, own.leaf.subarray(2));
    expect(verify(long)).toEqual({ ok: false, reason: "malformed" });
    const indefinite = concatBytes(fromHex("3080")!, own.leaf.subarray(4), fromHex("0000")!);
    expect(verify(indefinite)).toEqual({ ok: false, reason: "malformed" });
    expect(verify(new Uint8Array(4_097))).toEqual({ ok: false, reason: "too-large" });
  });

  it("another authority's, whichever issuing certificate comes along", () => {
    expect(verify(foreign.leaf, foreign.issuing).ok).toBe(false);
    expect(verify(foreign.leaf, own.issuing).ok).toBe(false);
    expect(verify(own.leaf, foreign.issuing).ok).toBe(false);
    expect(verify(own.leaf, own.issuing, foreign.root).ok).toBe(false);
  });

  it("of the same authority's other network", () => {
    expect(verify(otherNetwork.leaf, otherNetwork.issuing, otherNetwork.root)).toEqual({
      ok: false,
      reason: "other-network",
    });
    const options = { root: otherNetwork.root, now: NOW };
    expect(verifyMemberCertificate({ leaf: otherNetwork.leaf, issuer: otherNetwork.issuing }, options).ok).toBe(true);
  });

  it("signed by a member, which is no authority", async () => {
    const issuer = { certificate: own.leaf, sign: (data: Uint8Array) => signRaw(keys.member.privateKey, data) };
    const below = await issueMember({ id: ID, spki: keys.server.spki, network: NETWORK, issuer, validity: WEEK });
    expect(verify(below, own.leaf)).toEqual({ ok: false, reason: "not-an-authority" });
  });

  it("signed by the root directly, or under a root that is the issuing certificate", async () => {
    const issuer = { certificate: own.root, sign: (data: Uint8Array) => signRaw(keys.root.privateKey, data) };
    const leaf = await issueMember({ id: ID, spki: keys.member.spki, network: NETWORK, issuer, validity: WEEK });
    expect(verify(leaf, own.root).ok).toBe(false);
    expect(verify(own.leaf, own.issuing, own.issuing).ok).toBe(false);
  });

  it("with any one bit flipped", () => {
    const accepted: number[] = [];
    for (let bit = 0; bit < own.leaf.length * 8; bit++) {
      const leaf = new Uint8Array(own.leaf);
      leaf[bit >> 3]! ^= 1 << (bit & 7);
      if (verify(leaf).ok) accepted.push(bit);
    }
    expect(accepted).toEqual([]);
  });

  it("cut off anywhere", () => {
    for (let length = 0; length < own.leaf.length; length++)
      expect(verify(own.leaf.subarray(0, length)).ok).toBe(false);
  });

  it("with any one bit of the issuing certificate or the root flipped", () => {
    const accepted: string[] = [];
    for (const [name, der] of [
      ["issuing", own.issuing],
      ["root", own.root],
    ] as const) {
      for (let bit = 0; bit < der.length * 8; bit++) {
        const changed = new Uint8Array(der);
        changed[bit >> 3]! ^= 1 << (bit & 7);
        const verdict = name === "root" ? verify(own.leaf, own.issuing, changed) : verify(own.leaf, changed);
        if (verdict.ok) accepted.push(`${name} ${bit}`);
      }
    }
    expect(accepted).toEqual([]);
  });
});

describe("good certificates", () => {
  it("say what the authority said", () => {
    const verdict = verify(own.leaf);
    if (!verdict.ok) throw new Error(verdict.reason);
    const { certificate } = verdict;
    expect(certificate).toMatchObject({ id: ID, ringCount: 9, deltaMs: 1_500, ...WEEK });
    expect(certificate.networkId).toEqual(NETWORK.networkId);
    expect(certificate.leaf).toEqual(own.leaf);
  });

  it("are judged by their dates anew at each call, with five minutes of tolerance", () => {
    const at = (now: number) => verify(own.leaf, own.issuing, own.root, now);
    expect(at(WEEK.notAfter + 299_000).ok).toBe(true);
    expect(at(WEEK.notAfter + 301_000)).toEqual({ ok: false, reason: "expired" });
    expect(at(WEEK.notBefore - 299_000).ok).toBe(true);
    expect(at(WEEK.notBefore - 301_000)).toEqual({ ok: false, reason: "not-yet-valid" });
    expect(at(NOW).ok).toBe(true);
    expect(dateProblem(WEEK, WEEK.notAfter + 1, 0)).toBe("expired");
  });

  it("stay the same when the caller's buffer changes afterwards", async () => {
    const issuer = own.issuer;
    const leaf = await issueMember({ id: ID, spki: keys.member.spki, network: NETWORK, issuer, validity: WEEK });
    const window = new Uint8Array(leaf);
    const verdict = verify(window);
    window.fill(0);
    expect(verdict.ok && verdict.certificate.leaf).toEqual(leaf);
  });

  it("may carry an unknown extension that is not critical", () => {
    const leaf = forge(own.leaf, { extensions: (list) => [...list, extension("2a0304", fromHex("0500")!)] });
    expect(verify(leaf).ok).toBe(true);
  });

  it("are good to RFC 5280 as pkijs reads it, which passes the unknown critical extension that we refuse", async () => {
    const chain = { leaf: own.leaf, issuer: own.issuing };
    expect(await pathProblem(chain, { root: own.root, now: NOW })).toBeUndefined();
    expect(await pathProblem(chain, { root: own.root, now: NOW + 30 * DAY_MS })).toBeDefined();
    expect(await pathProblem(chain, { root: foreign.root, now: NOW })).toBeDefined();
    const critical = forge(own.leaf, { extensions: (list) => [...list, extension("2a0304", fromHex("0500")!, true)] });
    expect(await pathProblem({ leaf: critical, issuer: own.issuing }, { root: own.root, now: NOW })).toBeUndefined();
  });

  it("go through PEM", () => {
    expect(certificatesFromPem(certificatesToPem(own.leaf, own.issuing))).toEqual([own.leaf, own.issuing]);
    expect(certificatesFromPem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")).toBeUndefined();
  });
});

describe("the authority's TLS certificate", () => {
  const problem = (leaf: Uint8Array, chain = own, pinned = own.root) =>
    authorityProblem({ leaf, issuer: chain.issuing, root: chain.root }, fingerprintOf(pinned), NOW);

  it("is accepted under the pinned root only", () => {
    expect(problem(own.server)).toBeUndefined();
    expect(problem(foreign.server, foreign)).toBe("other-root");
    expect(
      authorityProblem(
        { leaf: own.server, issuer: own.issuing, root: own.root },
        fingerprintOf(own.root),
        NOW + 30 * DAY_MS,
      ),
    ).toBe("expired");
    const mixed = { leaf: foreign.server, issuer: foreign.issuing, root: own.root };
    expect(authorityProblem(mixed, fingerprintOf(own.root), NOW)).toBeDefined();
  });

  it("is never a member's, whatever a member adds", () => {
    expect(problem(own.leaf)).toBe("extended-key-usage");
    const san = extension(
      EXTENSION.subjectAltName,
      writeDer(TAG.sequence, writeDer(0x82, new TextEncoder().encode("authority.fireflies.internal"))),
    );
    const dressed = forge(own.leaf, {
      extensions: (list) => [...replaced(EXTENSION.extendedKeyUsage, usages(SERVER_AUTH))(list), san],
    });
    expect(problem(dressed)).toBe("member-as-authority");
    const signedByMember = forge(own.server, { key: keys.member.privateKey });
    expect(problem(signedByMember)).toBe("signature");
  });

  it("has the authority's name and no other", () => {
    const named = (name: string) => writeDer(TAG.sequence, writeDer(0x82, new TextEncoder().encode(name)));
    expect(problem(forge(own.server, { extensions: replaced(EXTENSION.subjectAltName, named("example.org")) }))).toBe(
      "server-name",
    );
    expect(problem(forge(own.server, { extensions: without(EXTENSION.subjectAltName) }))).toBe(
      "subject-alt-name-missing",
    );
  });
});
