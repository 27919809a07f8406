/** What a member asks later: renewal, reports, contacts; always with its certificate in TLS. */

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { enroll, fetchRevocations, renew, report } from "../../client/authority/authority.js";
import { callAuthority } from "../../client/authority/call.js";
import {
  AUTHORITY_PATHS,
  certificatesToPem,
  compareCertificates,
  generateKeyPair,
  privateKeyToPem,
} from "../../identity/index.js";
import { AuthorityFixture, codeOf, DAY_MS, identityOf, NOW } from "./authority-fixture.js";

let fixture: AuthorityFixture;
beforeAll(async () => {
  fixture = await AuthorityFixture.start({ bootNodes: 3 });
});
afterAll(() => fixture[Symbol.asyncDispose]());

const urls = () => fixture.server.urls;

describe("renewal", () => {
  it("late in the life gives a new certificate with the same id, for the same or a new key", async () => {
    const { identity, pair } = await fixture.join("renewer");
    await fixture.at(NOW + 5 * DAY_MS);
    const same = await renew(urls(), identity, pair, fixture.call());
    expect(same.certificate.id).toBe(identity.certificate.id);
    expect(same.certificate.notAfter).toBe(fixture.clock.now + 7 * DAY_MS);
    const next = generateKeyPair();
    const rekeyed = await renew(urls(), identityOf(same, pair), next, fixture.call());
    expect(rekeyed.certificate.id).toBe(identity.certificate.id);
    expect(rekeyed.certificate.publicKey.equals(next.publicKey)).toBe(true);
    await fixture.at(NOW);
  });

  it("gives one that is valid after the authority's clock was wrong for a while", async () => {
    const { identity, pair } = await fixture.join("time-traveller");
    await fixture.at(NOW + DAY_MS);
    await renew(urls(), identity, pair, fixture.call());
    await fixture.at(NOW);
    const { certificate } = await renew(urls(), identity, pair, fixture.call());
    expect(certificate.notBefore).toBeLessThanOrEqual(NOW);
  });

  it("asked for again, after a lost answer, gives the same certificate", async () => {
    const { identity } = await fixture.join("lost-answer");
    await fixture.at(NOW + 5 * DAY_MS);
    const next = generateKeyPair();
    const first = await renew(urls(), identity, next, fixture.call());
    const again = await renew(urls(), identity, next, fixture.call());
    expect(again.certificate.leaf).toEqual(first.certificate.leaf);
    await fixture.at(NOW);
  });

  it("early in the life gives the certificate that is there", async () => {
    const { identity, pair } = await fixture.join("early");
    const again = await renew(urls(), identity, pair, fixture.call());
    expect(again.certificate.serial).toBe(identity.certificate.serial);
  });

  it("early in the life gives another one when that is asked for, which is newer, and not without end", async () => {
    const { identity, pair } = await fixture.join("used-twice");
    await fixture.at(NOW + 2000);
    const options = () => ({ ...fixture.call(), anew: true });
    const { certificate } = await renew(urls(), identity, pair, options());
    expect(compareCertificates(certificate, identity.certificate)).toBeGreaterThan(0);
    expect(certificate.id).toBe(identity.certificate.id);
    const codes: string[] = [];
    for (let i = 0; i < 25; i++) codes.push(await codeOf(renew(urls(), identity, pair, options())));
    expect(codes.at(-1)).toBe("too-many-requests");
    await fixture.at(NOW);
  });

  it("with ever new keys ends at a limit", async () => {
    const { identity } = await fixture.join("greedy");
    const codes: string[] = [];
    for (let i = 0; i < 25; i++) codes.push(await codeOf(renew(urls(), identity, generateKeyPair(), fixture.call())));
    expect(codes.filter((code) => code === "none").length).toBeLessThan(20);
    expect(codes.at(-1)).toBe("too-many-requests");
  });
});

