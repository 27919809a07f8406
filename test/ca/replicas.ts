/**
 * Two replicas of one authority on one PostgreSQL, as processes behind the addresses of every token, and one of them
 * killed while everybody enrols: no id, serial or token is given twice, and nothing that was answered is lost.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { copyFile, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { backUpAuthority, CertificateAuthority, restoreAuthority } from "../../ca/index.js";
import { auditHash } from "../../ca/store/audit-chain.js";
import { openStore } from "../../ca/store/open.js";
import { enroll, type Granted } from "../../client/authority/authority.js";
import { decodeToken, encodeToken, generateKeyPair, type KeyPair } from "../../identity/index.js";
import type { TestPostgres } from "../support/postgres.js";
import { codeOf, temporaryDirectory } from "./authority-fixture.js";

/** The long form: test/long/replicas.sh. */
const COUNT = Number(process.env.ENROLMENTS ?? 16);
/** Keys that race for one more token. */
const RACERS = Math.ceil(COUNT / 10);
/** A replica under load refuses some (503), and a member asks again. */
const ATTEMPTS_MAX = 50;
const CHILD = fileURLToPath(new URL("replica-child.js", import.meta.url));
const BUILT = fileURLToPath(new URL("../../dist/ca/index.js", import.meta.url));
const CALL_MS = 60_000;

interface Replica {
  readonly url: string;
  readonly process: ChildProcess;
}

async function replica(directory: string, store: string): Promise<Replica> {
  const child = spawn(process.execPath, [CHILD, directory, store], { stdio: ["ignore", "pipe", "inherit"] });
  const [url] = (await once(createInterface({ input: child.stdout! }), "line")) as [string];
  return { url, process: child };
}

async function kill({ process: child }: Replica): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

interface Applicant {
  readonly token: string;
  /** The name that is asked for. */
  readonly principal?: string;
  readonly pair: KeyPair;
}

/** As a member does: again with the same token and key, until there is an answer. */
async function enrolled({ token, principal, pair }: Applicant): Promise<Granted> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await enroll({ token, principal }, pair, {
        addresses: ["10.0.0.1:1"],
        now: Date.now(),
        timeoutMs: CALL_MS,
      });
    } catch (error) {
      if (attempt === ATTEMPTS_MAX) throw error;
    }
  }
}

export function itServesFromReplicas(server: () => TestPostgres): void {
  // Processes run the built package.
  it.skipIf(!existsSync(BUILT))(
    `gives ${COUNT} at once what is theirs, though one of two replicas is killed`,
    { timeout: 600_000 },
    async () => {
      await using temporary = await temporaryDirectory();
      const store = await server().emptied();
      const [first, second] = [join(temporary.path, "a"), join(temporary.path, "b")];
      const operator = await CertificateAuthority.open({ directory: first, store });
      await operator.close();
      await mkdir(second, { mode: 0o700 });
      for (const name of ["root.pem", "issuing.pem", "issuing.key.pem"]) {
        await copyFile(join(first, name), join(second, name));
      }
      const replicas = [await replica(first, store), await replica(second, store)] as const;
      try {
        await race(replicas, { directory: second, store });
      } finally {
        for (const each of replicas) await kill(each);
      }
    },
  );
}

/** Whose keys are not those of the database's authority is refused, and told what to do. */
export function itRefusesStrangers(server: () => TestPostgres): void {
  it("is of one authority: without its keys, with others, or without its records nobody starts", async () => {
    await using temporary = await temporaryDirectory();
    const [own, empty, other] = ["own", "empty", "other"].map((name) => join(temporary.path, name)) as [
      string,
      string,
      string,
    ];
    const store = await server().emptied();
    const open = (options: { directory: string; store?: string }) => CertificateAuthority.open(options);
    await (await open({ directory: own, store })).close();
    expect(await codeOf(open({ directory: empty, store }))).toBe("ca-state-missing");
    await (await open({ directory: other })).close();
    expect(await codeOf(open({ directory: other, store }))).toBe("ca-state-mismatch");
    expect(await codeOf(open({ directory: own }))).toBe("ca-state-corrupt");
    await (await open({ directory: own, store })).close();
    expect(await codeOf(open({ directory: own, store: await server().emptied() }))).toBe("ca-state-corrupt");
    const nowhere = "postgres://test@/postgres?host=/nowhere";
    expect(await codeOf(open({ directory: own, store: nowhere }))).toBe("ca-state-unreadable");
  });
}

