/** Calls that are signed instead of proven in TLS: what is taken, and what a proxy that keeps or changes them can do. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CHALLENGE_MS, Challenges } from "../../ca/gate/challenges.js";
import { enroll, renew, report } from "../../client/authority/authority.js";
import {
  certificatesToPem,
  createRequest,
  generateKeyPair,
  type Identity,
  privateKeyToPem,
  randomSecret,
  signatureWanted,
  signCall,
} from "../../identity/index.js";
import { type Passed, TlsEndingProxy } from "../support/tls-ending-proxy.js";
import { AuthorityFixture, codeOf, HOUR_MS, identityOf, type Joined, NOW } from "./authority-fixture.js";
import { type Answer, ask } from "./https.js";

let fixture: AuthorityFixture;
let proxy: TlsEndingProxy;
let alice: Joined;
beforeAll(async () => {
  fixture = await AuthorityFixture.start();
  proxy = await TlsEndingProxy.before(() => fixture.url);
  alice = await fixture.join("alice");
});
afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await fixture[Symbol.asyncDispose]();
});

const through = (changes: object = {}) => ({ ...fixture.call("10.0.0.1:1"), proxyRoots: proxy.rootsFile, ...changes });
const renewed = (identity: Identity = alice.identity, changes: object = {}) =>
  renew([proxy.url], identity, generateKeyPair(), through(changes));
const reported = (identity: Identity = alice.identity, changes: object = {}) =>
  report([proxy.url], identity, through(changes));

/** A call as it came to the proxy, with changes, straight to the authority. */
function again({ path, headers, body }: Passed, changes: Partial<Passed> = {}): Promise<Answer> {
  const { signature, ...others } = { ...headers, ...changes.headers };
  const proof = ["fireflies-certificate", "content-digest", "signature-input", "content-type"];
  const kept = proof.map((name) => [name, String((others as Record<string, unknown>)[name])]);
  const sent = { ...Object.fromEntries(kept), signature: String(signature) };
  return ask(fixture.url, { path: changes.path ?? path, body: changes.body ?? body, headers: sent });
}
const reasonOf = ({ body }: Answer) => (JSON.parse(body.toString()) as { code: string; message: string }).message;
const signedOnes = () =>
  proxy.passed.filter(({ headers, status }) => headers.signature !== undefined && status === 200);

