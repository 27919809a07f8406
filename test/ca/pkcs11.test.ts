/** Signing keys in a security module: SoftHSM, a real one in software. */
import { spawnSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { CertificateAuthority, serveAuthority } from "../../ca/index.js";
import { KeyCabinet } from "../../ca/keys/key-cabinet.js";
import { formatKeyUri, parseKeyUri } from "../../ca/keys/pkcs11-uri.js";
import { enroll } from "../../client/authority/authority.js";
import { generateKeyPair, publicKeyFromSpki } from "../../identity/index.js";
import { verifyRaw } from "../../identity/keys/raw-signature.js";
import { PIN, removeSoftHsm, startSoftHsm } from "../support/softhsm.js";
import { codeOf, temporaryDirectory } from "./authority-fixture.js";

const hsm = startSoftHsm();
const reason = typeof hsm === "string" ? ` (skipped: ${hsm})` : "";
const where = `pkcs11:token=fireflies?module-path=${typeof hsm === "string" ? "/none" : hsm.modulePath}`;
const hasTool = spawnSync("pkcs11-tool", ["--help"]).error === undefined;
const data = new TextEncoder().encode("what is signed");
afterAll(() => {
  if (typeof hsm !== "string") removeSoftHsm(hsm);
});

/** As a module that was restarted does. */
function closeAllSessions(): void {
  const { PKCS11 } = createRequire(pathToFileURL(`${process.cwd()}/`))("pkcs11js") as {
    PKCS11: new () => {
      load(path: string): void;
      C_GetSlotList(all: boolean): Buffer[];
      C_CloseAllSessions(slot: Buffer): void;
    };
  };
  const module = new PKCS11();
  module.load(typeof hsm === "string" ? "" : hsm.modulePath);
  for (const slot of module.C_GetSlotList(true)) module.C_CloseAllSessions(slot);
}

describe("a PKCS#11 URI", () => {
  it("names token, key, module and the file of the PIN", () => {
    const uri = "pkcs11:token=my%20token;object=a/b;type=private?module-path=/usr/lib/x.so&pin-source=file:/run/pin";
    const parsed = parseKeyUri(uri);
    expect(parsed).toEqual({ token: "my token", object: "a/b", modulePath: "/usr/lib/x.so", pinFile: "/run/pin" });
    expect(formatKeyUri(parsed)).toBe(uri);
  });

  it.each([
    "",
    "pkcs11:token=a",
    "pkcs11:?module-path=/x",
    "pkcs11:token=a;token=b?module-path=/x",
    "pkcs11:token=a;slot-id=1?module-path=/x",
    "pkcs11:token=a?module-path=/x&pin-value=1234",
    "pkcs11:token=%zz?module-path=/x",
    "pkcs11:token=a?module-path=/x\nsecond line",
    `pkcs11:token=${"a".repeat(3_000)}?module-path=/x`,
  ])("is refused: %j", (text) => {
    expect(() => parseKeyUri(text)).toThrow(expect.objectContaining({ code: "signer-unavailable" }));
  });

  it.each(["pin-value=1234", "pin-value:1234", "pin-value%3D1234", "1234"])("says no PIN when refused: %s", (part) => {
    expect(() => parseKeyUri(`pkcs11:token=a?module-path=/x&${part}`)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining("1234") }),
    );
  });
});

