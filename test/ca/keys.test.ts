/** The authority's keys at rest: plain or under a passphrase, 0600, and read by openssl. */
import { spawnSync } from "node:child_process";
import { chmod, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { KeyCabinet } from "../../ca/keys/key-cabinet.js";
import { generateKeyPair, publicKeyFromSpki } from "../../identity/index.js";
import { verifyRaw } from "../../identity/keys/raw-signature.js";
import { codeOf, temporaryDirectory } from "./authority-fixture.js";

const PASSPHRASE = "corréct horse battery";
let temporary: Awaited<ReturnType<typeof temporaryDirectory>>;
beforeEach(async () => {
  temporary = await temporaryDirectory();
});
afterEach(() => temporary[Symbol.asyncDispose]());

const cabinet = (options = {}) => new KeyCabinet(temporary.path, options);
const file = (name = "a.key.pem") => join(temporary.path, name);
const openssl = (...args: string[]) => spawnSync("openssl", args, { encoding: "utf8" });
const data = new TextEncoder().encode("what is signed");

describe("a key file", () => {
  it("is PKCS#8, of mode 0600, and gives the key back that signs", async () => {
    const made = await cabinet().create("a.key.pem");
    const found = (await cabinet().open("a.key.pem"))!;
    expect(found.spki).toEqual(made.spki);
    expect(verifyRaw(publicKeyFromSpki(made.spki)!, data, await found.sign(data))).toBe(true);
    expect((await stat(file())).mode & 0o777).toBe(0o600);
    expect(await cabinet().open("b.key.pem")).toBeUndefined();
  });

  it("under a passphrase is PBES2 with scrypt and AES-256, and openssl opens it", async () => {
    const made = await cabinet({ passphrase: PASSPHRASE }).create("a.key.pem");
    expect(await readFile(file(), "utf8")).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/);
    const listed = openssl("asn1parse", "-in", file()).stdout;
    expect(listed).toMatch(/PBES2/);
    expect(listed).toMatch(/scrypt|1\.3\.6\.1\.4\.1\.11591\.4\.11/);
    expect(listed).toMatch(/aes-256-cbc/);
    const opened = openssl("pkey", "-in", file(), "-passin", `pass:${PASSPHRASE}`, "-pubout", "-outform", "DER");
    expect(opened.status).toBe(0);
    const again = (await cabinet({ passphrase: PASSPHRASE }).open("a.key.pem"))!;
    expect(again.spki).toEqual(made.spki);
  });

  it.each([
    ["scrypt", ["-scrypt"]],
    ["PBKDF2", ["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA256", "-iter", "600000"]],
  ])("that openssl wrote with %s is opened", async (_, args) => {
    await cabinet().save("plain.pem", generateKeyPair().privateKey);
    const written = openssl(
      "pkcs8",
      "-topk8",
      "-in",
      file("plain.pem"),
      "-out",
      file(),
      "-passout",
      `pass:${PASSPHRASE}`,
      ...args,
    );
    expect(written.status).toBe(0);
    const plain = (await cabinet().open("plain.pem"))!;
    expect((await cabinet({ passphrase: PASSPHRASE }).open("a.key.pem"))?.spki).toEqual(plain.spki);
  });

  it("asks for the passphrase once, however many files need it", async () => {
    for (const name of ["a.key.pem", "b.key.pem"]) await cabinet({ passphrase: PASSPHRASE }).create(name);
    let asked = 0;
    const askPassphrase = async () => {
      asked += 1;
      return PASSPHRASE;
    };
    const asking = cabinet({ askPassphrase });
    expect(await asking.open("a.key.pem")).toBeDefined();
    expect(await asking.open("b.key.pem")).toBeDefined();
    expect(asked).toBe(1);
  });

  it("is refused without the passphrase, with a wrong one, readable by others, or when it holds no key", async () => {
    await cabinet({ passphrase: PASSPHRASE }).create("a.key.pem");
    expect(await codeOf(cabinet().open("a.key.pem"))).toBe("passphrase-required");
    expect(await codeOf(cabinet({ passphrase: "something else" }).open("a.key.pem"))).toBe("passphrase-wrong");
    await chmod(file(), 0o640);
    expect(await codeOf(cabinet({ passphrase: PASSPHRASE }).open("a.key.pem"))).toBe("key-file-permissions");
    await writeFile(file(), "x".repeat(300));
    await chmod(file(), 0o600);
    expect(await codeOf(cabinet().open("a.key.pem"))).toBe("identity-corrupt");
  });

  it("that is plain is refused to who gives a passphrase: it was meant to be encrypted", async () => {
    await cabinet().create("a.key.pem");
    expect(await codeOf(cabinet({ passphrase: PASSPHRASE }).open("a.key.pem"))).toBe("ca-options-invalid");
  });

  it.each(["", "short", "a\nlonger one", "nul\0in the middle", "x".repeat(1_025)])(
    "is not written under the passphrase %j",
    (passphrase) => {
      expect(() => cabinet({ passphrase })).toThrow(expect.objectContaining({ code: "passphrase-invalid" }));
    },
  );
});