describe("a member behind a proxy that ends TLS", () => {
  it("enrols, reports and renews: the call is signed, and its own certificate stays at home", async () => {
    const token = await fixture.authority.createToken("bob", { urls: [proxy.url] });
    const pair = generateKeyPair();
    const bob = identityOf(await enroll({ token }, pair, through()), pair);
    expect((await reported(bob)).contacts.map(({ certificate }) => certificate.name)).toEqual([]);
    const next = await renewed(bob);
    expect(next.certificate.id).toBe(bob.certificate.id);
    expect(next.certificate.name).toBe("bob");
    const told = proxy.passed
      .filter(({ path }) => path !== "/v1/enroll")
      .map(({ path, status }) => `${path} ${status}`);
    expect(told).toEqual(["/v1/challenge 200", "/v1/report 200", "/v1/challenge 200", "/v1/renew 200"]);
    expect(fixture.decisions.filter(({ kind }) => kind === "refused")).toEqual([]);
  });

  it("signs also where it knows of no proxy, when the authority did not see its certificate", async () => {
    // Something ends TLS with the authority's own certificate.
    const { pair, leaf } = await fixture.authority.createServerCertificate(HOUR_MS);
    const chain = certificatesToPem(leaf, fixture.authority.issuer, fixture.authority.root);
    const own = { key: privateKeyToPem(pair.privateKey), cert: chain };
    await using silent = await TlsEndingProxy.before(() => fixture.url, own);
    const next = await renew([silent.url], alice.identity, generateKeyPair(), fixture.call());
    expect(next.certificate.id).toBe(alice.certificate.id);
    expect(silent.passed.map(({ status }) => status)).toEqual([401, 200]);
  });

  it("needs no clock that is right: fresh is what the authority asked for a minute ago", async () => {
    // Its own roots are judged by its clock, so that is off by less than their life.
    expect(await codeOf(reported(alice.identity, { now: NOW + 3 * HOUR_MS }))).toBe("none");
    expect(await codeOf(reported(alice.identity, { now: NOW - HOUR_MS / 2 }))).toBe("none");
  });

  it("trusts nobody in between unless it is told to, and then that one only", async () => {
    expect(await codeOf(renewed(alice.identity, { proxyRoots: undefined }))).toBe("authority-untrusted");
    expect(await codeOf(renewed(alice.identity, { proxyRoots: "system" }))).toBe("authority-untrusted");
    await using other = await TlsEndingProxy.before(() => fixture.url);
    expect(await codeOf(renewed(alice.identity, { proxyRoots: other.rootsFile }))).toBe("authority-untrusted");
    expect(await codeOf(renewed(alice.identity, { proxyRoots: "/nonexistent.pem" }))).toBe("config-unreadable");
    const named = proxy.url.replace("127.0.0.1", "localhost");
    expect(await codeOf(renew([named], alice.identity, generateKeyPair(), through()))).toBe("authority-untrusted");
  });

  it("is told what became of it as in TLS: thrown out, or its key taken back", async () => {
    const [carol, dave] = [await fixture.join("carol"), await fixture.join("dave")];
    await fixture.authority.operator.revokePrincipal("carol");
    expect(await codeOf(reported(carol.identity))).toBe("principal-revoked");
    const { certificates } = await fixture.authority.operator.show("dave");
    await fixture.authority.operator.revokeKey(certificates[0]!.serial);
    expect(await codeOf(renewed(dave.identity))).toBe("key-revoked");
  });

  it("hears that the authority is away from what stands in front of it", async () => {
    await using broken = await TlsEndingProxy.before(() => "https://127.0.0.1:1");
    const call = through({ proxyRoots: broken.rootsFile });
    expect(await codeOf(renew([broken.url], alice.identity, generateKeyPair(), call))).toBe("authority-unreachable");
  });
});

describe("a signed call that somebody has kept", () => {
  it("is taken once, and soon", async () => {
    await reported();
    const kept = signedOnes().at(-1)!;
    expect(reasonOf(await again(kept))).toMatch(/used before/);
    // The answer to it was lost, say: the proxy asks later, with a nonce that nobody has used.
    const unused = proxy.passed.length;
    const [fresh] = await unsentOf(async () => reported());
    expect(proxy.passed.length).toBe(unused + 1); // The challenge.
    fixture.clock.now += CHALLENGE_MS + 1;
    expect(reasonOf(await again(fresh!))).toMatch(/last minute/);
    fixture.clock.now = NOW;
    expect((await again(fresh!)).status).toBe(200);
    expect(reasonOf(await again(fresh!))).toMatch(/used before/);
  });

  it("cannot be changed: its body, its path, its certificate, its nonce, its signature", async () => {
    const bob = await fixture.join("eve");
    const body = { request: Buffer.from(createRequest(generateKeyPair())).toString("base64") };
    const certificate = `:${Buffer.from(bob.identity.certificate.leaf).toString("base64")}:`;
    const [kept] = await unsentOf(async () => renewed());
    const nonce = new Challenges({ key: randomSecret(32), now: () => NOW }).issue();
    const { signature = "", ...others } = kept!.headers;
    const changed: [Partial<Passed>, RegExp][] = [
      [{ body: Buffer.from(JSON.stringify(body)) }, /does not fit/],
      [{ body: Buffer.from(`${kept!.body} `) }, /does not fit/],
      [{ path: "/v1/report", body: kept!.body }, /does not fit|body|JSON/],
      [{ headers: { ...others, signature, "fireflies-certificate": certificate } }, /does not fit/],
      [{ headers: { ...others, signature, "signature-input": signatureWanted(nonce) } }, /last minute/],
      [{ headers: { ...others, signature: `${signature}`.replace(/.{6}:$/, "AAAA==:") } }, /does not fit/],
      [{ headers: { ...others, signature: "ff=:AAAA:" } }, /another form/],
      [{ headers: { ...others, signature, "signature-input": "ff=();nonce=x" } }, /another form/],
      [{ headers: { ...others, signature, "content-digest": "sha-256=:AAAA:" } }, /does not fit/],
    ];
    for (const [change, reason] of changed) {
      const answer = await again(kept!, change);
      expect([400, 401]).toContain(answer.status);
      expect(reasonOf(answer)).toMatch(reason);
    }
    expect((await again(kept!)).status).toBe(200);
  });

  it("of a stranger's certificate, or by another key than the certificate's, is refused", async () => {
    await using other = await AuthorityFixture.start();
    const stranger = await other.join("alice");
    expect(await codeOf(reported({ ...stranger.identity, root: alice.root }))).toBe("unauthenticated");
    expect(await codeOf(reported({ ...alice.identity, privateKey: generateKeyPair().privateKey }))).toBe(
      "unauthenticated",
    );
    // What is signed for one authority is nothing to another: it has not asked for it.
    const body = Buffer.from('{"addresses":[]}');
    const { authority } = other;
    const challenges = new Challenges({ key: authority.challengeKey, now: () => NOW });
    const call = { method: "POST", path: "/v1/report", body };
    const { leaf } = alice.identity.certificate;
    const { privateKey } = alice.identity;
    const headers = {
      "content-type": "application/json",
      ...signCall(call, { wanted: signatureWanted(challenges.issue()), leaf, privateKey }),
    };
    expect(reasonOf(await ask(fixture.url, { path: call.path, body, headers }))).toMatch(/last minute/);
  });
});

