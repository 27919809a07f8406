/** Keys and principals taken back: who is refused from then on, and what the lists say to members and to other tools. */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CertificateAuthority } from "../../ca/index.js";
import { enroll, fetchRevocations, renew, report } from "../../client/authority/authority.js";
import { parseStatement } from "../../gossip/index.js";
import {
  certificatesToPem,
  derToPem,
  generateKeyPair,
  isErrorCode,
  revocationProblem,
  sha256Hex,
} from "../../identity/index.js";
import { AuthorityFixture, codeOf, DAY_MS, HOUR_MS, NOW, temporaryDirectory } from "./authority-fixture.js";
import { ask } from "./https.js";

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

let fixture: AuthorityFixture;
beforeAll(async () => {
  fixture = await AuthorityFixture.start();
});
afterAll(() => fixture[Symbol.asyncDispose]());

const urls = () => [fixture.url];
const operator = () => fixture.authority.operator;
const serialOf = async (name: string) => (await operator().find(name)).serial!;

/** The list as members get it, checked as they do. */
async function list(after = 0n) {
  const place = { urls: urls(), fingerprint: fixture.authority.fingerprint };
  const statement = await fetchRevocations(place, after, fixture.call());
  const claim = statement && parseStatement(statement);
  if (claim?.kind !== "revocation") return undefined;
  const { body, signature, issuer } = claim.list;
  const { root, network } = fixture.authority;
  expect(revocationProblem(body, signature, { issuer, root, now: fixture.clock.now, network })).toBeUndefined();
  return claim.list;
}

describe("a stolen key", () => {
  it("is good for nothing any more, and its member enrols again with another one under the same id", async () => {
    const alice = await fixture.join("alice");
    await operator().revokeKey(await serialOf("alice"));
    expect(await codeOf(report(urls(), alice.identity, fixture.call("a:1")))).toBe("key-revoked");
    expect(await codeOf(renew(urls(), alice.identity, generateKeyPair(), fixture.call()))).toBe("key-revoked");
    expect(await codeOf(enroll({ token: alice.token }, alice.pair, fixture.call()))).toBe("key-revoked");
    expect(await codeOf(fixture.join("alice", alice.pair))).toBe("key-revoked");
    expect(await codeOf(fixture.join("mallory", alice.pair))).toBe("key-revoked");
    const again = await fixture.join("alice");
    expect(again.certificate.id).toBe(alice.certificate.id);
    expect(await codeOf(report(urls(), again.identity, fixture.call("a:1")))).toBe("none");
  });

  it("is revoked for everybody who enrolled with it", async () => {
    const pair = generateKeyPair();
    const [one, two] = [await fixture.join("one", pair), await fixture.join("two", pair)];
    await operator().revokeKey(await serialOf("one"));
    const { certificates } = (await list())!;
    for (const { certificate } of [one, two]) expect(certificates.has(sha256Hex(certificate.leaf))).toBe(true);
    expect(await codeOf(report(urls(), two.identity, fixture.call("a:1")))).toBe("key-revoked");
  });

  it("takes all certificates for it with it, and with `keyOnly` no other one of the member", async () => {
    const bob = await fixture.join("bob");
    await fixture.at(NOW + 5 * DAY_MS);
    const same = await renew(urls(), bob.identity, bob.pair, fixture.call());
    const pair = generateKeyPair();
    const other = await renew(urls(), bob.identity, pair, fixture.call());
    const serial = (await operator().show("bob")).certificates[0]!.serial;
    expect(await operator().revokeKey(serial, "keyCompromise", { keyOnly: true })).toEqual([]);
    const { certificates, members } = (await list())!;
    expect([bob, same, other].map(({ certificate }) => certificates.has(sha256Hex(certificate.leaf)))).toEqual([
      ...[true, true, false],
    ]);
    expect(members.size).toBe(0);
    expect(await codeOf(operator().revokeKey(serial, "keyCompromise", { keyOnly: true }))).toBe("ca-revoked-already");
    expect(await codeOf(operator().revokeKey("00"))).toBe("ca-unknown");
    // Thought over: what the key was renewed to goes as well.
    expect((await operator().revokeKey(serial)).length).toBe(1);
    expect((await list())!.certificates.has(sha256Hex(other.certificate.leaf))).toBe(true);
    expect(await codeOf(operator().revokeKey(serial))).toBe("ca-revoked-already");
    await fixture.at(NOW);
  });

  it("takes every key with it that a thief renewed it to before, however often, and none that a token bought", async () => {
    const victim = await fixture.join("victim");
    const keys = [victim.pair, generateKeyPair(), generateKeyPair(), generateKeyPair()];
    const held = [victim.identity];
    for (const [index, pair] of keys.slice(1).entries()) {
      await fixture.at(NOW + (index + 1) * DAY_MS);
      const granted = await renew(urls(), held.at(-1)!, pair, fixture.call());
      held.push({ certificate: granted.certificate, root: granted.root, privateKey: pair.privateKey });
    }
    const again = await fixture.join("victim"); // The owner, with a new token and a new key.
    const [stolen] = (await operator().show("victim")).certificates;
    const further = await operator().revokeKey(stolen!.serial);
    expect(further.map(({ leaf }) => leaf)).toEqual(held.slice(1).map(({ certificate }) => certificate.leaf));
    const { certificates } = (await list())!;
    for (const identity of held) {
      expect(certificates.has(sha256Hex(identity.certificate.leaf))).toBe(true);
      expect(await codeOf(report(urls(), identity, fixture.call("v:1")))).toBe("key-revoked");
      expect(await codeOf(renew(urls(), identity, generateKeyPair(), fixture.call()))).toBe("key-revoked");
    }
    expect(await codeOf(fixture.join("mallory", keys[2]!))).toBe("key-revoked");
    expect(await codeOf(report(urls(), again.identity, fixture.call("v:1")))).toBe("none");
    await fixture.at(NOW);
  });

  it("takes a renewed key with it whose certificate has ended: within its grace it would renew", async () => {
    await using other = await AuthorityFixture.start();
    const victim = await other.join("victim");
    const pair = generateKeyPair();
    await other.at(NOW + DAY_MS);
    const { certificate, root } = await renew([other.url], victim.identity, pair, other.call());
    await other.at(NOW + 9 * DAY_MS);
    await other.authority.operator.revokeKey((await other.authority.operator.show("victim")).certificates[0]!.serial);
    const thief = { certificate, root, privateKey: pair.privateKey };
    expect(await codeOf(renew([other.url], thief, generateKeyPair(), other.call()))).toBe("key-revoked");
  });
});