describe.skipIf(typeof hsm === "string")(`(needs SoftHSM) a key there${reason}`, () => {
  let temporary: Awaited<ReturnType<typeof temporaryDirectory>>;
  beforeEach(async () => {
    temporary = await temporaryDirectory();
  });
  afterEach(() => temporary[Symbol.asyncDispose]());
  const cabinet = (options = {}) => new KeyCabinet(temporary.path, { pin: PIN, issuingKeyUri: where, ...options });
  const file = (name: string) => join(temporary.path, name);

  it("is made there, signs, and is found again by its URI alone", async () => {
    const made = await cabinet().createIssuing("issuing.key.pem");
    expect(verifyRaw(publicKeyFromSpki(made.spki)!, data, await made.sign(data))).toBe(true);
    await made.close();
    const text = await readFile(file("issuing.key.pem"), "utf8");
    expect(text).toMatch(/^pkcs11:token=fireflies;object=fireflies-issuing-[0-9a-f]{16};type=private\?module-path=/);
    const found = (await cabinet({ issuingKeyUri: undefined }).open("issuing.key.pem"))!;
    expect(found.spki).toEqual(made.spki);
    const signatures = await Promise.all(Array.from({ length: 50 }, () => found.sign(data)));
    expect(signatures.every((each) => verifyRaw(publicKeyFromSpki(made.spki)!, data, each))).toBe(true);
    await found.close();
  });

  it.skipIf(!hasTool)("(needs pkcs11-tool) cannot be taken out: sensitive, never extractable", async () => {
    const made = await cabinet().createIssuing("issuing.key.pem");
    await made.close();
    const tool = [
      "--module",
      typeof hsm === "string" ? "" : hsm.modulePath,
      "--login",
      "--pin",
      PIN,
      "-O",
      "--type",
      "privkey",
    ];
    const listed = spawnSync("pkcs11-tool", tool, { encoding: "utf8" });
    expect(listed.stdout).toMatch(/sensitive, always sensitive, never extractable/);
  });

  it("signs on after the module lost its sessions", async () => {
    const key = await cabinet().createIssuing("issuing.key.pem");
    await key.sign(data);
    closeAllSessions();
    expect(verifyRaw(publicKeyFromSpki(key.spki)!, data, await key.sign(data))).toBe(true);
    await key.close();
  });

  it("takes its PIN from the file of its URI", async () => {
    await writeFile(file("pin"), `${PIN}\n`, { mode: 0o600 });
    const issuingKeyUri = `${where}&pin-source=file:${encodeURIComponent(file("pin"))}`;
    const made = await cabinet({ pin: undefined, issuingKeyUri }).createIssuing("issuing.key.pem");
    await made.close();
    const found = await cabinet({ pin: undefined, issuingKeyUri: undefined }).open("issuing.key.pem");
    await found!.close();
  });

  it.each([
    ["without a PIN", { pin: undefined }],
    ["on a token that is not there", { issuingKeyUri: where.replace("token=fireflies", "token=other") }],
    ["by a module that is not there", { issuingKeyUri: where.replace(/module-path=.*/, "module-path=/none.so") }],
  ])("is not made %s", async (_, options) => {
    expect(await codeOf(cabinet(options).createIssuing("issuing.key.pem"))).toBe("signer-unavailable");
  });

  it("that is gone is said so, and two of one name are not mixed up", async () => {
    await writeFile(file("issuing.key.pem"), `${where.replace("?", ";object=gone?")}\n`, { mode: 0o600 });
    expect(await codeOf(cabinet().open("issuing.key.pem"))).toBe("signer-unavailable");
    const issuingKeyUri = where.replace("?", ";object=twice?");
    await (await cabinet({ issuingKeyUri }).createIssuing("a.key.pem")).close();
    expect(await codeOf(cabinet({ issuingKeyUri }).createIssuing("b.key.pem"))).toBe("signer-unavailable");
  });

  it("signs the members of an authority, which never has it in its memory", { timeout: 60_000 }, async () => {
    const options = { directory: join(temporary.path, "ca"), pin: PIN, issuingKeyUri: where };
    const first = await CertificateAuthority.open(options);
    const server = await serveAuthority(first, { port: 0 });
    const token = await first.createToken("alice");
    const call = { addresses: [], now: Date.now(), timeoutMs: 60_000 };
    const alice = await enroll({ token }, generateKeyPair(), call);
    await server.close();
    await first.close();
    expect(await readFile(join(options.directory, "issuing.key.pem"), "utf8")).toMatch(/^pkcs11:/);
    const { issuingKeyUri: _, ...later } = options; // The file says where the key is.
    const again = await CertificateAuthority.open(later);
    const bob = await again.createIdentity({ principal: "bob" });
    expect(bob.certificate.issuer).toEqual(alice.certificate.issuer);
    expect(await again.operator.verifyAudit()).toMatchObject({ ok: true });
    await again.close();
    expect(await codeOf(CertificateAuthority.open({ directory: options.directory }))).toBe("signer-unavailable");
  });
});
