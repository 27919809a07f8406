/** A new intermediate: prepared, activated, and the old one retired, while members and the server go on. */
import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { connect, type DetailedPeerCertificate } from "node:tls";
import { beforeEach, describe, expect, it } from "vitest";
import { CertificateAuthority } from "../../ca/index.js";
import { renew, report } from "../../client/authority/authority.js";
import { parseRevocationList } from "../../gossip/index.js";
import { fingerprintOf, generateKeyPair, sha256Hex } from "../../identity/index.js";
import { AuthorityFixture, codeOf, DAY_MS, HOUR_MS, NOW, temporaryDirectory } from "./authority-fixture.js";

let fixture: AuthorityFixture;
beforeEach(async () => {
  fixture = await AuthorityFixture.start();
  return () => fixture[Symbol.asyncDispose]();
});

const urls = () => [fixture.url];
const operator = () => fixture.authority.operator;
const states = async () => (await operator().issuers()).map(({ state }) => state);
/** Seen by the running authority, as within a second. */
const seen = () => fixture.server.refresh();

/** The certificate that the server's own one is signed with, as a new caller sees it. */
async function issuerInTls(): Promise<string> {
  const { port } = fixture.server;
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
  await new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
  const chain: DetailedPeerCertificate = socket.getPeerCertificate(true);
  socket.destroy();
  return sha256Hex(new Uint8Array(chain.issuerCertificate.raw));
}

describe("a rotation", () => {
  it("goes on under those who renew: nobody is out, and the old intermediate can be retired in the end", async () => {
    const alice = await fixture.join("alice");
    const first = fixture.authority.issuer;
    const prepared = await operator().prepareIssuer();
    expect(await states()).toEqual(["active", "prepared"]);
    expect((await fixture.join("bob")).certificate.issuer).toEqual(first);
    await operator().activateIssuer();
    await seen();
    expect(await states()).toEqual(["outgoing", "active"]);
    expect(await issuerInTls()).toBe(prepared.fingerprint);
    const carol = await fixture.join("carol");
    expect(fingerprintOf(carol.certificate.issuer)).toBe(prepared.fingerprint);
    // Members of both kinds are served, and who renews gets a certificate of the new one, though its own is fresh.
    expect(await codeOf(report(urls(), alice.identity, fixture.call("a:1")))).toBe("none");
    expect(await codeOf(report(urls(), carol.identity, fixture.call("c:1")))).toBe("none");
    const renewed = await renew(urls(), alice.identity, alice.pair, fixture.call());
    expect(fingerprintOf(renewed.certificate.issuer)).toBe(prepared.fingerprint);
    expect(renewed.certificate.id).toBe(alice.certificate.id);
    expect(renewed.contacts.length).toBe(1);
    // Bob has not renewed yet.
    expect(await codeOf(operator().retireIssuer())).toBe("ca-rotation");
    expect((await operator().issuers()).map(({ members }) => members)).toEqual([1, 2]);
    await fixture.at(NOW + 8 * DAY_MS);
    expect((await operator().retireIssuer()).fingerprint).toBe(fingerprintOf(first));
    await seen();
    expect(await states()).toEqual(["retired", "active"]);
    const list = (await fixture.authority.revocations())!;
    expect(parseRevocationList(list.body)!.issuers).toEqual(new Set([fingerprintOf(first)]));
    expect(list.issuer).toEqual(prepared.certificate);
  });

  it("is not held up by jobs that ran once: not by those that are gone, nor by those that nobody heard of for days", async () => {
    for (const name of ["job-1", "job-2", "quiet", "stolen"]) await fixture.join(name);
    const worker = await fixture.join("worker");
    await fixture.authority.createIdentity({ principal: "offline" });
    await operator().prepareIssuer();
    await operator().activateIssuer();
    const [stolen] = (await operator().show("stolen")).certificates;
    await operator().revokeKey(stolen!.serial);
    const outgoing = async () => (await operator().issuers())[0]!;
    expect(await outgoing()).toMatchObject({ members: 5, absent: [] });
    await expect(operator().retireIssuer()).rejects.toMatchObject({
      code: "ca-rotation",
      message: expect.stringContaining("would be out: job-1, job-2, offline, quiet, worker."),
      advice: expect.stringContaining("fireflies ca gone NAME"),
    });
    expect((await operator().declareGone("job-*")).map(({ principal }) => principal)).toEqual(["job-1", "job-2"]);
    expect(await codeOf(operator().declareGone("worker", "nobody"))).toBe("ca-unknown");
    expect(await outgoing()).toMatchObject({ members: 3, names: ["offline", "quiet", "worker"] });
    // Four days on, and the authority has just come back: who has not reported yet may still do so.
    const later = NOW + 4 * DAY_MS;
    await fixture.at(later - HOUR_MS);
    expect(await outgoing()).toMatchObject({ members: 3, absent: ["job-1", "job-2"] });
    for (let minutes = 50; minutes >= 0; minutes -= 10) await fixture.at(later - minutes * 60_000);
    expect(await codeOf(report(urls(), worker.identity, fixture.call("w:1")))).toBe("none");
    expect(await outgoing()).toMatchObject({ names: ["offline", "worker"], absent: ["job-1", "job-2", "quiet"] });
    await renew(urls(), worker.identity, worker.pair, fixture.call());
    expect((await operator().issuers(5 * DAY_MS))[0]).toMatchObject({ names: ["offline", "quiet"] });
    await operator().declareGone("offline"); // It never reports, so its silence says nothing.
    const retired = await operator().retireIssuer();
    expect(retired.absent).toEqual(["job-1", "job-2", "offline", "quiet"]);
    expect(await states()).toEqual(["retired", "active"]);
  });

  it("by force throws out whoever has not renewed: the old key was stolen", async () => {
    const alice = await fixture.join("alice");
    const before = (await fixture.authority.revocations())!;
    await operator().prepareIssuer();
    await operator().activateIssuer();
    await operator().retireIssuer({ force: true });
    await seen();
    expect(await codeOf(report(urls(), alice.identity, fixture.call("a:1")))).toBe("unauthenticated");
    // Whatever the thief numbers its lists, they rank below.
    expect((await fixture.authority.revocations())!.number >> 32n).toBeGreaterThan(before.number >> 32n);
    const again = await fixture.join("alice");
    expect(again.certificate.id).toBe(alice.certificate.id);
  });

  it("by another process reaches a running authority, and a restart finds it as it was", async () => {
    const { directory, clock } = fixture;
    const beside = await CertificateAuthority.attach({ directory, now: () => clock.now });
    const prepared = await beside.operator.prepareIssuer();
    await beside.operator.activateIssuer();
    await beside.close();
    await seen();
    expect(fingerprintOf((await fixture.join("alice")).certificate.issuer)).toBe(prepared.fingerprint);
    await fixture.stop();
    await fixture.begin();
    expect(fingerprintOf(fixture.authority.issuer)).toBe(prepared.fingerprint);
    expect((await stat(join(directory, prepared.keyReference))).mode & 0o777).toBe(0o600);
  });

  it("has its order", async () => {
    expect(await codeOf(operator().activateIssuer())).toBe("ca-rotation");
    expect(await codeOf(operator().retireIssuer())).toBe("ca-rotation");
    const { fingerprint } = await operator().prepareIssuer();
    expect(await codeOf(operator().prepareIssuer())).toBe("ca-rotation");
    const active = fingerprintOf(fixture.authority.issuer);
    expect(await codeOf(operator().retireIssuer({ fingerprint: active, force: true }))).toBe("ca-rotation");
    expect(await codeOf(operator().retireIssuer({ fingerprint: "00".repeat(32) }))).toBe("ca-unknown");
    await operator().retireIssuer({ fingerprint: fingerprint.slice(0, 12) }); // Not to be used after all.
    expect(await states()).toEqual(["active", "retired"]);
  });
});

