/** PKCS#12 against openssl, both ways: keys of every kind, ciphers of today and of twenty years ago. */
import { spawnSync } from "node:child_process";
import { createPrivateKey } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { certificatesToPem, readPkcs12, writePkcs12 } from "../../identity/index.js";
import { codeOf } from "../support/network.js";
import { createChain, keys } from "./forge.js";

const directory = mkdtempSync(join(tmpdir(), "fireflies-pkcs12-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const file = (name: string) => join(directory, name);

function openssl(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync("openssl", args, { cwd: directory, encoding: "utf8" });
  if (status !== 0) throw new Error(`openssl ${args.join(" ")}: ${stderr}`);
  return stdout;
}

const KINDS = [
  ["RSA", ["-newkey", "rsa:2048"]],
  ["P-256", ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]],
  ["P-384", ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"]],
] as const;
const FORMS = [
  ["today's ciphers", []],
  ["RC2 and 3DES, SHA-1", ["-legacy"]],
  ["3DES only", ["-legacy", "-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1"]],
  ...["PBE-SHA1-RC4-128", "PBE-SHA1-RC4-40", "PBE-SHA1-RC2-128", "PBE-SHA1-2DES"].map(
    (cipher) => [cipher, ["-legacy", "-certpbe", cipher, "-keypbe", cipher]] as const,
  ),
  ["AES-128 and a MAC with SHA-512", ["-certpbe", "AES-128-CBC", "-keypbe", "AES-128-CBC", "-macalg", "sha512"]],
] as const;

beforeAll(() => {
  for (const [kind, args] of KINDS) {
    const out = ["-keyout", `${kind}.key`, "-out", `${kind}.crt`];
    openssl("req", "-x509", "-nodes", "-days", "30", "-subj", `/O=Example/CN=${kind} root`, ...args, ...out);
  }
});

function pack(kind: string, passphrase: string, ...args: readonly string[]): Uint8Array {
  const own = ["-inkey", `${kind}.key`, "-in", `${kind}.crt`, "-passout", `pass:${passphrase}`];
  openssl("pkcs12", "-export", "-out", "packed.p12", ...own, ...args);
  return readFileSync(file("packed.p12"));
}

describe("a PKCS#12 file of openssl", () => {
  it.each(KINDS.flatMap(([kind]) => FORMS.map(([form, args]) => [kind, form, args] as const)))(
    "with a key of %s and %s is read",
    async (kind, _, args) => {
      const { privateKey, certificates } = await readPkcs12(pack(kind, "a passphrase", ...args), "a passphrase");
      expect(privateKey.equals(createPrivateKey(readFileSync(file(`${kind}.key`))))).toBe(true);
      expect(certificatesToPem(...certificates)).toBe(readFileSync(file(`${kind}.crt`), "utf8"));
    },
  );

  it.each(["", "corréct hörse", "密码密码"])("under the passphrase %j is read", async (passphrase) => {
    for (const args of [[], ["-legacy"]]) {
      expect((await readPkcs12(pack("P-256", passphrase, ...args), passphrase)).certificates.length).toBe(1);
    }
  });

  it("with a cipher that nobody knows says how to write it anew", async () => {
    const ways = [
      ["-legacy", "-keypbe", "PBE-MD5-DES"],
      ["-macalg", "sha3-256"],
    ];
    for (const args of ways) {
      const reading = readPkcs12(pack("P-256", "a passphrase", ...args), "a passphrase");
      const advice = expect.stringContaining("openssl pkcs12 -legacy -in");
      await expect(reading).rejects.toMatchObject({ code: "import-invalid", advice });
    }
  });

  it("with other certificates beside gives the key's own first", async () => {
    writeFileSync(file("others.crt"), readFileSync(file("RSA.crt"), "utf8") + readFileSync(file("P-384.crt"), "utf8"));
    const packed = pack("P-256", "a passphrase", "-certfile", "others.crt");
    const { certificates } = await readPkcs12(packed, "a passphrase");
    expect(certificates.length).toBe(3);
    expect(certificatesToPem(certificates[0]!)).toBe(readFileSync(file("P-256.crt"), "utf8"));
  });

  it("is refused with a wrong passphrase, without a key, damaged, cut off, huge, or when it is something else", async () => {
    const packed = pack("P-256", "a passphrase");
    const legacy = pack("RSA", "a passphrase", "-legacy");
    expect(await codeOf(readPkcs12(packed, "another"))).toBe("passphrase-wrong");
    expect(await codeOf(readPkcs12(legacy, "another"))).toBe("passphrase-wrong");
    expect(await codeOf(readPkcs12(pack("RSA", "a passphrase", "-nokeys"), "a passphrase"))).toBe("import-invalid");
    expect(await codeOf(readPkcs12(readFileSync(file("RSA.crt")), "x"))).toBe("import-invalid");
    expect(await codeOf(readPkcs12(new Uint8Array(2 << 20), "x"))).toBe("import-invalid");
    for (const length of [0, 1, 10, 100, packed.length - 1]) {
      expect(await codeOf(readPkcs12(packed.subarray(0, length), "a passphrase"))).toBe("import-invalid");
    }
    const damaged = Uint8Array.from(packed);
    damaged[damaged.length >> 1]! ^= 1;
    expect(await codeOf(readPkcs12(damaged, "a passphrase"))).toMatch(/passphrase-wrong|import-invalid/);
  });
});

describe("a PKCS#12 file of ours", () => {
  it("is read by openssl: key, own certificate and chain, under AES-256 and a MAC with SHA-256", async () => {
    const { leaf, issuing, root } = await createChain();
    const content = { privateKey: keys.member.privateKey, certificates: [leaf, issuing, root], name: "alice é" };
    const written = await writePkcs12(content, "corréct hörse");
    writeFileSync(file("ours.p12"), written);
    const opened = openssl("pkcs12", "-in", "ours.p12", "-passin", "pass:corréct hörse", "-nodes");
    expect(opened.match(/BEGIN CERTIFICATE/g)?.length).toBe(3);
    expect(opened).toContain("friendlyName: alice");
    expect(createPrivateKey(opened).equals(keys.member.privateKey)).toBe(true);
    const listed = spawnSync(
      "openssl",
      ["pkcs12", "-in", file("ours.p12"), "-passin", "pass:corréct hörse", "-info", "-noout"],
      {
        encoding: "utf8",
      },
    ).stderr;
    expect(listed).toMatch(/MAC: sha256/);
    expect(listed).toMatch(/PBES2, PBKDF2, AES-256-CBC, Iteration 600000, PRF hmacWithSHA256/);
    const again = await readPkcs12(written, "corréct hörse");
    expect(again.certificates).toEqual([leaf, issuing, root]);
    expect(again.privateKey.equals(keys.member.privateKey)).toBe(true);
  });
});
