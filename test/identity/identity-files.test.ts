/** An identity on disk: whole after a crash at any step, and refused with a code when it is not. */
import { chmod, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  atomicWrite,
  generateKeyPair,
  type Identity,
  issueMember,
  loadIdentity,
  nextKey,
  privateKeyToPem,
  saveIdentity,
  verifyMemberCertificate,
} from "../../identity/index.js";
import { createChain, DAY_MS, ID, keys, NETWORK, NOW, WEEK } from "./forge.js";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "fireflies-identity-"));
});
afterEach(() => rm(directory, { recursive: true }));

const chain = await createChain();

async function identity(pair = generateKeyPair()): Promise<Identity> {
  const { issuer, issuing, root } = chain;
  const leaf = await issueMember({ id: ID, spki: pair.spki, network: NETWORK, issuer, validity: WEEK });
  const verdict = verifyMemberCertificate({ leaf, issuer: issuing }, { root, now: NOW });
  if (!verdict.ok) throw new Error(verdict.reason);
  return { certificate: verdict.certificate, privateKey: pair.privateKey, root };
}

const file = (name: string) => join(directory, name);
const load = (now = NOW) => loadIdentity(directory, { now });

describe("an identity's files", () => {
  it("come back as they were saved, the key for its owner only", async () => {
    const saved = await identity();
    await saveIdentity(directory, saved);
    const loaded = await load();
    expect(loaded?.certificate.leaf).toEqual(saved.certificate.leaf);
    expect(loaded?.privateKey.equals(saved.privateKey)).toBe(true);
    expect((await stat(file("key.pem"))).mode & 0o777).toBe(0o600);
    expect((await readdir(directory)).sort()).toEqual(["certificate.pem", "key.pem", "root.pem"]);
  });

  it("are not there at first", async () => {
    expect(await load()).toBeUndefined();
    expect(await loadIdentity(join(directory, "none"), { now: NOW })).toBeUndefined();
  });

  it.each([0o644, 0o640, 0o604, 0o660, 0o602])("are refused when the key has mode %o", async (mode) => {
    await saveIdentity(directory, await identity());
    await chmod(file("key.pem"), mode);
    await expect(load()).rejects.toMatchObject({
      code: "key-file-permissions",
      advice: expect.stringContaining("chmod 600"),
    });
  });

  it.each(["key.pem", "certificate.pem", "root.pem"])(
    "are refused when %s is missing, empty or cut off",
    async (name) => {
      await saveIdentity(directory, await identity());
      const text = await readFile(file(name), "utf8");
      for (const damaged of ["", text.slice(0, text.length / 2), "junk", undefined]) {
        await (damaged === undefined ? rm(file(name)) : writeFile(file(name), damaged));
        await expect(load(), String(damaged)).rejects.toMatchObject({ code: "identity-corrupt" });
      }
    },
  );

  it("are refused when key and certificate, or certificate and root, do not belong together", async () => {
    await saveIdentity(directory, await identity());
    await writeFile(file("key.pem"), privateKeyToPem(generateKeyPair().privateKey));
    await expect(load()).rejects.toMatchObject({ code: "identity-corrupt" });
    const saved = await identity();
    await saveIdentity(directory, {
      ...saved,
      root: (await createChain({ ...keys, root: generateKeyPair() })).root,
    });
    await expect(load()).rejects.toMatchObject({ code: "identity-corrupt" });
  });

  it("are refused when they cannot be read", async () => {
    await saveIdentity(directory, await identity());
    await rm(file("certificate.pem"));
    await symlink(directory, file("certificate.pem"));
    await expect(load()).rejects.toMatchObject({ code: "identity-unreadable" });
  });

  it("are refused when expired, unless asked for", async () => {
    await saveIdentity(directory, await identity());
    const later = NOW + 30 * DAY_MS;
    await expect(load(later)).rejects.toMatchObject({ code: "identity-expired" });
    expect((await loadIdentity(directory, { now: later, allowExpired: true }))?.certificate.id).toBe(ID);
  });
});

describe("a change of key", () => {
  it("keeps the asked-for key until its certificate is saved", async () => {
    const key = await nextKey(directory);
    const again = await nextKey(directory);
    expect(again.spki).toEqual(key.spki);
    expect((await stat(file("key.next.pem"))).mode & 0o777).toBe(0o600);
    await saveIdentity(directory, await identity(key));
    expect((await nextKey(directory)).spki).not.toEqual(key.spki);
  });

  it("interrupted before the new certificate leaves the old identity", async () => {
    const old = await identity();
    await saveIdentity(directory, old);
    await nextKey(directory);
    expect((await load())?.privateKey.equals(old.privateKey)).toBe(true);
  });

  it("interrupted between certificate and key is finished at the next start", async () => {
    await saveIdentity(directory, await identity());
    const oldKey = await readFile(file("key.pem"));
    const renewed = await identity();
    await saveIdentity(directory, renewed);
    await rename(file("key.pem"), file("key.next.pem"));
    await writeFile(file("key.pem"), oldKey, { mode: 0o600 });
    expect((await load())?.privateKey.equals(renewed.privateKey)).toBe(true);
    expect(await readdir(directory)).not.toContain("key.next.pem");
    expect((await load())?.privateKey.equals(renewed.privateKey)).toBe(true);
  });
});

describe("atomicWrite", () => {
  it("leaves no temporary file, and the old content where it fails", async () => {
    await atomicWrite(file("a"), "one");
    await atomicWrite(file("a"), "two");
    expect(await readFile(file("a"), "utf8")).toBe("two");
    await expect(atomicWrite(join(directory, "none", "a"), "x")).rejects.toMatchObject({ code: "state-write-failed" });
    expect(await readdir(directory)).toEqual(["a"]);
  });

  it("gives the mode asked for, whatever the umask", async () => {
    const before = process.umask(0o000);
    await atomicWrite(file("a"), "x").finally(() => process.umask(before));
    expect((await stat(file("a"))).mode & 0o777).toBe(0o600);
  });
});