describe("a stolen key's earlier certificate", () => {
  it("renews no more, though it had ended before the revocation and nobody revoked it by its number", async () => {
    await using other = await AuthorityFixture.start();
    const here = [other.url];
    const victim = await other.join("victim");
    await other.at(NOW + 5 * DAY_MS);
    await renew(here, victim.identity, victim.pair, other.call());
    await other.at(NOW + 8 * DAY_MS); // The first one has ended; within its grace it would renew.
    await other.authority.operator.revokeKey((await other.authority.operator.find("victim")).serial!);
    expect(await codeOf(renew(here, victim.identity, generateKeyPair(), other.call()))).toBe("key-revoked");
    expect(await codeOf(renew(here, victim.identity, victim.pair, other.call()))).toBe("key-revoked");
  });

  it("is on the list while members still take it, because clocks differ", async () => {
    await using other = await AuthorityFixture.start();
    const victim = await other.join("victim");
    await other.at(NOW + 5 * DAY_MS);
    await renew([other.url], victim.identity, victim.pair, other.call());
    await other.at(NOW + 7 * DAY_MS + 60_000);
    await other.authority.operator.revokeKey((await other.authority.operator.find("victim")).serial!);
    const { body } = (await other.authority.revocations())!;
    expect(Buffer.from(body).includes(Buffer.from(sha256Hex(victim.certificate.leaf), "hex"))).toBe(true);
  });
});

describe("a principal that is thrown out", () => {
  it("gets nothing more under its name, until an operator lets it in again with another id", async () => {
    const eve = await fixture.join("eve");
    const token = await fixture.authority.createToken("eve");
    await operator().revokePrincipal("eve");
    expect((await list())!.members.has(eve.certificate.id)).toBe(true);
    expect(await codeOf(report(urls(), eve.identity, fixture.call("a:1")))).toBe("principal-revoked");
    expect(await codeOf(renew(urls(), eve.identity, eve.pair, fixture.call()))).toBe("principal-revoked");
    expect(await codeOf(enroll({ token }, generateKeyPair(), fixture.call()))).toBe("principal-revoked");
    expect(await codeOf(fixture.authority.createToken("eve"))).toBe("principal-revoked");
    expect(await codeOf(operator().revokePrincipal("eve"))).toBe("ca-revoked-already");
    expect(await codeOf(operator().revokePrincipal("nobody"))).toBe("ca-unknown");
    const { id, generation } = await operator().readmit("eve");
    expect([id === eve.certificate.id, generation]).toEqual([false, 1]);
    expect(await codeOf(enroll({ token }, generateKeyPair(), fixture.call()))).toBe("token-cancelled");
    expect(await codeOf(report(urls(), eve.identity, fixture.call("a:1")))).toBe("principal-revoked");
    const again = await fixture.join("eve");
    expect(again.certificate.id).toBe(id);
    expect((await list())!.members.has(eve.certificate.id)).toBe(true);
    expect((await list())!.members.has(id)).toBe(false);
  });

  it("is let in with another id also when nothing was wrong: a member lost for good", async () => {
    const lost = await fixture.join("lost");
    const { id } = await operator().readmit("lost");
    expect((await list())!.members.has(lost.certificate.id)).toBe(true);
    expect((await fixture.join("lost")).certificate.id).toBe(id);
  });
});

