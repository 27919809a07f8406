/** From the database of version 0.1.0 (schema 1) to that of today: everything is still there, and means the same. */
import { createPrivateKey } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import Database from "libsql";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CertificateAuthority } from "../../ca/index.js";
import { SCHEMA_VERSION } from "../../ca/store/database/schema.js";
import { openSqlite } from "../../ca/store/database/sqlite.js";
import {
  certificatesToPem,
  createRequest,
  decodeToken,
  generateKeyPair,
  privateKeyToPem,
} from "../../identity/index.js";
import { codeOf, temporaryDirectory } from "./authority-fixture.js";
import { BACK_TO_VERSION_2, expectMigrated } from "./version-2.js";

interface Fixture {
  readonly now: number;
  readonly sql: readonly string[];
  readonly issuingKey: string;
  readonly members: Readonly<Record<string, { token: string; request: string; id: string; leaf: string }>>;
}

const fixture = JSON.parse(
  await readFile(new URL("fixtures/version-1.json", import.meta.url), "utf8"),
) as unknown as Fixture;
const base64 = (text: string) => new Uint8Array(Buffer.from(text, "base64"));

let temporary: Awaited<ReturnType<typeof temporaryDirectory>>;
let directory: string;
beforeEach(async () => {
  temporary = await temporaryDirectory();
  directory = temporary.path;
  await writeFile(file("ca.db"), "", { mode: 0o600 });
  const db = new Database(file("ca.db"));
  db.exec(`PRAGMA foreign_keys = OFF; BEGIN; ${fixture.sql.join("\n")} PRAGMA user_version = 1; COMMIT`);
  const { root, issuer } = db.prepare("SELECT root, issuer FROM networks").get() as Record<string, Buffer>;
  db.close();
  await writeFile(file("root.pem"), certificatesToPem(new Uint8Array(root!)));
  await writeFile(file("issuing.pem"), certificatesToPem(new Uint8Array(issuer!)));
  const key = createPrivateKey({ key: Buffer.from(fixture.issuingKey, "base64"), format: "der", type: "pkcs8" });
  await writeFile(file("issuing.key.pem"), privateKeyToPem(key), { mode: 0o600 });
});
afterEach(() => temporary[Symbol.asyncDispose]());

const file = (name: string) => join(directory, name);
const open = () => CertificateAuthority.open({ directory, now: () => fixture.now });

describe("a database of schema 1", () => {
  it("is migrated: members keep ids and certificates, and what was bought stays bought", async () => {
    const authority = await open();
    expect(authority.network).toMatchObject({ ringCount: 7, deltaMs: 1_500 });
    for (const name of ["alice", "bob", "carol"]) {
      const { token, request, id, leaf } = fixture.members[name]!;
      const admission = { kind: "token", secret: decodeToken(token)!.secret } as const;
      const again = await authority.enroll({ admission, request: base64(request), addresses: [] });
      expect(again.id).toBe(id);
      expect(Buffer.from(again.leaf).toString("base64")).toBe(leaf);
      const other = { admission, request: await createRequest(generateKeyPair()), addresses: [] };
      expect(await codeOf(authority.enroll(other))).toBe("token-used");
    }
    expect((await authority.operator.show("alice")).certificates.length).toBe(2);
    expect(decodeToken(await authority.createToken("erin"))?.urls).toEqual(["https://127.0.0.1:8300"]);
    await authority.close();
    const next = await open(); // Migrated once.
    const secret = decodeToken(fixture.members.dave!.token)!.secret;
    const request = await createRequest(generateKeyPair());
    const dave = await next.enroll({ admission: { kind: "token", secret }, request, addresses: ["10.0.0.9:1"] });
    expect(dave.contacts.map(({ addresses }) => addresses[0]).sort()).toEqual([
      "10.0.0.3:4000",
      "10.0.0.5:4000",
      "10.0.0.5:4000",
    ]);
    await next.close();
  });

  it("is refused by the program of before, and one of a later program by this one", async () => {
    await (await open()).close();
    const db = new Database(file("ca.db"));
    expect(db.prepare("PRAGMA user_version").get()).toMatchObject({ user_version: SCHEMA_VERSION });
    db.exec(`PRAGMA user_version = ${SCHEMA_VERSION + 1}`);
    db.close();
    expect(await codeOf(open())).toBe("ca-state-corrupt");
  });

  it("stays as it was when the migration fails", async () => {
    const damage = new Database(file("ca.db"));
    damage.exec("UPDATE networks SET issuer = x'00'");
    damage.close();
    expect(() => openSqlite(file("ca.db"))).toThrow(/cannot be read/);
    const db = new Database(file("ca.db"));
    expect(db.prepare("PRAGMA user_version").get()).toMatchObject({ user_version: 1 });
    expect(db.prepare("SELECT count(*) AS n FROM principals").get()).toMatchObject({ n: 3 });
    db.close();
  });
});

describe("a database of schema 2", () => {
  it("is migrated: who reported is there, overdue, until the next report or goodbye", async () => {
    const path = file("version-2.db");
    await expectMigrated(path, async () => {
      const db = new Database(path);
      for (const statement of BACK_TO_VERSION_2) db.exec(statement);
      db.exec("PRAGMA user_version = 2");
      db.close();
    });
  });
});
