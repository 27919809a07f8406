/** Old records taken away: what is gone, what is kept for those who ask later, and the audit's chain over the cut. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import Database from "libsql";
import { beforeEach, describe, expect, it } from "vitest";
import { CertificateAuthority, readHead, verifyAudit } from "../../ca/index.js";
import { enroll, renew, report } from "../../client/authority/authority.js";
import { generateKeyPair } from "../../identity/index.js";
import { AuthorityFixture, codeOf, DAY_MS, NOW, temporaryDirectory } from "./authority-fixture.js";

let fixture: AuthorityFixture;
let vault: Awaited<ReturnType<typeof temporaryDirectory>>;
beforeEach(async () => {
  fixture = await AuthorityFixture.start();
  vault = await temporaryDirectory();
  return async () => {
    await fixture[Symbol.asyncDispose]();
    await vault[Symbol.asyncDispose]();
  };
});

const operator = () => fixture.authority.operator;
const file = (name: string) => join(vault.path, name);
const linesOf = async (path: string) => (await readFile(path, "utf8")).trim().split("\n");
const verdictOn = async (path: string, since?: { sequence: number; hash: string }) =>
  verifyAudit(await linesOf(path), { root: fixture.authority.root, since });
const headOf = async (path: string) => readHead((await linesOf(path)).at(-1)!, fixture.authority.root);
/** What a thief of the database does to it. */
async function tampered(sql: string): Promise<void> {
  await fixture.stop();
  const db = new Database(join(fixture.directory, "ca.db"));
  db.exec(sql);
  db.close();
  await fixture.begin();
}

