/** The authority's directory: created once, whole or refused, and used by one authority at a time. */
import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import { chmod, copyFile, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CertificateAuthority, changePassphrase } from "../../ca/index.js";
import { decodeToken, type FirefliesError, generateKeyPair, privateKeyToPem } from "../../identity/index.js";
import { toHex } from "../../rings/index.js";
import { codeOf, DAY_MS, NOW, temporaryDirectory } from "./authority-fixture.js";

let temporary: Awaited<ReturnType<typeof temporaryDirectory>>;
let directory: string;
beforeEach(async () => {
  temporary = await temporaryDirectory();
  directory = join(temporary.path, "ca");
});
afterEach(() => temporary[Symbol.asyncDispose]());

const file = (name: string) => join(directory, name);
const open = (options = {}) => CertificateAuthority.open({ directory, now: () => NOW, ...options });
const openCode = (options = {}) => codeOf(open(options));
const urls = ["https://127.0.0.1:8300"];

/** Creates the state, and one token in it. */
async function create(options = {}): Promise<{ fingerprint: string; networkId: string; token: string }> {
  const authority = await open(options);
  const token = await authority.createToken("alice", { urls });
  const { fingerprint, network } = authority;
  await authority.close();
  return { fingerprint, networkId: toHex(network.networkId), token };
}

describe("the authority's state", () => {
  it("is created by the first run and found by the next", async () => {
    const first = await create();
    const again = await create();
    expect({ ...again, token: "" }).toEqual({ ...first, token: "" });
    expect(decodeToken(first.token)).toMatchObject({ urls, fingerprint: first.fingerprint });
  });

  it("keeps keys and database for its owner only", async () => {
    const umask = process.umask(0);
    await create().finally(() => process.umask(umask));
    for (const name of ["ca.db", "root.key.pem", "issuing.key.pem"]) {
      expect((await stat(file(name))).mode & 0o777, name).toBe(0o600);
    }
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
  });

  it("is used by one authority at a time, and free again when that one closes", async () => {
    const authority = await open();
    expect(await openCode()).toBe("ca-state-locked");
    const beside = await CertificateAuthority.attach({ directory, now: () => NOW });
    expect(decodeToken(await beside.createToken("bob", { urls }))?.fingerprint).toBe(authority.fingerprint);
    await beside.close();
    expect(await openCode()).toBe("ca-state-locked");
    await authority.close();
    const next = await open();
    await next.close();
  });

  it("is not created by who only wants a token", async () => {
    expect(await codeOf(CertificateAuthority.attach({ directory }))).toBe("ca-state-missing");
  });

  it("holds the network's constants for ever", async () => {
    await create({ numRings: 7, deltaMs: 500 });
    expect(await openCode({ numRings: 9 })).toBe("ca-options-invalid");
    expect(await openCode({ deltaMs: 1_500 })).toBe("ca-options-invalid");
    const authority = await open();
    expect(authority.network).toMatchObject({ ringCount: 7, deltaMs: 500 });
    await authority.close();
    const same = await open({ numRings: 7, deltaMs: 500 });
    await same.close();
  });

  it("computes the rings from members and Byzantine share (protocol.md, section 2)", async () => {
    const authority = await open({ members: 1_000, byzantine: 0.2 });
    expect(authority.network.ringCount).toBe(41);
    await authority.close();
  });

  it.each([
    { numRings: 0 },
    { numRings: 1.5 },
    { numRings: 5, members: 10 },
    { byzantine: 0.9 },
    { members: -1 },
    { bootNodes: 0 },
    { deltaMs: Number.NaN },
    { certificateLifetimeMs: 1 },
    { tokenLifetimeMs: -1 },
  ])("is not created with %j", async (options) => {
    expect(await openCode(options)).toBe("ca-options-invalid");
    expect(await readdir(temporary.path)).toEqual([]);
  });
});

describe("damaged state is refused, with a remedy", () => {
  const refused = async (code: string) => {
    const error = await open().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ code });
    expect((error as FirefliesError).advice).toMatch(/Restore|chmod|clock/);
  };

  it.each(["ca.db", "root.pem", "issuing.pem", "issuing.key.pem"])("%s gone", async (name) => {
    await create();
    await rm(file(name));
    await refused("ca-state-corrupt");
  });

  it("the root key gone is no loss: it is only for new issuing certificates", async () => {
    await create();
    await rm(file("root.key.pem"));
    const authority = await open();
    await authority.close();
  });

  it.each(["ca.db", "root.pem", "issuing.pem", "issuing.key.pem", "root.key.pem"])("%s overwritten", async (name) => {
    await create();
    await writeFile(file(name), "x".repeat(10_000));
    await refused("ca-state-corrupt");
  });

  it.each<[string, (whole: Buffer) => Buffer]>([
    ["cut off", (whole) => whole.subarray(0, whole.length - 5_000)],
    ["emptied", () => Buffer.alloc(0)],
    ["with pages of zeros", (whole) => Buffer.concat([whole.subarray(0, 4_096), Buffer.alloc(whole.length - 4_096)])],
    ["of another version", (whole) => Buffer.from(whole).fill(9, 63, 64)],
  ])("the database %s", async (_, damage) => {
    await create();
    await writeFile(file("ca.db"), damage(await readFile(file("ca.db"))));
    await refused("ca-state-corrupt");
  });

  it.each(["ca.db", "root.key.pem", "issuing.key.pem"])("%s readable by others", async (name) => {
    await create();
    await chmod(file(name), 0o644);
    await refused("key-file-permissions");
  });

  it("keys of another authority", async () => {
    await create();
    const other = join(temporary.path, "other");
    await (await CertificateAuthority.open({ directory: other, now: () => NOW })).close();
    for (const name of ["ca.db", "issuing.key.pem", "issuing.pem", "root.pem", "root.key.pem"]) {
      const before = await readFile(file(name));
      await copyFile(join(other, name), file(name));
      await refused("ca-state-mismatch");
      await writeFile(file(name), before);
    }
    await writeFile(file("issuing.key.pem"), privateKeyToPem(generateKeyPair().privateKey));
    await refused("ca-state-mismatch");
  });

  it("an issuing certificate past its end", async () => {
    await create();
    expect(await openCode({ now: () => NOW + 11 * 366 * DAY_MS })).toBe("certificate-invalid");
  });

  it("a directory that is a file", async () => {
    await writeFile(directory, "");
    expect(await openCode()).toBe("ca-state-unreadable");
  });
});

