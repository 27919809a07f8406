/** Backup and restore: nothing revoked comes back, and nothing is given out twice. */
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { backUpAuthority, CertificateAuthority, type Issued, restoreAuthority } from "../../ca/index.js";
import { createRequest, decodeToken, generateKeyPair, type KeyPair } from "../../identity/index.js";
import { codeOf, NOW, temporaryDirectory } from "./authority-fixture.js";

const urls = ["https://127.0.0.1:8300"];

let temporary: Awaited<ReturnType<typeof temporaryDirectory>>;
let directory: string;
let path: string;
let authority: CertificateAuthority;
let now: number;
beforeEach(async () => {
  temporary = await temporaryDirectory();
  directory = join(temporary.path, "ca");
  path = join(temporary.path, "backup");
  now = NOW;
  authority = await open();
});
afterEach(async () => {
  await authority.close();
  await temporary[Symbol.asyncDispose]();
});

const open = (options = {}) => CertificateAuthority.open({ directory, now: () => now, ...options });
const backUp = (options = {}) => backUpAuthority({ directory, output: path, now: () => now, ...options });
const restore = (options = {}) => restoreAuthority({ directory, path, now: () => now, ...options });

/** The database is lost; keys and mark are not. */
async function lose(): Promise<void> {
  await authority.close();
  for (const suffix of ["", "-wal", "-shm"]) await rm(join(directory, `ca.db${suffix}`), { force: true });
}

async function redeem(token: string, pair: KeyPair = generateKeyPair()): Promise<Issued> {
  const admission = { kind: "token", secret: decodeToken(token)!.secret } as const;
  return authority.enroll({ admission, request: await createRequest(pair), addresses: ["10.0.0.1:1"] });
}

const admit = async (name: string) => redeem(await authority.createToken(name, { urls }));

describe("a backup, restored", () => {
  it("goes on as the same authority: ids stay, members are known, and the audit goes on", async () => {
    const pair = generateKeyPair();
    const token = await authority.createToken("alice", { urls });
    const alice = await redeem(token, pair);
    const { fingerprint } = authority;
    const { keysLeftOut } = await backUp();
    expect(keysLeftOut).toEqual(["root.key.pem", "issuing.key.pem"]);
    await lose();
    expect(await codeOf(open())).toBe("ca-state-corrupt");
    expect(await restore()).toMatchObject({ createdAt: NOW, epoch: 1, revocations: 0, unknown: 0, keysMissing: [] });
    authority = await open();
    expect(authority.fingerprint).toBe(fingerprint);
    expect((await redeem(token, pair)).leaf).toEqual(alice.leaf);
    expect((await admit("alice")).id).toBe(alice.id);
  });

  it("makes unused tokens void: they may have been used since", async () => {
    const token = await authority.createToken("alice", { urls });
    await backUp();
    const first = await redeem(token);
    await lose();
    await restore();
    authority = await open();
    expect(await codeOf(redeem(token))).toBe("token-expired");
    expect((await admit("alice")).id).toBe(first.id);
  });

  it("is complete in another directory when it has the keys, and there wants a list or a word", async () => {
    await admit("alice");
    expect((await backUp({ withKeys: true })).keysLeftOut).toEqual([]);
    const told = [];
    for await (const { kind, fields } of authority.operator.audit()) if (kind === "backed-up") told.push(fields);
    expect(told).toEqual(['{"keys":"root.key.pem issuing.key.pem"}']);
    const { fingerprint } = authority;
    await authority.close();
    directory = join(temporary.path, "elsewhere");
    expect(await codeOf(restore())).toBe("ca-state-old");
    expect(await restore({ acceptLoss: true })).toMatchObject({ keysMissing: [] });
    authority = await open();
    expect(authority.fingerprint).toBe(fingerprint);
  });

  it("without keys says which are missing", async () => {
    await backUp();
    await authority.close();
    directory = join(temporary.path, "elsewhere");
    expect(await restore({ acceptLoss: true })).toMatchObject({ keysMissing: ["issuing.key.pem"] });
    expect(await codeOf(open())).toBe("ca-state-corrupt");
  });
});