describe("challenges", () => {
  const key = randomSecret(32);
  const clock = { now: NOW };
  const replica = () => new Challenges({ key, now: () => clock.now });

  it("of one replica are known to the others, for a minute, and to nobody else's", () => {
    const nonce = replica().issue();
    const other = replica();
    expect(other.isFresh(nonce)).toBe(true);
    expect(new Challenges({ key: randomSecret(32), now: () => clock.now }).isFresh(nonce)).toBe(false);
    for (const [ms, isFresh] of [
      [CHALLENGE_MS, true],
      [CHALLENGE_MS + 1, false],
      [-CHALLENGE_MS - 1, false],
    ] as const) {
      clock.now = NOW + ms;
      expect(other.isFresh(nonce)).toBe(isFresh);
    }
    clock.now = NOW;
    for (const bad of [
      "",
      "x",
      nonce.slice(1),
      `${nonce}A`,
      // Four of its bits say nothing.
      `${nonce.slice(0, -1)}${String.fromCharCode(nonce.charCodeAt(nonce.length - 1) + 1)}`,
      nonce.replace(/^./, (first) => (first === "A" ? "B" : "A")),
    ])
      expect(other.isFresh(bad)).toBe(false);
  });

  it("are used once, and forgotten when they are no longer fresh", () => {
    const challenges = replica();
    const nonces = Array.from({ length: 20_000 }, () => challenges.issue());
    for (const nonce of nonces) expect(challenges.use(nonce)).toBe(true);
    expect(challenges.use(nonces[0]!)).toBe(false);
    expect(() => challenges.use(challenges.issue())).toThrow(expect.objectContaining({ code: "overloaded" }));
    clock.now += 2 * CHALLENGE_MS;
    expect(challenges.use(challenges.issue())).toBe(true);
    clock.now = NOW;
  });
});

/** Signed calls that `work` makes, and that never reach the authority. */
async function unsentOf(work: () => Promise<unknown>): Promise<Passed[]> {
  const held: Passed[] = [];
  proxy.hold = (call) => {
    if (call.headers.signature === undefined) return false;
    held.push({ ...call, status: 0 });
    return true;
  };
  await work().catch(() => {});
  proxy.hold = undefined;
  return held;
}