/** A backup does not depend on the store. */
export function itMovesIn(server: () => TestPostgres): void {
  it("takes the backup of an authority in SQLite, and gives one back", async () => {
    await using temporary = await temporaryDirectory();
    const store = await server().emptied();
    const [directory, path] = [join(temporary.path, "ca"), join(temporary.path, "backup")];
    const before = await CertificateAuthority.open({ directory });
    const identity = await before.createIdentity({ principal: "alice" });
    await before.createIdentity({ principal: "bob" });
    await before.operator.revokePrincipal("bob");
    await before.close();
    await backUpAuthority({ directory, output: path });
    await restoreAuthority({ directory, path, store });
    const after = await CertificateAuthority.open({ directory, store });
    expect((await after.createIdentity({ principal: "alice" })).certificate.id).toBe(identity.certificate.id);
    expect(await codeOf(after.createIdentity({ principal: "bob" }))).toBe("principal-revoked");
    await after.close();
    await backUpAuthority({ directory, output: path, store });
    await rm(join(directory, "ca.db"));
    expect(await restoreAuthority({ directory, path })).toMatchObject({ epoch: 2 });
    const back = await CertificateAuthority.open({ directory });
    expect(await codeOf(back.createIdentity({ principal: "bob" }))).toBe("principal-revoked");
    await back.close();
  });
}

async function race(
  [doomed, survivor]: readonly [Replica, Replica],
  options: { directory: string; store: string },
): Promise<void> {
  const both = [doomed.url, survivor.url];
  const authority = await CertificateAuthority.attach(options);
  const tokenOf = (name: string, index: number, uses = 1) =>
    authority.createToken(name, { uses, urls: index % 2 === 0 ? both : [...both].reverse() });
  const applicants = await Promise.all(
    Array.from({ length: COUNT }, async (_, index) => {
      const token = await tokenOf(`member-${Math.floor(index / 2)}`, index); // Two keys each: one id.
      return { token, pair: generateKeyPair() };
    }),
  );
  const contested = await tokenOf("contested", 0);
  const racers = Array.from({ length: RACERS }, () => ({ token: contested, pair: generateKeyPair() }));
  const secret = decodeToken(await tokenOf("fleet-*", 0, RACERS))!;
  const fleet = Array.from({ length: 2 * RACERS }, (_, index) => ({
    token: encodeToken({ ...secret, urls: index % 2 === 0 ? both : [...both].reverse() }),
    principal: `fleet-${index}`,
    pair: generateKeyPair(),
  }));

  let answers = 0;
  const told = applicants.map(async (applicant) => {
    const granted = await enrolled(applicant);
    if (++answers === Math.ceil(COUNT / 3)) await kill(doomed);
    return granted;
  });
  const raced = Promise.all(racers.map((racer) => codeOf(enrolled(racer))));
  const admitted = Promise.all(fleet.map((each) => codeOf(enrolled(each))));
  const granted = await Promise.all(told);
  const codes = await raced;
  expect(doomed.process.signalCode).toBe("SIGKILL");
  expect(codes.filter((code) => code === "none").length).toBe(1);
  expect(codes.filter((code) => code === "token-used").length).toBe(RACERS - 1);
  const fleetCodes = await admitted;
  expect(fleetCodes.filter((code) => code === "none").length).toBe(RACERS);
  expect(fleetCodes.filter((code) => code === "token-used").length).toBe(RACERS);

  expect(new Set(granted.map(({ certificate }) => certificate.serial)).size).toBe(COUNT);
  expect(new Set(granted.map(({ certificate }) => certificate.id)).size).toBe(Math.ceil(COUNT / 2));
  for (const [index, { certificate }] of granted.entries()) {
    expect(certificate.id).toBe(granted[index - (index % 2)]!.certificate.id);
  }
  const again = await Promise.all(applicants.map(enrolled));
  for (const [index, { certificate }] of again.entries()) {
    expect(Buffer.from(certificate.leaf).equals(granted[index]!.certificate.leaf)).toBe(true);
  }
  await authority.close();
  await requireWhole(options.store);
}

/** One certificate for each token, and an audit without a gap. */
async function requireWhole(where: string): Promise<void> {
  const store = await openStore(where);
  const [network] = await store.networks();
  const { certificates, tokens } = await store.network(network!.networkId).counts(Date.now());
  expect({ certificates, tokens }).toEqual({ certificates: COUNT + 1 + RACERS, tokens: 0 });
  let previous = "0".repeat(64);
  for (let after = 0, isMore = true; isMore; ) {
    const entries = await store.audit({ after, limit: 500 });
    for (const entry of entries) {
      expect(entry).toMatchObject({ sequence: ++after, previous, hash: auditHash(entry) });
      previous = entry.hash;
    }
    isMore = entries.length > 0;
  }
  await store.close();
}