describe("reports", () => {
  it("answer with the members that reported last, never with the caller, and with current certificates", async () => {
    const names = ["m1", "m2", "m3", "m4", "m5"];
    const members = [];
    for (const [index, name] of names.entries()) {
      members.push(await fixture.join(name, generateKeyPair(), `10.0.0.${index + 1}:4000`));
      fixture.clock.now += 1;
    }
    const { contacts } = await report(urls(), members[4]!.identity, fixture.call("10.0.0.5:4000", "[fd00::5]:4000"));
    const ids = members.map(({ certificate }) => certificate.id);
    expect(contacts.length).toBe(3);
    for (const { certificate, addresses } of contacts) {
      expect(ids.slice(0, 4)).toContain(certificate.id);
      expect(addresses).toEqual([`10.0.0.${ids.indexOf(certificate.id) + 1}:4000`]);
    }
    const seenByFirst = await report(urls(), members[0]!.identity, fixture.call("10.0.0.1:4000"));
    expect(seenByFirst.contacts.map(({ certificate }) => certificate.id)).not.toContain(ids[0]);
    await fixture.at(NOW);
  });

  it("are not all those who report most often, who may be liars that want every newcomer for themselves", async () => {
    await using crowded = await AuthorityFixture.start({ bootNodes: 3 });
    const addresses = new Set<string>();
    const join = (name: string) => crowded.join(name, generateKeyPair(), `${name}:1`);
    for (let count = 0; count < 6; count++) await join(`quiet-${count}`);
    await crowded.at(NOW + 1_200_000);
    for (let count = 0; count < 12; count++) await join(`loud-${count}`);
    const { identity } = await join("newcomer");
    for (let asked = 0; asked < 25; asked++) {
      // A member may ask thirty times at once.
      const { contacts } = await report(crowded.server.urls, identity, crowded.call("newcomer:1"));
      for (const contact of contacts) addresses.add(contact.addresses[0]!);
    }
    expect([...addresses].some((address) => address.startsWith("quiet"))).toBe(true);
  });

  it("bring the revocation list along when it is newer than the caller's", async () => {
    const { identity } = await fixture.join("listener");
    const without = await report(urls(), identity, fixture.call("a:1"));
    expect(without.revocations).toBeUndefined();
    const { revocations } = await report(urls(), identity, { ...fixture.call("a:1"), after: 0n });
    const place = { urls: urls(), fingerprint: fixture.authority.fingerprint };
    expect(revocations).toEqual(await fetchRevocations(place, 0n, fixture.call()));
    const { number } = (await fixture.authority.revocations())!;
    const again = await report(urls(), identity, { ...fixture.call("a:1"), after: number });
    expect(again.revocations).toBeUndefined();
  });

  it("of one who leaves are the end of it for newcomers, until it is back", async () => {
    await using small = await AuthorityFixture.start();
    const { identity } = await small.join("alice", generateKeyPair(), "alice:1");
    const newcomer = await small.join("bob", generateKeyPair(), "bob:1");
    const named = async () => {
      const { contacts } = await report(small.server.urls, newcomer.identity, small.call("bob:1"));
      return contacts.flatMap(({ addresses }) => addresses);
    };
    expect(await named()).toEqual(["alice:1"]);
    const audit = await small.authority.operator.auditHead();
    const last = await report(small.server.urls, identity, { ...small.call("alice:1"), leaving: true });
    expect(last.contacts).toEqual([]);
    expect(await named()).toEqual([]);
    expect((await small.authority.operator.show("alice")).leftAt).toBe(NOW);
    await report(small.server.urls, identity, small.call("alice:2"));
    expect(await named()).toEqual(["alice:2"]);
    expect(await small.authority.operator.auditHead()).toEqual(audit);
  });

  it("are answered without contacts where none are wanted", async () => {
    const { identity } = await fixture.join("content", generateKeyPair(), "a:1");
    await fixture.join("other", generateKeyPair(), "b:1");
    const { contacts } = await report(urls(), identity, { ...fixture.call("a:1"), contacts: false, nextMs: 7_500 });
    expect(contacts).toEqual([]);
  });

  it.each([
    ["a promise of nothing", { next: 0 }],
    ["a promise of a day", { next: 86_400 }],
    ["a promise in words", { next: "soon" }],
    ["a number of a list that is none", { after: "-1" }],
    ["a number of a list that is no text", { after: 7 }],
  ])("refuse %s", async (_, fields) => {
    const { identity } = await fixture.join("strange");
    const body = { addresses: ["a:1"], ...fields };
    const call = { fingerprint: fixture.authority.fingerprint, identity, path: AUTHORITY_PATHS.report, body };
    expect(await codeOf(callAuthority({ ...call, urls: urls(), ...fixture.call() }))).toBe("body-malformed");
  });

  it("leave out members whose certificate has ended", async () => {
    const old = await AuthorityFixture.start();
    await old.join("gone", generateKeyPair(), "10.0.0.1:1");
    await old.at(NOW + 8 * DAY_MS);
    const { contacts } = await old.join("new", generateKeyPair(), "10.0.0.2:1");
    expect(contacts).toEqual([]);
    await old[Symbol.asyncDispose]();
  });

  it.each([["no port"], ["a:0"], ["a:65536"], ["a\r\nb:1"], ["[::1:1"], ["a".repeat(300)], ["'; --:1"]])(
    "refuse the address %j",
    async (address) => {
      const { identity } = await fixture.join("addresses");
      expect(await codeOf(report(urls(), identity, fixture.call(address)))).toMatch(
        /^(address-invalid|body-malformed)$/,
      );
    },
  );

  it("refuse more than eight addresses", async () => {
    const { identity } = await fixture.join("addresses");
    const many = Array.from({ length: 9 }, (_, port) => `a:${port + 1}`);
    expect(await codeOf(report(urls(), identity, fixture.call(...many)))).toBe("body-malformed");
  });
});

