/** The root's own revocation list, of retired intermediates: what openssl makes of it, and what happens while the key is away. */
import { spawnSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { CertificateAuthority } from "../../ca/index.js";
import { certificatesToPem, derToPem, type Identity } from "../../identity/index.js";
import { AuthorityFixture, codeOf, DAY_MS, NOW, temporaryDirectory } from "./authority-fixture.js";
import { ask } from "./https.js";

let temporary: Awaited<ReturnType<typeof temporaryDirectory>>;
beforeEach(async () => {
  temporary = await temporaryDirectory();
  return () => temporary[Symbol.asyncDispose]();
});
const file = (name: string) => join(temporary.path, name);

function openssl(...args: readonly string[]): string {
  const { stdout, stderr } = spawnSync("openssl", args, { cwd: temporary.path, encoding: "utf8" });
  return stdout + stderr;
}

/** What openssl says of a member when it looks at the lists of the whole chain. */
async function verdictOn(
  { certificate, root }: Identity,
  now: number,
  ...lists: readonly Uint8Array[]
): Promise<string> {
  await writeFile(file("root.pem"), certificatesToPem(root));
  await writeFile(file("issuer.pem"), certificatesToPem(certificate.issuer));
  await writeFile(file("leaf.pem"), certificatesToPem(certificate.leaf));
  await writeFile(file("lists.pem"), lists.map((der) => derToPem("X509 CRL", der)).join(""));
  const at = ["-attime", String(Math.floor(now / 1_000)), "-crl_check_all", "-CRLfile", "lists.pem"];
  return openssl("verify", ...at, "-CAfile", "root.pem", "-untrusted", "issuer.pem", "leaf.pem");
}

describe("the root's list", () => {
  it("lets openssl check a whole chain, and refuse it by its intermediate", async () => {
    await using fixture = await AuthorityFixture.start();
    const { authority } = fixture;
    const { operator, fingerprint } = authority;
    const { identity } = await fixture.join("alice");
    const before = (await operator.rootCrl())!;
    expect(before.missing).toBe(0);
    expect(await verdictOn(identity, NOW, before.bytes, (await operator.crl())!)).toContain("leaf.pem: OK");
    const { body } = await ask(fixture.url, { path: `/v1/crl/${fingerprint}` });
    expect(Buffer.from(before.bytes).equals(body)).toBe(true);
    const list = (await operator.crl())!;
    fixture.clock.now += 1_000;
    await operator.prepareIssuer();
    await operator.activateIssuer();
    await operator.retireIssuer({ force: true });
    const after = (await operator.rootCrl())!;
    expect(after.number).toBeGreaterThan(before.number);
    expect(await verdictOn(identity, fixture.clock.now, after.bytes, list)).toMatch(/error 23 at 1 depth.*revoked/);
    expect(after.missing).toBe(0);
  });

  it("waits for the key while that is away, says what it lacks, and names intermediates of all networks", async () => {
    await using fixture = await AuthorityFixture.start();
    const { authority, clock } = fixture;
    const { operator } = authority;
    await authority.addNetwork("second", { numRings: 3 });
    await mkdir(file("vault"));
    const rootKey = join(file("vault"), "root.key.pem");
    await operator.exportRootKey(rootKey);
    clock.now += DAY_MS;
    await operator.removeRootKey(rootKey);
    const before = (await operator.rootCrl())!;
    expect([before.thisUpdate, before.nextUpdate]).toEqual([clock.now, clock.now + 365 * DAY_MS]);
    clock.now += DAY_MS;
    await operator.prepareIssuer(rootKey);
    await operator.activateIssuer();
    clock.now += DAY_MS;
    await operator.retireIssuer();
    await fixture.at(clock.now + 300 * DAY_MS); // Nobody can renew it.
    expect((await operator.rootCrl())!.missing).toBe(1);
    expect(await codeOf(operator.publishRootCrl())).toBe("root-key-missing");
    await operator.publishRootCrl({ rootKey, lifetimeMs: 30 * DAY_MS });
    const list = (await operator.rootCrl())!;
    expect([list.missing, list.nextUpdate]).toEqual([0, clock.now + 30 * DAY_MS]);
    const second = await CertificateAuthority.attach({
      directory: fixture.directory,
      networkName: "second",
      now: () => clock.now,
    });
    expect((await second.operator.rootCrl())!.bytes).toEqual(list.bytes);
    await second.close();
    const kinds = [];
    for await (const { kind } of operator.audit()) kinds.push(kind);
    expect(kinds.filter((kind) => kind === "root-list-published").length).toBe(4);
  });
});
