/** An authority of somebody else as the root of ours: RSA, P-256 and P-384, from PKCS#12 and PEM, made by openssl. */
import { spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CertificateAuthority } from "../../ca/authority.js";
import { readImport, serveAuthority } from "../../ca/index.js";
import { enroll } from "../../client/authority/authority.js";
import { readChildren, readDer, readUnsigned, TAG, writeDer, writeUnsigned } from "../../identity/der.js";
import {
  certificatesFromPem,
  certificatesToPem,
  derToPem,
  FirefliesError,
  fingerprintOf,
  generateKeyPair,
  networkOfIssuing,
  pathProblem,
} from "../../identity/index.js";
import { codeOf, temporaryDirectory } from "./authority-fixture.js";

const directory = mkdtempSync(join(tmpdir(), "fireflies-import-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const file = (name: string) => join(directory, name);
const PASSPHRASE = "a passphrase";

function openssl(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync("openssl", args, { cwd: directory, encoding: "utf8" });
  if (status !== 0) throw new Error(`openssl ${args.join(" ")}: ${stderr}`);
  return stdout;
}

const CA = ["-addext", "basicConstraints=critical,CA:true", "-addext", "keyUsage=critical,keyCertSign,cRLSign"];
const DAYS = ["-days", "3650"];
const P256 = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

/** Self-signed, unless args say otherwise. */
function make(name: string, key: readonly string[], args: readonly string[] = [...CA, ...DAYS]): void {
  const subject = ["-subj", "/C=NO/O=Beispiel Örg/CN=Root of theirs", "-utf8"];
  openssl(
    "req",
    "-x509",
    "-nodes",
    "-config",
    "empty.cnf",
    ...subject,
    "-keyout",
    `${name}.key`,
    "-out",
    `${name}.crt`,
    ...key,
    ...args,
  );
}

function pack(name: string, ...args: readonly string[]): string {
  openssl(
    "pkcs12",
    "-export",
    "-inkey",
    `${name}.key`,
    "-in",
    `${name}.crt`,
    "-out",
    `${name}.p12`,
    "-passout",
    `pass:${PASSPHRASE}`,
    ...args,
  );
  return file(`${name}.p12`);
}

const P384 = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"];

const KINDS = [
  ["RSA-2048", ["-newkey", "rsa:2048"]],
  ["RSA-3072 with SHA-512", ["-newkey", "rsa:3072", "-sha512"]],
  ["P-256", P256],
  ["P-384", [...P384, "-sha384"]],
] as const;

beforeAll(() => {
  writeFileSync(file("empty.cnf"), "[req]\ndistinguished_name = dn\n[dn]\n");
  for (const [name, key] of KINDS) make(name, key);
  make("plain", P256, [...DAYS, "-addext", "basicConstraints=critical,CA:true"]); // As openssl does without more said.
});

/** Sound, though the hash is not that which we would take for such a key. */
const OTHER_HASHES = [
  ["P-384 with SHA-256, as openssl makes it", [...P384, "-sha256"]],
  ["P-384 with SHA-512", [...P384, "-sha512"]],
  ["P-256 with SHA-384", [...P256, "-sha384"]],
  ["P-256 with SHA-512", [...P256, "-sha512"]],
  ["RSA with PSS", ["-newkey", "rsa:2048", "-sha384", "-sigopt", "rsa_padding_mode:pss"]],
] as const;

const ORDERS = {
  "P-256": 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  "P-384": 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
} as const;

async function issuerOf(path: string, networkName: string | undefined): Promise<Uint8Array> {
  const authority = await CertificateAuthority.attach({ directory: join(path, "ca"), networkName });
  await authority.close();
  return authority.issuer;
}

/** The same certificate with the other valid signature, (r, n - s), and so with another hash. */
function twinOf(der: Uint8Array, order: bigint): Uint8Array {
  const [tbs, algorithm, bits] = readChildren(readDer(der));
  const [r, s] = readChildren(readDer(bits!.content.subarray(1)));
  const value = writeDer(TAG.sequence, r!.bytes, writeUnsigned(order - readUnsigned(s)));
  return writeDer(TAG.sequence, ...[tbs!.bytes, algorithm!.bytes, writeDer(TAG.bitString, Uint8Array.of(0), value)]);
}

const imported = (path: string, options: object = {}) =>
  readImport({ path, passphrase: PASSPHRASE, now: Date.now(), ...options });

describe("an imported root", () => {
  it.each(["P-256", "P-384"] as const)(
    "%s: its intermediate has no twin, under another hash than a list that retires it names",
    async (name) => {
      await using temporary = await temporaryDirectory();
      const importedRoot = await imported(pack(name));
      const authority = await CertificateAuthority.open({ directory: join(temporary.path, "ca"), importedRoot });
      for (let i = 0; i < 4; i++) await authority.addNetwork(`n${i}`); // A signature is low by chance every other time.
      const { root } = authority;
      await authority.close();
      const issuers = await Promise.all(
        [undefined, "n0", "n1", "n2", "n3"].map((each) => issuerOf(temporary.path, each)),
      );
      for (const issuer of issuers) {
        const twin = twinOf(issuer, ORDERS[name]);
        expect(new X509Certificate(twin).verify(new X509Certificate(root).publicKey)).toBe(true);
        expect([networkOfIssuing(issuer, root) !== undefined, networkOfIssuing(twin, root)]).toEqual([true, undefined]);
      }
    },
  );

  it.each([...KINDS.map(([name]) => name), "plain"])(
    "%s signs our issuing certificate, and members join below it",
    async (name) => {
      await using temporary = await temporaryDirectory();
      const importedRoot = await imported(pack(name));
      expect(certificatesToPem(importedRoot.certificate)).toBe(readFileSync(file(`${name}.crt`), "utf8"));
      const first = await CertificateAuthority.open({ directory: temporary.path, importedRoot });
      await first.close();
      const authority = await CertificateAuthority.open({ directory: temporary.path }); // The import is needed once.
      const server = await serveAuthority(authority, { port: 0 });
      try {
        expect(authority.fingerprint).toBe(fingerprintOf(importedRoot.certificate));
        const token = await authority.createToken("alice");
        const granted = await enroll({ token }, generateKeyPair(), {
          addresses: [],
          now: Date.now(),
          timeoutMs: 60_000,
        });
        const { leaf, issuer } = granted.certificate;
        expect(granted.root).toEqual(importedRoot.certificate);
        expect(await pathProblem({ leaf, issuer }, { root: granted.root, now: Date.now() })).toBeUndefined();
        for (const [path, der] of [
          ["leaf.pem", leaf],
          ["issuer.pem", issuer],
        ] as const)
          writeFileSync(file(path), certificatesToPem(der));
        const strict = name === "plain" ? [] : ["-x509_strict"]; // It wants a key usage in roots, too.
        const said = openssl("verify", ...strict, "-CAfile", `${name}.crt`, "-untrusted", "issuer.pem", "leaf.pem");
        expect(said).toBe("leaf.pem: OK\n");
      } finally {
        await server.close();
        await authority.close();
      }
    },
  );

  it.each(OTHER_HASHES)("%s: members below it are good, for openssl and for RFC 5280 too", async (name, key) => {
    await using temporary = await temporaryDirectory();
    make("other", key);
    const importedRoot = await imported(pack("other"));
    const authority = await CertificateAuthority.open({ directory: temporary.path, importedRoot, numRings: 3 });
    const { certificate } = await authority.createIdentity({ principal: "alice" });
    await authority.close();
    const { root } = authority;
    expect(await pathProblem(certificate, { root, now: Date.now() }), name).toBeUndefined();
    writeFileSync(file("leaf.pem"), certificatesToPem(certificate.leaf));
    writeFileSync(file("issuer.pem"), certificatesToPem(certificate.issuer));
    expect(openssl("verify", "-x509_strict", "-CAfile", "other.crt", "-untrusted", "issuer.pem", "leaf.pem")).toBe(
      "leaf.pem: OK\n",
    );
  });

  it.each(["RSA-2048", "P-384"])("%s signs a list of retired intermediates", async (name) => {
    await using temporary = await temporaryDirectory();
    const importedRoot = await imported(pack(name));
    const authority = await CertificateAuthority.open({ directory: temporary.path, importedRoot, numRings: 3 });
    await authority.refresh();
    writeFileSync(file("list.pem"), derToPem("X509 CRL", (await authority.operator.rootCrl())!.bytes));
    await authority.close();
    const args = ["crl", "-in", "list.pem", "-noout", "-CAfile", `${name}.crt`];
    expect(spawnSync("openssl", args, { cwd: directory, encoding: "utf8" }).stderr).toContain("verify OK");
  });

  it("signs no list when it may sign certificates only, and goes on without", async () => {
    await using temporary = await temporaryDirectory();
    make("only", P256, [...DAYS, ...CA.slice(0, 2), "-addext", "keyUsage=critical,keyCertSign"]);
    const importedRoot = await imported(pack("only"));
    const authority = await CertificateAuthority.open({ directory: temporary.path, importedRoot, numRings: 3 });
    await authority.refresh();
    expect(await authority.operator.rootCrl()).toBeUndefined();
    expect(await codeOf(authority.operator.publishRootCrl())).toBe("ca-options-invalid");
    await authority.operator.prepareIssuer();
    await authority.close();
  });

  it("comes out of PEM with a key in an older form, with text around, with Windows' ends of lines, or as UTF-16", async () => {
    const [der] = certificatesFromPem(readFileSync(file("RSA-2048.crt"), "utf8"))!;
    const hidden = ["-passout", `pass:${PASSPHRASE}`];
    for (const cipher of ["-aes256", "-des3", "-aes128"]) {
      openssl("rsa", "-in", "RSA-2048.key", "-traditional", cipher, "-out", "old.key", ...hidden);
      expect(readFileSync(file("old.key"), "utf8")).toContain("Proc-Type: 4,ENCRYPTED");
      expect((await imported(file("RSA-2048.crt"), { keyPath: file("old.key") })).certificate).toEqual(der);
    }
    expect(await codeOf(imported(file("RSA-2048.crt"), { keyPath: file("old.key"), passphrase: undefined }))).toBe(
      "passphrase-required",
    );
    expect(await codeOf(imported(file("RSA-2048.crt"), { keyPath: file("old.key"), passphrase: "another one" }))).toBe(
      "passphrase-wrong",
    );
    openssl("x509", "-in", "RSA-2048.crt", "-text", "-out", "text.pem");
    const both = `${readFileSync(file("text.pem"), "utf8")}\n${readFileSync(file("old.key"), "utf8")}`;
    for (const [name, bytes] of [
      ["crlf.pem", Buffer.from(both.replaceAll("\n", "\r\n"))],
      ["utf16.pem", Buffer.from(`\ufeff${both}`, "utf16le")],
    ] as const) {
      writeFileSync(file(name), bytes);
      expect((await imported(file(name))).certificate).toEqual(der);
    }
    openssl("x509", "-in", "RSA-2048.crt", "-outform", "DER", "-out", "root.cer");
    expect((await imported(file("root.cer"), { keyPath: file("old.key") })).certificate).toEqual(der);
  });

  it("comes out of PEM: one file with both, two files, and a key under a passphrase", async () => {
    const [der] = certificatesFromPem(readFileSync(file("P-256.crt"), "utf8"))!;
    writeFileSync(file("both.pem"), readFileSync(file("P-256.key"), "utf8") + readFileSync(file("P-256.crt"), "utf8"));
    expect((await imported(file("both.pem"), { passphrase: undefined })).certificate).toEqual(der);
    expect(
      (await imported(file("P-256.crt"), { keyPath: file("P-256.key"), passphrase: undefined })).certificate,
    ).toEqual(der);
    openssl("pkcs8", "-topk8", "-in", "P-256.key", "-out", "hidden.key", "-passout", `pass:${PASSPHRASE}`);
    expect((await imported(file("P-256.crt"), { keyPath: file("hidden.key") })).certificate).toEqual(der);
    expect(await codeOf(imported(file("P-256.crt"), { keyPath: file("hidden.key"), passphrase: undefined }))).toBe(
      "passphrase-required",
    );
    expect(await codeOf(imported(file("P-256.crt"), { keyPath: file("hidden.key"), passphrase: "another one" }))).toBe(
      "passphrase-wrong",
    );
  });
});

/** Code, what is wrong, and what to do. */
async function refusalOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof FirefliesError)) return String(error);
  return `${error.code} ${error.message} ${error.advice}`;
}