describe("who is no current member", () => {
  it("is refused: expired, and for a renewal expired for as long as it had lived", async () => {
    const { identity, pair, certificate } = await fixture.join("expires");
    await fixture.at(NOW + 8 * DAY_MS);
    expect(await codeOf(report(urls(), identity, fixture.call()))).toBe("unauthenticated");
    const late = await renew(urls(), identity, pair, fixture.call());
    expect(late.certificate.id).toBe(certificate.id);
    await fixture.at(NOW + 15 * DAY_MS);
    expect(await codeOf(renew(urls(), identity, pair, fixture.call()))).toBe("unauthenticated");
    await fixture.at(NOW);
  });

  it("is refused: of another authority, or unknown to the records", async () => {
    const { identity } = await fixture.join("known");
    const other = await AuthorityFixture.start();
    const stranger = await other.join("stranger");
    // It pins the right root and network, so that the call is made.
    const certificate = { ...stranger.certificate, ...fixture.authority.network };
    const dressed = { ...stranger.identity, certificate, root: identity.root };
    expect(await codeOf(report(urls(), dressed, fixture.call()))).toBe("unauthenticated");
    expect(await codeOf(renew(urls(), dressed, generateKeyPair(), fixture.call()))).toBe("unauthenticated");
    await other[Symbol.asyncDispose]();
  });

  it("cannot pass for the authority with a member's certificate", async () => {
    const { identity } = await fixture.join("pretender");
    const { leaf, issuer } = identity.certificate;
    const server = createServer({
      key: privateKeyToPem(identity.privateKey),
      cert: certificatesToPem(leaf, issuer, identity.root),
      minVersion: "TLSv1.3",
    });
    const heard: Buffer[] = [];
    server.on("secureConnection", (socket) => socket.on("data", (data) => heard.push(data)).on("error", () => {}));
    await once(server.listen(0, "127.0.0.1"), "listening");
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const admission = { ...(fixture.named("x") as { fingerprint: string; principal: string }), url };
    expect(await codeOf(enroll(admission, generateKeyPair(), fixture.call()))).toBe("authority-untrusted");
    expect(heard).toEqual([]);
    await new Promise((resolve) => server.close(resolve));
  });
});

describe("an operator who asks for a member", () => {
  it("sees its neighbours by name, and whom digits mean when they mean several", async () => {
    await using small = await AuthorityFixture.start();
    await small.join("alice", generateKeyPair(), "alice:1");
    await small.join("bob", generateKeyPair(), "bob:1");
    const { rings, certificates } = await small.authority.operator.show("alice");
    for (const ring of rings) expect(ring).toMatchObject({ predecessorName: "bob", successorName: "bob" });
    // Serial numbers of one millisecond begin alike.
    const digits = certificates[0]!.serial.slice(0, 8);
    const refused = small.authority.operator.show(digits);
    await expect(refused).rejects.toMatchObject({
      code: "ca-unknown",
      message: expect.stringMatching(/means 2 members on record: alice \([0-9a-f]{12}\), bob \([0-9a-f]{12}\)\./),
    });
  });
});

describe("offline certificates", () => {
  it("are recorded like any other: the member may renew later", async () => {
    const identity = await fixture.authority.createIdentity({ principal: "offline", lifetimeMs: 2 * DAY_MS });
    expect(identity.certificate.notAfter).toBe(NOW + 2 * DAY_MS);
    const { certificate } = await fixture.join("offline");
    expect(certificate.id).toBe(identity.certificate.id);
    expect(await codeOf(report(urls(), identity, fixture.call("a:1")))).toBe("none");
  });
});

describe("the server's own certificate", () => {
  it("is replaced while the server runs, before it ends", async () => {
    const { identity } = await fixture.join("long-runner", generateKeyPair());
    await fixture.at(NOW + 5 * DAY_MS);
    fixture.clock.now = NOW + 8 * DAY_MS; // The first one would have ended.
    const token = await fixture.authority.createToken("later");
    expect(await codeOf(enroll({ token }, generateKeyPair(), fixture.call()))).toBe("none");
    expect(await codeOf(report(urls(), identity, fixture.call()))).toBe("unauthenticated");
    await fixture.at(NOW);
  });
});