describe("the root's key", () => {
  it("can be taken away, and is then brought for a rotation only", async () => {
    await using vault = await temporaryDirectory();
    const copy = join(vault.path, "root.key.pem");
    const inside = join(fixture.directory, "root.key.pem");
    expect(await codeOf(operator().removeRootKey(copy))).toBe("root-key-missing");
    await operator().exportRootKey(copy);
    expect((await stat(copy)).mode & 0o777).toBe(0o600);
    expect(await codeOf(operator().exportRootKey(copy))).toBe("output-failed");
    expect(await codeOf(operator().removeRootKey(join(fixture.directory, "issuing.key.pem")))).toBe(
      "ca-state-mismatch",
    );
    expect(await codeOf(operator().removeRootKey(inside))).toBe("ca-options-invalid");
    await operator().removeRootKey(copy);
    expect(existsSync(inside)).toBe(false);
    await fixture.stop();
    await fixture.begin();
    await fixture.join("alice");
    expect(await codeOf(operator().exportRootKey(join(vault.path, "again")))).toBe("root-key-missing");
    expect(await codeOf(operator().prepareIssuer())).toBe("root-key-missing");
    expect((await operator().prepareIssuer(copy)).state).toBe("prepared");
    await operator().activateIssuer();
    await seen();
    await fixture.join("bob", generateKeyPair());
    const kinds = [];
    for await (const { kind } of operator().audit()) if (kind.startsWith("root-key")) kinds.push(kind);
    expect(kinds).toEqual(["root-key-exported", "root-key-removed"]);
  });
});