describe("what cannot be a root here", () => {
  const PSS = ["-newkey", "rsa:2048", "-sigopt", "rsa_padding_mode:pss"];
  const refused: readonly (readonly [string, readonly string[], readonly string[], RegExp])[] = [
    ["RSA-1024", ["-newkey", "rsa:1024"], [...CA, ...DAYS], /^import-invalid .*RSA with 1024 bits.*with 2,048/],
    [
      "P-521",
      ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521"],
      [...CA, ...DAYS],
      /^import-invalid .*P-256 or P-384/,
    ],
    ["Ed25519", ["-newkey", "ed25519"], [...CA, ...DAYS], /^import-invalid .*P-256 or P-384/],
    ["SHA-1", ["-newkey", "rsa:2048", "-sha1"], [...CA, ...DAYS], /RSA with SHA-1\. Have it signed anew.*openssl req/],
    ["ECDSA with SHA-1", [...P256, "-sha1"], [...CA, ...DAYS], /ECDSA with SHA-1\. Have it signed anew.*openssl req/],
    ["SHA-224", [...P384, "-sha224"], [...CA, ...DAYS], /ECDSA with SHA-224\. Have it signed anew/],
    ["PSS with SHA-1", [...PSS, "-sha1"], [...CA, ...DAYS], /RSASSA-PSS with SHA-1/],
    [
      "secp256k1",
      ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
      [...CA, ...DAYS],
      /EC secp256k1.*P-256/,
    ],
    [
      "RSA with exponent 3",
      ["-newkey", "rsa:2048", "-pkeyopt", "rsa_keygen_pubexp:3"],
      [...CA, ...DAYS],
      /exponent 3\. .*65,537/,
    ],
    ["no CA", P256, [...DAYS, "-addext", "basicConstraints=critical,CA:false"], /is no CA\. Make one.*openssl req/],
    ["no constraints", P256, [...DAYS, "-addext", "keyUsage=critical,keyCertSign"], /nothing in it says.*openssl req/],
    ["not critical", P256, [...DAYS, "-addext", "basicConstraints=CA:true"], /not critical.*openssl req/],
    ["nothing below", P256, [...DAYS, "-addext", "basicConstraints=critical,CA:true,pathlen:0"], /leave pathlen out/],
    ["wrong usage", P256, [...DAYS, ...CA.slice(0, 2), "-addext", "keyUsage=critical,digitalSignature"], /keyCertSign/],
    ["no key identifier", P256, [...DAYS, ...CA, "-addext", "subjectKeyIdentifier=none"], /subjectKeyIdentifier=hash/],
    [
      "other names",
      P256,
      [...CA, ...DAYS, "-addext", "nameConstraints=critical,permitted;DNS:example.org"],
      /critical-unknown/,
    ],
    ["short life", P256, [...CA, "-days", "100"], /within a year/],
  ];

  it.each(refused)("%s", async (name, key, args, why) => {
    make(name, key, args);
    await expect(refusalOf(imported(pack(name)))).resolves.toMatch(why);
  });

  it("a key for RSASSA-PSS alone: what it would sign is not what members read", async () => {
    make("pss", ["-newkey", "rsa-pss"]);
    const said = await refusalOf(imported(file("pss.crt"), { keyPath: file("pss.key") }));
    expect(said).toMatch(/^import-invalid .*RSASSA-PSS alone.*rsaEncryption/);
  });

  it("a certificate of X.509 version 1: it cannot say what it is for", async () => {
    openssl("req", "-new", "-key", "P-256.key", "-config", "empty.cnf", "-subj", "/CN=old", "-out", "old.csr");
    openssl("x509", "-req", "-in", "old.csr", "-signkey", "P-256.key", "-days", "3650", "-out", "old.crt");
    const said = await refusalOf(imported(file("old.crt"), { keyPath: file("P-256.key") }));
    expect(said).toMatch(/^import-invalid .*version 1, which cannot say that it is a CA\. Make one for the same key/);
  });

  it("a key under a cipher that OpenSSL no longer has, which is not a wrong passphrase; a Java keystore; a key in DER", async () => {
    const old = ["-provider", "legacy", "-provider", "default", "-in", "RSA-2048.key", "-out", "older.key"];
    const hidden = ["-passout", `pass:${PASSPHRASE}`];
    for (const args of [
      ["rsa", "-traditional", "-des"],
      ["pkcs8", "-topk8", "-v1", "PBE-MD5-DES"],
      ["pkcs8", "-topk8", "-v1", "PBE-SHA1-RC4-128"],
    ]) {
      openssl(...args, ...old, ...hidden);
      const said = await refusalOf(imported(file("RSA-2048.crt"), { keyPath: file("older.key") }));
      expect(said).toMatch(/^import-invalid .*old cipher.*openssl pkey -provider legacy/);
    }
    writeFileSync(file("root.jks"), Buffer.from("feedfeed0000000200000000", "hex"));
    expect(await refusalOf(imported(file("root.jks")))).toMatch(/Java keystore.*keytool -importkeystore/);
    openssl("pkey", "-in", "RSA-2048.key", "-outform", "DER", "-out", "der.key");
    expect(await refusalOf(imported(file("RSA-2048.crt"), { keyPath: file("der.key") }))).toMatch(/openssl pkey -in/);
  });

  it("an authority below another one", async () => {
    make("below", P256, [...DAYS, ...CA, "-CA", "P-256.crt", "-CAkey", "P-256.key", "-subj", "/CN=below"]);
    expect(await codeOf(imported(pack("below")))).toBe("import-invalid");
  });

  it("a key without its certificate, a certificate without its key, junk, nothing", async () => {
    expect(await codeOf(imported(file("P-256.crt"), { keyPath: file("plain.key") }))).toBe("import-invalid");
    expect(await codeOf(imported(file("P-256.crt")))).toBe("import-invalid");
    expect(await codeOf(imported(file("P-256.key")))).toBe("import-invalid");
    expect(await codeOf(imported(file("empty.cnf")))).toBe("import-invalid");
    expect(await codeOf(imported(file("none")))).toBe("import-invalid");
    expect(await codeOf(imported(pack("P-256"), { passphrase: undefined }))).toBe("passphrase-required");
    expect(await codeOf(imported(pack("P-256"), { passphrase: "another one" }))).toBe("passphrase-wrong");
  });
});
