/** An intermediate's key was stolen: what its thief can make of it at the authority itself. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { CertificateAuthority } from "../../ca/index.js";
import { renew, report } from "../../client/authority/authority.js";
import {
  anyKeyFromPem,
  generateKeyPair,
  type Identity,
  issueMember,
  type KeyPair,
  serialToHex,
  signRaw,
  verifyMemberCertificate,
} from "../../identity/index.js";
import { AuthorityFixture, codeOf, type Joined } from "./authority-fixture.js";

let fixture: AuthorityFixture;
beforeEach(async () => {
  fixture = await AuthorityFixture.start();
  return () => fixture[Symbol.asyncDispose]();
});

/** A certificate for the thief's own key, with id, serial and dates of the victim's: all of these are gossiped. */
async function forged({ certificate, root }: Joined, pair: KeyPair): Promise<Identity> {
  const key = anyKeyFromPem(await readFile(join(fixture.directory, "issuing.key.pem"), "utf8"));
  const { id, issuer, notBefore, notAfter, serial } = certificate;
  const { network } = fixture.authority;
  const leaf = await issueMember({
    id,
    spki: pair.spki,
    network,
    serial: serialToHex(serial),
    issuer: { certificate: issuer, sign: (data) => signRaw(key, data) },
    validity: { notBefore, notAfter },
  });
  const verdict = verifyMemberCertificate({ leaf, issuer }, { root, now: fixture.clock.now });
  if (!verdict.ok) throw new Error(verdict.reason);
  return { certificate: verdict.certificate, root, privateKey: pair.privateKey };
}

describe("who has the key of an intermediate", () => {
  it("does not renew as a member with a certificate that was never recorded, neither before nor after its rotation", async () => {
    const alice = await fixture.join("alice");
    const pair = generateKeyPair();
    const thief = await forged(alice, pair);
    const tried = () =>
      Promise.all([
        codeOf(renew([fixture.url], thief, pair, fixture.call())),
        codeOf(report([fixture.url], thief, fixture.call("10.0.0.1:1"))),
      ]);
    expect(await tried()).toEqual(["unauthenticated", "unauthenticated"]);
    await fixture.authority.operator.prepareIssuer();
    await fixture.authority.operator.activateIssuer();
    expect(await tried()).toEqual(["unauthenticated", "unauthenticated"]);
    expect(await codeOf(renew([fixture.url], alice.identity, alice.pair, fixture.call()))).toBe("none");
  });

  it("is told off within a second of the retirement, also by a server that another process changed it under", async () => {
    const alice = await fixture.join("alice");
    const { directory, clock } = fixture;
    const beside = await CertificateAuthority.attach({ directory, now: () => clock.now });
    await beside.operator.prepareIssuer();
    await beside.operator.activateIssuer();
    await beside.operator.retireIssuer({ force: true });
    await beside.close();
    const reported = () => codeOf(report([fixture.url], alice.identity, fixture.call("10.0.0.1:1")));
    await expect.poll(reported, { timeout: 10_000, interval: 300 }).toBe("unauthenticated");
  });
});