describe("a pruning", () => {
  it("takes ended certificates and tokens, and leaves members, revocations and names as they were", async () => {
    const alice = await fixture.join("alice");
    const stolen = await fixture.join("stolen");
    const used = await fixture.authority.createToken("unused");
    await operator().revokeKey((await operator().find("stolen")).serial!);
    await fixture.at(NOW + 5 * DAY_MS);
    const renewed = await renew([fixture.url], alice.identity, alice.pair, fixture.call());
    const { length } = (await operator().show("alice")).certificates;
    await fixture.at(NOW + 100 * DAY_MS);
    await fixture.join("carol");
    expect(await operator().prune({ dryRun: true })).toMatchObject({ certificates: 1, tokens: 3, entries: 0 });
    expect(await operator().prune()).toEqual({ certificates: 1, tokens: 3, entries: 0, upTo: undefined });
    expect(await operator().prune()).toMatchObject({ certificates: 0, tokens: 0 });
    const { certificates, id } = await operator().show("alice");
    expect([length, certificates.length, id]).toEqual([2, 1, renewed.certificate.id]);
    expect((await operator().show("stolen")).certificates[0]!.revocation?.reason).toBe("keyCompromise");
    expect(await codeOf(fixture.join("mallory", stolen.pair))).toBe("key-revoked");
    expect(await codeOf(enroll({ token: used }, generateKeyPair(), fixture.call()))).toBe("token-invalid");
    const again = await fixture.join("alice");
    expect(again.certificate.id).toBe(alice.certificate.id);
    expect(await codeOf(report([fixture.url], again.identity, fixture.call("a:1")))).toBe("none");
    const notes = [];
    for await (const { kind, fields } of operator().audit()) if (kind === "pruned") notes.push(JSON.parse(fields));
    expect(notes).toEqual([{ certificates: 1 }, { tokens: 3 }]);
  });

  it("of the audit writes a signed file first, and the chain goes on from its end", async () => {
    await fixture.join("alice");
    const early = file("early.jsonl");
    const lines: string[] = [];
    for await (const line of operator().exportAudit()) lines.push(line);
    await writeFile(early, `${lines.join("\n")}\n`);
    await fixture.join("bob");
    await fixture.at(NOW + 100 * DAY_MS);
    const before = (await operator().auditHead()).sequence;
    const { entries, upTo } = await operator().prune({ auditFile: file("first.jsonl") });
    expect(entries).toBeGreaterThan(5);
    expect(await verdictOn(file("first.jsonl"), await headOf(early))).toMatchObject({ ok: true, entries, head: upTo });
    const { ok, entries: left } = (await operator().verifyAudit(upTo)) as { ok: boolean; entries: number };
    expect([ok, left]).toEqual([true, (await operator().auditHead()).sequence - upTo!.sequence]);
    expect(left).toBeGreaterThan(before - entries);
    expect(await operator().verifyAudit()).toMatchObject({ ok: true });
    const cut = { ok: false, problem: expect.stringContaining(`ends with entry ${upTo!.sequence} since it`) };
    expect(await operator().verifyAudit(await headOf(early))).toMatchObject(cut);
    // A file is never written over; a second pruning goes on from the first; then there is nothing.
    expect(await codeOf(operator().prune({ auditFile: file("first.jsonl") }))).toBe("none"); // Nothing is old enough.
    await fixture.at(NOW + 200 * DAY_MS);
    expect(await codeOf(operator().prune({ auditFile: file("first.jsonl") }))).toBe("output-failed");
    expect(await codeOf(operator().prune({ auditFile: join(vault.path, "none", "x") }))).toBe("output-failed");
    expect(await codeOf(operator().prune({ auditFile: "/dev/null" }))).toBe("output-failed"); // It would be lost.
    const second = await operator().prune({ auditFile: file("second.jsonl") });
    expect(await verdictOn(file("second.jsonl"), upTo)).toMatchObject({ ok: true, head: second.upTo });
    expect(await operator().verifyAudit(second.upTo)).toMatchObject({ ok: true });
    // A restart finds the same, and so does a replica that was away meanwhile.
    await fixture.stop();
    const mark = JSON.parse(await readFile(join(fixture.directory, "ca.mark"), "utf8")) as object;
    await writeFile(
      join(fixture.directory, "ca.mark"),
      JSON.stringify({ ...mark, sequence: 3, hash: "0".repeat(64) }),
      {
        mode: 0o600,
      },
    );
    await fixture.begin();
    await fixture.join("carol");
    expect(await operator().verifyAudit(second.upTo)).toMatchObject({ ok: true });
  });

  it.each([
    ["without a word of it", "DELETE FROM audit WHERE sequence < 4", /begins with entry 4, and none says/],
    ["one in the middle", "DELETE FROM audit WHERE sequence = 4", /some are missing/],
  ])("of the audit that somebody else did is found: %s", async (_, sql, why) => {
    await fixture.join("alice");
    await tampered(sql);
    expect(await operator().verifyAudit()).toMatchObject({ ok: false, problem: expect.stringMatching(why) });
  });

  it("is not believed beyond what it took, and takes nothing from a chain that does not hold", async () => {
    await fixture.join("alice");
    await fixture.at(NOW + 100 * DAY_MS);
    const { upTo } = await operator().prune({ auditFile: file("a.jsonl") });
    await fixture.join("bob");
    const further = upTo!.sequence + 1;
    await tampered(`DELETE FROM audit WHERE sequence <= ${further}`);
    expect(await operator().verifyAudit()).toMatchObject({
      ok: false,
      problem: expect.stringMatching(/no further ones/),
    });
    await tampered(`UPDATE audit SET fields = '{}' WHERE sequence = ${further + 2}`);
    await fixture.at(NOW + 200 * DAY_MS);
    const count = async () => {
      let entries = 0;
      for await (const _ of operator().audit()) entries += 1;
      return entries;
    };
    const before = await count();
    expect(await codeOf(operator().prune({ auditFile: file("b.jsonl") }))).toBe("audit-broken");
    expect(await count()).toBe(before);
  });

  it("beside a running authority, by another process", async () => {
    await fixture.join("alice");
    await fixture.at(NOW + 100 * DAY_MS);
    const { directory, clock } = fixture;
    const beside = await CertificateAuthority.attach({ directory, now: () => clock.now });
    const { upTo } = await beside.operator.prune({ auditFile: file("a.jsonl") });
    await beside.close();
    await fixture.join("bob");
    expect(await operator().verifyAudit(upTo)).toMatchObject({ ok: true });
  });
});