describe("an older state", () => {
  it("is refused after an operator's act, and with the newest list forgets no revocation", async () => {
    const [alice, bob] = [await admit("alice"), await admit("bob")];
    await backUp();
    await authority.operator.revokePrincipal("alice");
    await authority.operator.revokeKey(serialOf(bob));
    const late = await admit("late"); // The backup does not know this one at all.
    await authority.operator.revokePrincipal("late");
    const before = (await authority.revocations())!;
    const crl = (await authority.operator.crl())!;
    await lose();
    expect(await codeOf(restore())).toBe("ca-state-old");
    const list = answerOf(before);
    const refusal = { code: "ca-state-old", advice: expect.stringContaining("the lists tell of revocations only") };
    await expect(restore({ lists: [list] })).rejects.toMatchObject(refusal);
    expect(await restore({ lists: [list, crl], acceptLoss: true })).toMatchObject({ revocations: 5, unknown: 0 });
    authority = await open();
    expect(await codeOf(admit("alice"))).toBe("principal-revoked");
    expect((await admit("bob")).id).toBe(bob.id);
    expect(await authority.operator.show("bob")).toMatchObject({ status: "active" });
    const { certificates } = await authority.operator.show(alice.id);
    expect(certificates[0]?.revocation).toBeDefined();
    await authority.operator.revokeKey(serialOf(await admit("carol")));
    const after = (await authority.revocations())!;
    expect(after.number).toBeGreaterThan(before.number);
    for (const { id } of [alice, late]) {
      expect(Buffer.from(after.body).includes(Buffer.from(id, "hex"))).toBe(true);
    }
    const named = Buffer.from((await authority.operator.crl())!).toString("hex");
    for (const issued of [alice, bob, late]) expect(named).toContain(serialOf(issued));
    expect(await codeOf(admit("late"))).toBe("principal-revoked");
  });

  it("put back as a file is noticed at the start", async () => {
    await admit("alice");
    await authority.close();
    const old = await readFile(join(directory, "ca.db"));
    authority = await open();
    await authority.operator.revokePrincipal("alice");
    await lose();
    await writeFile(join(directory, "ca.db"), old, { mode: 0o600 });
    expect(await codeOf(open())).toBe("ca-state-old");
  });

  it("waits until no network is served from the directory", async () => {
    await authority.addNetwork("second");
    await backUp();
    const second = await open({ networkName: "second" });
    await lose();
    expect(await codeOf(restore())).toBe("ca-state-locked");
    await second.close();
    for (const suffix of ["", "-wal", "-shm"]) await rm(join(directory, `ca.db${suffix}`), { force: true });
    expect(await codeOf(restore())).toBe("none");
    authority = await open();
  });

  it("is never put over a database", async () => {
    await backUp();
    await authority.close();
    expect(await codeOf(restore({ acceptLoss: true }))).toBe("ca-options-invalid");
  });

  it("takes no list of a retired intermediate: whoever has its key can still sign one", async () => {
    const list = async () => answerOf((await authority.revocations())!);
    await authority.refresh();
    const older = await list();
    await authority.operator.prepareIssuer();
    await authority.operator.activateIssuer();
    await authority.operator.retireIssuer({ force: true });
    const newer = await list();
    await backUp();
    await lose();
    expect(await codeOf(restore({ lists: [older] }))).toBe("ca-options-invalid");
    expect(await codeOf(restore({ lists: [newer] }))).toBe("none");
    authority = await open();
  });

  it("needs a list of this very authority", async () => {
    await backUp();
    await admit("alice");
    await authority.operator.revokePrincipal("alice");
    const list = answerOf((await authority.revocations())!);
    const forged = Buffer.from(list.toString().replace(/"signature":"..../, '"signature":"AAAA'));
    await lose();
    for (const bad of [forged, Buffer.from("{}"), Buffer.from("junk"), Buffer.alloc(0)]) {
      expect(await codeOf(restore({ lists: [bad], acceptLoss: true }))).toBe("ca-options-invalid");
    }
  });
});

describe("a damaged backup", () => {
  it("that is not there is not called damaged", async () => {
    await lose();
    const refusal = { code: "input-failed", message: expect.stringMatching(/cannot be read: ENOENT/) };
    await expect(restore({ acceptLoss: true })).rejects.toMatchObject(refusal);
  });

  const lines = (text: string) => text.trimEnd().split("\n");
  it.each<[string, (whole: Buffer) => Buffer]>([
    ["cut off", (whole) => whole.subarray(0, whole.length - 100)],
    ["empty", () => Buffer.alloc(0)],
    ["no archive", () => Buffer.from("x".repeat(1_000))],
    ["with a changed row", (whole) => gzipSync(gunzipSync(whole).toString().replace('"alice"', '"mallo"'))],
    ["without a row", (whole) => gzipSync(lines(gunzipSync(whole).toString()).toSpliced(3, 1).join("\n").concat("\n"))],
    ["without its end", (whole) => gzipSync(lines(gunzipSync(whole).toString()).slice(0, -1).join("\n").concat("\n"))],
  ])("%s is refused, and leaves no database", async (_, damage) => {
    await admit("alice");
    await backUp();
    await writeFile(path, damage(await readFile(path)));
    await lose();
    expect(await codeOf(restore({ acceptLoss: true }))).toBe("ca-backup-invalid");
    expect(await codeOf(open())).toBe("ca-state-corrupt");
  });
});

function serialOf({ leaf }: Issued): string {
  // The first INTEGER after the version: 16 bytes.
  const hex = Buffer.from(leaf).toString("hex");
  return hex.slice(hex.indexOf("a0030201020210") + 14).slice(0, 32);
}

function answerOf({ body, signature, issuer }: { body: Uint8Array; signature: Uint8Array; issuer: Uint8Array }) {
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
  return Buffer.from(
    JSON.stringify({ list: { body: base64(body), signature: base64(signature), issuer: base64(issuer) } }),
  );
}