describe("a first run that was cut short", () => {
  it("is begun anew, whichever files it left, until its record is there", async () => {
    const { fingerprint } = await create();
    // In the order in which they are written; the database, empty at first, and then with its record, comes last.
    const names = ["root.key.pem", "root.pem", "issuing.key.pem", "issuing.pem"];
    for (let kept = 0; kept <= names.length + 2; kept++) {
      const half = join(temporary.path, `half-${kept}`);
      await mkdir(half, { mode: 0o700 });
      for (const name of names.slice(0, kept)) await copyFile(join(directory, name), join(half, name));
      if (kept === names.length + 1) await writeFile(join(half, "ca.db"), "", { mode: 0o600 });
      if (kept === names.length + 2) await copyFile(join(directory, "ca.db"), join(half, "ca.db"));
      await writeFile(join(half, "initialising"), "");
      const authority = await CertificateAuthority.open({ directory: half, now: () => NOW });
      expect(authority.fingerprint === fingerprint).toBe(kept === names.length + 2);
      expect(await readdir(half)).not.toContain("initialising");
      await authority.close();
    }
  });

  it("is never begun anew over the database of another authority", async () => {
    await create();
    await rm(file("root.pem"));
    await writeFile(file("initialising"), "");
    const before = await readdir(directory);
    expect(await openCode()).toBe("ca-state-missing");
    expect((await readdir(directory)).filter((name) => before.includes(name))).toEqual(before);
  });
});

describe("a directory that is not as it should be", () => {
  const shapes = [
    ["a FIFO", (path: string) => execFileSync("mkfifo", ["-m", "600", path])],
    ["a directory", (path: string) => mkdirSync(path)],
    ["a symbolic link", (path: string) => symlinkSync("/nowhere/there", path)],
  ] as const;
  const files = ["ca.lock", "ca.db", "ca.mark", "root.pem", "root.key.pem", "issuing.pem", "issuing.key.pem"];
  const cases = files.flatMap((name) => shapes.map(([what, make]) => [name, what, make] as const));

  /** Without the files that a database keeps beside its own while it is open, and for a moment more. */
  const ownNames = async () => (await readdir(directory)).filter((name) => !/-(shm|wal)$/.test(name));

  it.each(cases)("says so at once, and loses nothing: %s is %s", async (name, what, make) => {
    await create();
    await rm(file(name), { force: true });
    make(file(name));
    const before = await ownNames();
    const error: FirefliesError = await open().then(
      (authority) => authority.close() as never,
      (reason) => reason,
    );
    expect(["ca-state-unreadable", "ca-state-corrupt"]).toContain(error.code);
    expect(error.message).toContain(file(name).slice(directory.length + 1));
    expect(error.message).toContain(what);
    expect(await ownNames()).toEqual(before);
  });

  it("is never made anew while it holds an authority, whatever says that its first start was not finished", async () => {
    const { fingerprint } = await create();
    for (const mark of [
      () => writeFile(file("initialising"), ""),
      () => symlink("/nowhere/there", file("initialising")),
    ]) {
      await mark();
      const authority = await open();
      expect(authority.fingerprint).toBe(fingerprint);
      await authority.close();
      expect(await readdir(directory)).not.toContain("initialising");
    }
  });

  it("is refused when others may write to it, by all that open it", async () => {
    await create();
    for (const mode of [0o770, 0o707]) {
      await chmod(directory, mode);
      expect(await openCode()).toBe("directory-unsafe");
      expect(await codeOf(CertificateAuthority.attach({ directory }))).toBe("directory-unsafe");
      expect(await codeOf(changePassphrase(directory, { current: async () => "", next: undefined }))).toBe(
        "directory-unsafe",
      );
    }
  });

  it("is opened, with a warning, when others may replace it from above", async () => {
    const above = join(directory, "above");
    await mkdir(above, { recursive: true });
    await chmod(directory, 0o700);
    await chmod(above, 0o777);
    const told: object[] = [];
    const heard = (fields: object) => void told.push(fields);
    const logger = { debug: () => {}, info: () => {}, warn: heard, error: heard };
    const authority = await CertificateAuthority.open({ directory: join(above, "own"), logger });
    await authority.close();
    expect(told).toEqual([{ event: "alarm", code: "directory-exposed" }]);
  });

  it("is refused when it is a member's", async () => {
    await mkdir(directory, { mode: 0o700 });
    for (const name of ["key.pem", "certificate.pem", "root.pem"]) await writeFile(file(name), "");
    expect(await openCode()).toBe("ca-state-unreadable");
    expect(await codeOf(CertificateAuthority.attach({ directory }))).toBe("ca-state-missing");
    expect(await readdir(directory)).toHaveLength(3);
  });

  it.runIf(process.platform === "linux")("is refused at once where nothing can be made (needs /proc)", async () => {
    expect(await codeOf(CertificateAuthority.open({ directory: "/proc/x" }))).toBe("ca-state-unreadable");
  });
});
