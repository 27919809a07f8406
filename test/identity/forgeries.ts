/** Bad certificates as a table: what a forger changes in a good leaf, with the real issuing key in his hands, and why it is refused. */
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { EXTENSION } from "../../identity/certificates/certificate-fields.js";
import { encodeNetwork } from "../../identity/certificates/extension.js";
import { contentOf, readDer, TAG, writeDer, writeUnsigned } from "../../identity/der.js";
import { concatBytes, fromHex } from "../../rings/index.js";
import { commonName, extension, type Forgery, hasOid, ID, keys, NETWORK, twin, validity } from "./forge.js";

export const without = (oid: string) => (list: readonly Uint8Array[]) => list.filter((der) => !hasOid(der, oid));
export const replaced =
  (oid: string, value: Uint8Array, critical = false) =>
  (list: readonly Uint8Array[]) =>
    list.map((der) => (hasOid(der, oid) ? extension(oid, value, critical) : der));
/** The network extension with elements behind those that we know. */
const withMore = (...more: readonly Uint8Array[]) =>
  writeDer(TAG.sequence, contentOf(readDer(encodeNetwork(NETWORK)), TAG.sequence), ...more);
export const usages = (...oids: string[]) =>
  writeDer(TAG.sequence, ...oids.map((oid) => writeDer(TAG.oid, fromHex(oid)!)));

const CLIENT_AUTH = "2b06010505070302";
export const SERVER_AUTH = "2b06010505070301";
const CODE_SIGNING = "2b06010505070303";
const OCSP_SIGNING = "2b06010505070309";
const ANY_USAGE = "551d2500";
const SHA1 = fromHex("300906072a8648ce3d0401")!;
const SHA384 = fromHex("300a06082a8648ce3d040303")!;
const SHA512 = fromHex("300a06082a8648ce3d040304")!;
const RSA_SHA256 = fromHex("300d06092a864886f70d01010b0500")!;

const rsa1024 = generateKeyPairSync("rsa", { modulusLength: 1024 });
const rsa2048 = generateKeyPairSync("rsa", { modulusLength: 2048 });
const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" });
const ed25519 = generateKeyPairSync("ed25519");
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

const commonNames = (...texts: string[]) =>
  writeDer(TAG.sequence, ...texts.map((text) => commonName(text).subarray(2)));
/** BIT STRING content: zeros for a scalar that must not be one. */
const scalars = (r: Uint8Array, s: Uint8Array) => () => writeDer(TAG.sequence, r, s);
const ORDER = fromHex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")!;

export interface BadCertificate {
  readonly name: string;
  readonly forgery: () => Forgery;
  readonly reason: string;
  /** Whose key can prove it in TLS, when it is not the member's. */
  readonly key?: KeyObject;
}

