/** The operator's commands on a directory that nobody serves: what they print, and what they refuse. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CertificateAuthority } from "../../ca/index.js";
import { typed } from "../support/typed.js";

const PATIENT = { timeout: 120_000 };

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), "fireflies-life-"));
  const authority = await CertificateAuthority.open({ directory: join(cwd, "ca"), numRings: 3 });
  for (const principal of ["alice", "bob", "mallory"]) await authority.createIdentity({ principal });
  await authority.close();
});
afterAll(() => rm(cwd, { recursive: true, force: true }));

const ca = (...args: string[]) => typed(["ca", ...args, "--dir", "ca"], { cwd });

async function json<T>(...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await ca(...args, "--json");
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as T;
}

/** As `json`, of a command that prints one document per line. */
async function lines<T>(...args: string[]): Promise<T[]> {
  const { code, stdout, stderr } = await ca(...args, "--json");
  expect(code, stderr).toBe(0);
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as T);
}

interface Shown {
  readonly id: string;
  readonly status: string;
  readonly certificates: readonly { readonly serial: string; readonly revocation?: { readonly reason: string } }[];
  readonly rings: readonly { readonly ring: number; readonly successor: string }[];
}

describe("fireflies ca", () => {
  it("list, show, revoke, readmit: who is a member, and who is no longer", PATIENT, async () => {
    const listed = (await ca("list")).stdout.split("\n");
    expect(listed[0]).toMatch(/^NAME +ID +STATUS +CERTIFICATE +ENDS +ADDRESS +SEEN$/);
    expect(listed.slice(1, 4).map((line) => line.split(/ +/)[0])).toEqual(["alice", "bob", "mallory"]);
    const alice = await json<Shown>("show", "alice");
    const ids: string[] = [];
    for (const name of ["bob", "mallory"]) ids.push((await json<Shown>("show", name)).id);
    expect(alice.rings.map(({ ring }) => ring)).toEqual([1, 2, 3]);
    for (const { successor } of alice.rings) expect(ids).toContain(successor);
    expect((await json<Shown>("show", alice.id.slice(0, 8))).id).toBe(alice.id);

    const { serial } = alice.certificates[0]!;
    await json("revoke", "--serial", serial.slice(0, 20), "--reason", "keyCompromise");
    expect((await json<Shown>("show", "alice")).certificates[0]!.revocation!.reason).toBe("keyCompromise");
    expect((await ca("list")).stdout).toMatch(/^alice +\w+ +active +\w+ +revoked /m);
    const issue = async () => (await json<{ id: string }>("sign", "carla", "--out", `carla-${ends.length}`)).id;
    const ends: string[] = [];
    for (let i = 0; i < 2; i++) ends.push(await issue());
    const [one, two] = (await json<Shown>("show", "carla")).certificates;
    const beside = await ca("revoke", "--serial", one!.serial);
    expect(beside.stdout).toContain(
      `other keys that are still good. If a thief may have them, revoke them too:\n  ${two!.serial}`,
    );
    expect(await json("revoke", "--serial", two!.serial)).toMatchObject({ further: [], others: [] });
    await json("revoke", "mallory");
    expect((await json<Shown>("show", "mallory")).status).toBe("revoked");
    const again = await ca("revoke", "mallory", "--json");
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining("ca-revoked-already")]);
    const readmitted = await json<{ id: string; generation: number }>("readmit", "mallory");
    expect([ids.includes(readmitted.id), readmitted.generation]).toEqual([false, 1]);
    const unknown = await ca("show", "nobody");
    expect(unknown).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/^error: No member .* "nobody"\. .*\(ca-unknown\)/),
    });
    expect((await ca("revoke", "bob", "--reason", "dislike")).code).toBe(2);
  });

  it("token, tokens, cancel: for half an hour, seen by its digits, and taken back", PATIENT, async () => {
    const url = ["--url", "https://ca.example.com:8300"];
    const before = Date.now();
    const { token } = await json<{ token: string }>("token", "dave", "--hours", "0.5", ...url);
    const [open] = await lines<{ token: string; name: string; expiresAt: number }>("tokens");
    expect(open!.name).toBe("dave");
    expect(Math.abs(open!.expiresAt - before - 1_800_000)).toBeLessThan(60_000);
    expect((await ca("tokens")).stdout).toMatch(
      new RegExp(`^${open!.token.slice(0, 12)} +dave +1 of 1 +in 30 min$`, "m"),
    );
    expect((await ca("cancel", token)).stdout).toContain("1 token for dave taken back");
    expect((await ca("tokens")).stdout).toBe("No token is open.\n");
    expect(await ca("cancel", "dave")).toMatchObject({ code: 4, stderr: expect.stringContaining("(ca-unknown)") });
    expect((await ca("token", "dave", "--hours", "1/2", ...url)).code).toBe(2);
  });

  it("crl: what openssl reads", PATIENT, async () => {
    const { stdout } = await ca("crl");
    expect(stdout).toMatch(/^-----BEGIN X509 CRL-----/);
    const read = spawnSync("openssl", ["crl", "-noout", "-text"], { input: stdout, encoding: "utf8" });
    if (read.error === undefined) expect(read.stdout).toContain("Revoked Certificates");
  });

  it("crl: warns of a list that has ended, and of a root's list that lacks somebody", PATIENT, async () => {
    const now = () => Date.now() - 3 * 86_400_000;
    const authority = await CertificateAuthority.open({ directory: join(cwd, "old"), numRings: 3, now });
    await authority.refresh();
    await authority.close();
    const old = (...args: string[]) => typed(["ca", "crl", ...args, "--dir", "old"], { cwd });
    const warned = await old();
    expect(warned.stdout).toMatch(/^-----BEGIN X509 CRL-----/); // As it is, for who looks for what was.
    expect(warned.stderr).toMatch(
      /^warning: this list ended 2 d ago, at .*Start the authority.*fireflies ca --dir DIR\.\n$/,
    );
    const asJson = await old("--json");
    expect([asJson.code, asJson.stderr]).toEqual([0, ""]);
    expect(JSON.parse(asJson.stdout)).toMatchObject({ warning: expect.stringMatching(/^this list ended/) });
    const root = await old("--root");
    expect([root.code, root.stderr]).toEqual([0, ""]);
    expect((await old("--root", "--days", "0.5")).code).toBe(2);
    expect((await old("--days", "5")).code).toBe(2);
    expect((await old("--root", "--issuer", "00")).code).toBe(2);
    const anew = JSON.parse((await old("--root", "--days", "5", "--json")).stdout) as { nextUpdate: number };
    expect(Math.abs(anew.nextUpdate - Date.now() - 5 * 86_400_000)).toBeLessThan(3_600_000);
    expect(await ca("crl", "--root")).toMatchObject({
      code: 4,
      stderr: expect.stringContaining("Sign one: fireflies ca"),
    });
  });

  it("prune: what would go, what went, and the audit that goes on from the file", PATIENT, async () => {
    const now = () => Date.now() - 200 * 86_400_000;
    const authority = await CertificateAuthority.open({ directory: join(cwd, "aged"), numRings: 3, now });
    for (let i = 0; i < 2; i++) await authority.createIdentity({ principal: "alice" });
    await authority.close();
    const aged = (...args: string[]) => typed(["ca", ...args, "--dir", "aged"], { cwd });
    expect((await aged("prune", "--dry-run")).stdout).toBe("Would go: 1 certificate, 0 tokens.\n");
    const dry = JSON.parse((await aged("prune", "--dry-run", "--audit", "old.jsonl", "--json")).stdout) as object;
    expect(dry).toMatchObject({ certificates: 1, entries: 2, upTo: { sequence: 2 } });
    expect(existsSync(join(cwd, "old.jsonl"))).toBe(false);
    const { stdout } = await aged("prune", "--audit", "old.jsonl");
    expect(stdout).toMatch(
      /^Taken away: 1 certificate, 0 tokens, 2 entries of the audit\.\n.*old\.jsonl ends with entry 2\. Keep it/,
    );
    expect((await aged("audit", "verify", "old.jsonl")).stdout).toMatch(/^2 entries hold, up to 2 /);
    expect((await aged("audit", "verify", "--since", "old.jsonl")).stdout).toMatch(/^3 entries hold, 3 to 5 /);
    expect((await aged("prune", "--days", "-1")).code).toBe(2);
  });

  it("root and rotate: the root's key comes for a new intermediate only", PATIENT, async () => {
    await json("root", "export", "--out", "vault.pem");
    await json("root", "remove", "--copy", "vault.pem");
    expect(existsSync(join(cwd, "ca", "root.key.pem"))).toBe(false);
    expect((await ca("rotate", "prepare")).stderr).toContain("root-key-missing");
    expect((await ca("rotate", "retire")).stderr).toContain("None is outgoing.");
    const states = async (...args: string[]) =>
      (await json<{ state: string }[]>("rotate", ...args)).map(({ state }) => state);
    expect(await states("prepare", "--root-key", "vault.pem")).toEqual(["active", "prepared"]);
    expect(await states("activate")).toEqual(["outgoing", "active"]);
    expect((await ca("rotate", "retire")).stderr).toMatch(
      /1 member has no newer certificate .*: bob\. .*fireflies ca gone/,
    );
    expect((await ca("gone", "nobody")).code).toBe(4);
    expect((await ca("gone", "b*")).stdout).toBe("1 member counts no longer: bob\n");
    expect((await ca("rotate")).stdout).toMatch(/^ISSUER +STATE +MEMBERS +ABSENT .*\n\w+ +outgoing +0 +1 /);
    const retired = await ca("rotate", "retire", "--silent-hours", "24");
    expect(retired.stdout).toMatch(
      / retired [\s\S]*Out until they enrol again with a new token: bob\.\n.*does not name it yet: fireflies ca crl --root/,
    );
    expect(await states()).toEqual(["retired", "active"]);
    expect((await ca("rotate", "sideways")).code).toBe(2);
    expect((await ca("root", "export")).code).toBe(2);
  });
});