describe("the list", () => {
  it("is there from the start, is made anew in a quarter of its time, and is not sent to who has it", async () => {
    await using quiet = await AuthorityFixture.start();
    const place = { urls: [quiet.url], fingerprint: quiet.authority.fingerprint };
    const first = (await quiet.authority.revocations())!;
    await quiet.at(NOW + HOUR_MS);
    expect((await quiet.authority.revocations())!.number).toBe(first.number);
    expect(await fetchRevocations(place, first.number, quiet.call())).toBeUndefined();
    await quiet.at(NOW + 7 * HOUR_MS);
    const second = (await quiet.authority.revocations())!;
    expect(second.number).toBeGreaterThan(first.number);
    expect(await fetchRevocations(place, first.number, quiet.call())).toBeDefined();
    await quiet.at(NOW + 2 * HOUR_MS); // The clock was put back by hours: rather a list too many.
    expect((await quiet.authority.revocations())!.number).toBeGreaterThan(second.number);
  });

  it("forgets who has ended anyway, and no revocation before", async () => {
    await using other = await AuthorityFixture.start();
    await other.join("short");
    await other.authority.operator.revokePrincipal("short");
    const lengths = [];
    for (const day of [0, 6.9, 8]) {
      await other.at(NOW + day * DAY_MS);
      lengths.push((await other.authority.revocations())!.body.length);
    }
    expect(lengths).toEqual([62, 62, 29]);
  });

  it("that another process made is served by the running one", async () => {
    const mallory = await fixture.join("mallory");
    const { directory, clock } = fixture;
    const beside = await CertificateAuthority.attach({ directory, now: () => clock.now });
    await beside.operator.revokePrincipal("mallory");
    await beside.close();
    expect((await list())!.members.has(mallory.certificate.id)).toBe(true);
  });

  it.each(["x", "-1", "1".repeat(21), "1&after=2"])("is refused to a number %s", async (after) => {
    const { status, body } = await ask(fixture.url, { path: `/v1/revocations?after=${after}` });
    expect(status).toBe(400);
    expect(isErrorCode(JSON.parse(body.toString()).code)).toBe(true);
  });
});

describe.skipIf(!hasOpenssl)("the X.509 list (skipped where openssl is not installed)", () => {
  it("is read by openssl crl, and openssl verify refuses who is on it", async () => {
    await using directory = await temporaryDirectory();
    const [good, bad] = [await fixture.join("good"), await fixture.join("bad")];
    const path = (name: string) => join(directory.path, name);
    const check = (name: string) => {
      const time = ["-attime", String(NOW / 1_000 + 60)];
      const files = ["-CAfile", path("root.pem"), "-untrusted", path("issuing.pem"), "-CRLfile", path("crl.pem")];
      return spawnSync("openssl", ["verify", "-x509_strict", "-crl_check", ...time, ...files, path(name)]);
    };
    await operator().revokeKey(await serialOf("bad"), "keyCompromise");
    const { status, type, body } = await ask(fixture.url, { path: "/v1/crl" });
    expect([status, type]).toEqual([200, "application/pkix-crl"]);
    expect((await ask(fixture.url, { path: `/v1/crl/${sha256Hex(fixture.authority.issuer)}` })).body).toEqual(body);
    expect((await ask(fixture.url, { path: `/v1/crl/${"0".repeat(64)}` })).status).toBe(404);
    writeFileSync(path("root.pem"), certificatesToPem(fixture.authority.root));
    writeFileSync(path("issuing.pem"), certificatesToPem(fixture.authority.issuer));
    writeFileSync(path("crl.pem"), derToPem("X509 CRL", body));
    for (const [name, { certificate }] of Object.entries({ good, bad })) {
      writeFileSync(path(name), certificatesToPem(certificate.leaf));
    }
    const read = spawnSync("openssl", ["crl", "-in", path("crl.pem"), "-noout", "-text"], { encoding: "utf8" });
    expect(read.stdout).toContain((await serialOf("bad")).toUpperCase());
    expect(check("good").status).toBe(0);
    expect(check("bad").stderr.toString()).toContain("certificate revoked");
  });
});