/** Name, what the forger changes, and the reason of the refusal. */
const ROWS: readonly (readonly [string, Forgery | (() => Forgery), string])[] = [
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
    "no facts spelt out",
    { extensions: replaced(EXTENSION.network, withMore(writeDer(TAG.octetString, Uint8Array.of(0)))) },
    "network-malformed",
  ],
  [
    "facts that are no list",
    { extensions: replaced(EXTENSION.network, withMore(writeDer(TAG.octetString, fromHex("0100010002")!))) },
    "network-malformed",
  ],
  [
    "facts over 1 KiB",
    { extensions: replaced(EXTENSION.network, encodeNetwork(NETWORK, [{ type: 9, data: new Uint8Array(1_020) }])) },
    "network-malformed",
  ],
  [
    "more after the facts",
    {
      extensions: replaced(
        EXTENSION.network,
        withMore(writeDer(TAG.octetString, fromHex("0100090000")!), writeUnsigned(1)),
      ),
    },
    "network-malformed",
  ],
  [
    "something else in the place of facts",
    { extensions: replaced(EXTENSION.network, withMore(writeUnsigned(1))) },
    "malformed",
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
  ["RSA-2048 key", { fields: { spki: spkiOf(rsa2048) } }, "key-type"],
  ["Ed25519 key", { fields: { spki: spkiOf(ed25519) } }, "key-type"],
  ["signed with SHA-512", { algorithm: SHA512, hash: "sha512" }, "signature-algorithm"],
  ["signature scalar r is 0", { signature: scalars(writeUnsigned(0), writeUnsigned(1)) }, "signature"],
  ["signature scalar s is 0", { signature: scalars(writeUnsigned(1), writeUnsigned(0)) }, "signature"],
  [
    "signature scalar r is the order",
    { signature: scalars(writeUnsigned(ORDER), writeUnsigned(1)) },
    "signature-malleated",
  ],
  ["empty signature", { signature: () => new Uint8Array() }, "malformed"],
  ["version 4", { fields: { version: writeDer(0xa0, writeUnsigned(3)) } }, "version"],
  ["no version", { fields: { version: writeDer(0xa0) } }, "malformed"],
  ["a time zone in a date", { fields: { validity: validity("261121000000+0000", "261210000000Z") } }, "validity"],
  ["fractions of seconds", { fields: { validity: validity("20501121000000.5Z", "20511210000000Z") } }, "validity"],
  ["a leap second", { fields: { validity: validity("261121235960Z", "261210000000Z") } }, "validity"],
  [
    "GeneralizedTime without an end (99991231235959Z)",
    { fields: { validity: validity("261121000000Z", "99991231235959Z") } },
    "validity-beyond-issuer",
  ],
  ["two common names", { fields: { subject: commonNames(ID, ID) } }, "name"],
  ["common name with NUL behind", { fields: { subject: commonName(`${ID}\0`) } }, "member-id-name"],
  ["common name with a space behind", { fields: { subject: commonName(`${ID} `) } }, "member-id-name"],
  ["no extensions", { extensions: () => [] }, "basic-constraints-missing"],
  [
    "CA:TRUE and a path length",
    { extensions: replaced(EXTENSION.basicConstraints, fromHex("30060101ff020100")!, true) },
    "leaf-as-authority",
  ],
  ["key usage of two bits", { extensions: replaced(EXTENSION.keyUsage, fromHex("030206c0")!, true) }, "key-usage"],
  [
    "key usage in a longer form",
    { extensions: replaced(EXTENSION.keyUsage, fromHex("0303078000")!, true) },
    "key-usage",
  ],
  [
    "OCSP signing besides",
    { extensions: replaced(EXTENSION.extendedKeyUsage, usages(CLIENT_AUTH, SERVER_AUTH, OCSP_SIGNING)) },
    "extended-key-usage",
  ],
  ["no usage in the list", { extensions: replaced(EXTENSION.extendedKeyUsage, usages()) }, "extended-key-usage"],
  [
    "critical name constraints",
    { extensions: (list) => [...list, extension("551d1e", fromHex("3000")!, true)] },
    "extension-critical-unknown",
  ],
  [
    "critical certificate policies",
    { extensions: (list) => [...list, extension("551d20", fromHex("3000")!, true)] },
    "extension-critical-unknown",
  ],
  [
    "authority key identifier with name and serial",
    {
      extensions: replaced(
        EXTENSION.authorityKeyIdentifier,
        writeDer(TAG.sequence, writeDer(0x80, new Uint8Array(20)), writeDer(0xa1), writeDer(0x82, new Uint8Array(1))),
      ),
    },
    "authority-key",
  ],
  [
    "trailing data in an extension",
    {
      extensions: replaced(EXTENSION.extendedKeyUsage, concatBytes(usages(CLIENT_AUTH, SERVER_AUTH), Uint8Array.of(0))),
    },
    "trailing-data",
  ],
  [
    "ring count beyond the largest",
    { extensions: replaced(EXTENSION.network, encodeNetwork({ ...NETWORK, ringCount: 1_000_000 })) },
    "network-malformed",
  ],
  [
    "network id of 33 bytes",
    { extensions: replaced(EXTENSION.network, encodeNetwork({ ...NETWORK, networkId: new Uint8Array(33) })) },
    "network-malformed",
  ],
];

/** The keys of those that are certified for another key than the member's. */
const OTHER_KEYS: ReadonlyMap<string, KeyObject> = new Map([
  ["RSA-1024 key", rsa1024.privateKey],
  ["RSA-2048 key", rsa2048.privateKey],
  ["P-384 key", p384.privateKey],
  ["Ed25519 key", ed25519.privateKey],
]);

export const BAD_CERTIFICATES: readonly BadCertificate[] = ROWS.map(([name, forgery, reason]) => ({
  name,
  forgery: typeof forgery === "function" ? forgery : () => forgery,
  reason,
  ...(OTHER_KEYS.has(name) && { key: OTHER_KEYS.get(name)! }),
}));
