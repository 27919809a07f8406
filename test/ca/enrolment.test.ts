/** Admission to a network: by token, by name where the authority is open, and what happens the second time. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Admission, enroll } from "../../client/authority/authority.js";
import {
  decodeToken,
  encodeToken,
  fingerprintOf,
  generateKeyPair,
  randomSecret,
  sha256,
} from "../../identity/index.js";
import { toHex } from "../../rings/index.js";
import { AuthorityFixture, codeOf, DAY_MS, HOUR_MS, NOW } from "./authority-fixture.js";

/** A hundred TLS handshakes take a second, and many on a machine that is busy with other tests. */
const PATIENT = { timeout: 120_000 };
/** What would break a sink that is careless: SQL, paths, headers, prototypes, terminals. */
const BAD_NAMES = [
  ...["", "a b", "'; DROP TABLE tokens; --", '"', "a\0b", "../../etc/passwd", "a\r\nSet-Cookie: b", "__proto__"],
  ...["-x", "é", "\u001b[2J", "a".repeat(65), "a".repeat(10_000)],
].map((name) => [name.slice(0, 40), name] as const);

const RESERVED_NAMES = [
  "authority.fireflies.internal",
  "Authority",
  "x.Fireflies.internal.",
  "localhost",
  "a".repeat(64),
];

let fixture: AuthorityFixture;
beforeAll(async () => {
  fixture = await AuthorityFixture.start();
});
afterAll(() => fixture[Symbol.asyncDispose]());

const enrolled = (token: string, pair = generateKeyPair()) => enroll({ token }, pair, fixture.call());

describe("enrolment by token", () => {
  it("gives a certificate of this network for the member's own key", async () => {
    const { certificate, root, pair } = await fixture.join("alice");
    const { network, fingerprint } = fixture.authority;
    expect(certificate).toMatchObject({ ringCount: network.ringCount, deltaMs: 1_500, name: "alice" });
    expect(certificate.networkId).toEqual(network.networkId);
    expect(certificate.publicKey.equals(pair.publicKey)).toBe(true);
    expect(certificate.notAfter).toBe(NOW + 7 * DAY_MS);
    expect(fingerprintOf(root)).toBe(fingerprint);
  });

  it("gives the same certificate to the same key again: a lost answer costs nothing", async () => {
    const first = await fixture.join("retry");
    const again = await enrolled(first.token, first.pair);
    expect(again.certificate.leaf).toEqual(first.certificate.leaf);
  });

  it("refuses a used token to another key", async () => {
    const { token } = await fixture.join("once");
    expect(await codeOf(enrolled(token))).toBe("token-used");
  });

  it("refuses an expired token, also to the key that would have been its own", async () => {
    const token = await fixture.authority.createToken("late", { lifetimeMs: HOUR_MS });
    fixture.clock.now += HOUR_MS;
    expect(await codeOf(enrolled(token))).toBe("token-expired");
    fixture.clock.now = NOW;
  });

  it("refuses a token that was taken back: by its text, by its digits, or all of a name", async () => {
    const { operator } = fixture.authority;
    const [text, digits, ...named] = await Promise.all(
      ["a", "b", "c", "c"].map((name) => fixture.authority.createToken(`back-${name}`)),
    );
    const hash = toHex(sha256(decodeToken(digits!)!.secret));
    expect((await operator.cancelTokens(text!)).map(({ principal }) => principal)).toEqual(["back-a"]);
    expect((await operator.cancelTokens(hash.slice(0, 12))).map(({ digits }) => digits)).toEqual([hash]);
    expect((await operator.cancelTokens("back-c")).length).toBe(2);
    for (const token of [text!, digits!, ...named]) expect(await codeOf(enrolled(token))).toBe("token-cancelled");
    for (const gone of [text!, hash, "back-c", "nobody"])
      expect(await codeOf(operator.cancelTokens(gone))).toBe("ca-unknown");
    // What was bought stays bought: that is taken back by `revoke`.
    const { token, pair } = await fixture.join("back-d");
    expect(await codeOf(operator.cancelTokens(token))).toBe("ca-unknown");
    expect(await codeOf(enrolled(token, pair))).toBe("none");
    const told = fixture.decisions.filter(({ kind }) => kind === "token-cancelled");
    expect(told.length).toBe(4);
  });

  it.each([["ca.example.com:8300"], ["http://ca:8300"], ["https://ca:8300/v1"], ["https://ca".padEnd(2_000, "a")]])(
    "makes no token with the address %s, which no member would take",
    async (url) => {
      expect(await codeOf(fixture.authority.createToken("lost", { urls: [url] }))).toBe("ca-options-invalid");
    },
  );

  it("refuses a token that it never issued, or of which a bit is wrong", async () => {
    const real = decodeToken(await fixture.authority.createToken("guess"))!;
    const secret = new Uint8Array(real.secret);
    secret[0]! ^= 1;
    expect(await codeOf(enrolled(encodeToken({ ...real, secret })))).toBe("token-invalid");
    expect(await codeOf(enrolled(encodeToken({ ...real, secret: randomSecret(32) })))).toBe("token-invalid");
    expect(await codeOf(enrolled("ff1.junk"))).toBe("token-invalid");
  });

  it("gives one certificate to a hundred keys that race for one token", PATIENT, async () => {
    const token = await fixture.authority.createToken("race");
    const codes = await Promise.all(Array.from({ length: 100 }, () => codeOf(enrolled(token))));
    expect(codes.filter((code) => code === "none").length).toBe(1);
    expect(codes.filter((code) => code === "token-used").length).toBe(99);
    const issued = fixture.decisions.filter((each) => each.kind === "issued" && each.principal === "race");
    expect(issued.length).toBe(1);
  });

  it("gives one certificate to one key that asks thirty times at once", PATIENT, async () => {
    const token = await fixture.authority.createToken("echo");
    const pair = generateKeyPair();
    const all = await Promise.all(Array.from({ length: 30 }, () => enrolled(token, pair)));
    expect(new Set(all.map(({ certificate }) => certificate.serial)).size).toBe(1);
  });

  it("keeps one id per principal, whatever the key", async () => {
    const first = await fixture.join("rekey");
    fixture.clock.now += 1; // Serials rise with the clock.
    const second = await fixture.join("rekey");
    const other = await fixture.join("rekey-2");
    expect(second.certificate.id).toBe(first.certificate.id);
    expect(second.certificate.serial).toBeGreaterThan(first.certificate.serial);
    expect(other.certificate.id).not.toBe(first.certificate.id);
  });

  it("is the only way in when the authority is not open", async () => {
    expect(await codeOf(enroll(fixture.named("mallory"), generateKeyPair(), fixture.call()))).toBe("token-required");
  });

  it.each(BAD_NAMES)("makes no token for the name %j", async (_, name) => {
    expect(await codeOf(fixture.authority.createToken(name))).toBe("principal-invalid");
  });

  it.each(RESERVED_NAMES)("makes no token and no certificate for the name %s, which is reserved", async (name) => {
    expect(await codeOf(fixture.authority.createToken(name))).toBe("principal-reserved");
    expect(await codeOf(fixture.authority.createIdentity({ principal: name }))).toBe("principal-reserved");
  });
});

describe("a token for a fleet", () => {
  const NAMES = ["web-1", "web-2", "web-3", "web-4", "web-5"];
  const as = (token: string, principal: string | undefined, pair = generateKeyPair()) =>
    enroll({ token, principal }, pair, fixture.call());

  it("admits as many members as it says, each under the name that it asks for", async () => {
    const token = await fixture.authority.createToken("web-*", { uses: 3 });
    const granted = await Promise.all(NAMES.slice(0, 3).map((name) => as(token, name)));
    expect(granted.map(({ certificate }) => certificate.name)).toEqual(NAMES.slice(0, 3));
    expect(new Set(granted.map(({ certificate }) => certificate.id)).size).toBe(3);
    expect(await codeOf(as(token, "web-4"))).toBe("token-used");
  });

  it("gives a name to a member that asks for none, the same one to the same key", async () => {
    const token = await fixture.authority.createToken("cell-*-a", { uses: 2 });
    const pair = generateKeyPair();
    const first = await as(token, undefined, pair);
    expect(first.certificate.name).toMatch(/^cell-[0-9a-f]{10}-a$/);
    expect((await as(token, undefined, pair)).certificate.leaf).toEqual(first.certificate.leaf);
    const second = await as(token, undefined);
    expect(second.certificate.name).not.toBe(first.certificate.name);
    expect(await codeOf(as(token, undefined))).toBe("token-used");
  });

  it("counts a lost answer once, also when the key asks many times at once", PATIENT, async () => {
    const token = await fixture.authority.createToken("echo-*", { uses: 2 });
    const pair = generateKeyPair();
    const all = await Promise.all(Array.from({ length: 30 }, () => as(token, "echo-1", pair)));
    expect(new Set(all.map(({ certificate }) => certificate.serial)).size).toBe(1);
    expect(await codeOf(as(token, "echo-2"))).toBe("none");
    expect(await codeOf(as(token, "echo-3"))).toBe("token-used");
    expect((await as(token, "echo-1", pair)).certificate.leaf).toEqual(all[0]!.certificate.leaf);
  });

  it("refuses names that do not fit, and takes nobody's place", async () => {
    const token = await fixture.authority.createToken("shop-*", { uses: 9 });
    await fixture.join("shop-1");
    expect(await codeOf(as(token, "shop-1"))).toBe("principal-taken");
    expect(await codeOf(as(token, "alice"))).toBe("principal-refused");
    expect(await codeOf(as(token, "shop-a b"))).toBe("principal-invalid");
    await as(token, "shop-2");
    expect(await codeOf(as(token, "shop-2"))).toBe("principal-taken");
    await fixture.authority.operator.revokePrincipal("shop-2");
    expect(await codeOf(as(token, "shop-2"))).toBe("principal-revoked");
  });

  it("ends for those it has not admitted, and not for those it has", async () => {
    const token = await fixture.authority.createToken("late-*", { uses: 9, lifetimeMs: HOUR_MS });
    const pair = generateKeyPair();
    const first = await as(token, "late-1", pair);
    fixture.clock.now += HOUR_MS;
    expect(await codeOf(as(token, "late-2"))).toBe("token-expired");
    expect((await as(token, "late-1", pair)).certificate.leaf).toEqual(first.certificate.leaf);
    fixture.clock.now = NOW;
  });

  it("of one name refuses another one, and renews the key as often as it says", async () => {
    const token = await fixture.authority.createToken("pump", { uses: 2 });
    expect(await codeOf(as(token, "other"))).toBe("principal-refused");
    const first = await as(token, "pump");
    const second = await as(token, undefined);
    expect(second.certificate.id).toBe(first.certificate.id);
    expect(await codeOf(as(token, undefined))).toBe("token-used");
  });

  it.each([["web-* "], ["*/x"], ["-*"], ["*".repeat(65)], ["a*\u0000"]])("is not made for %j", async (pattern) => {
    expect(await codeOf(fixture.authority.createToken(pattern, { uses: 2 }))).toBe("principal-invalid");
  });

  it.each([[0], [1.5], [-1], [Number.NaN], [100_001]])("is not made for %d uses", async (uses) => {
    expect(await codeOf(fixture.authority.createToken("web-*", { uses }))).toBe("ca-options-invalid");
  });

  it("is raced by sixty keys for ten names: no use and no name is given twice", PATIENT, async () => {
    const token = await fixture.authority.createToken("race-*", { uses: 8 });
    const codes = await Promise.all(Array.from({ length: 60 }, (_, index) => codeOf(as(token, `race-${index % 10}`))));
    const counts = Object.fromEntries(
      [...new Set(codes)].map((code) => [code, codes.filter((c) => c === code).length]),
    );
    expect(counts.none).toBe(8);
    expect(Object.keys(counts).sort()).toEqual(expect.arrayContaining(["none", "token-used"]));
    const issued = fixture.decisions.flatMap((each) =>
      each.kind === "issued" && each.principal.startsWith("race-") ? [each.principal] : [],
    );
    expect([issued.length, new Set(issued).size]).toEqual([8, 8]);
  });
});

describe("an open authority", () => {
  let open: AuthorityFixture;
  beforeAll(async () => {
    open = await AuthorityFixture.start({ open: true, numRings: 5 });
  });
  afterAll(() => open[Symbol.asyncDispose]());

  const as = (name: string, pair = generateKeyPair()) => enroll(open.named(name), pair, open.call());

  it("gives a name to the first key that asks, and to that key again", async () => {
    const pair = generateKeyPair();
    const first = await as("alice", pair);
    expect((await as("alice", pair)).certificate.leaf).toEqual(first.certificate.leaf);
    expect(await codeOf(as("alice"))).toBe("principal-taken");
    expect(first.certificate.ringCount).toBe(5);
  });

  it("gives a name to one of a hundred that ask at once", PATIENT, async () => {
    const codes = await Promise.all(Array.from({ length: 100 }, () => codeOf(as("race"))));
    expect(codes.filter((code) => code === "none").length).toBe(1);
    expect(codes.filter((code) => code === "principal-taken").length).toBe(99);
  });

  it("gives the key of a name that has expired a new certificate with the same id", async () => {
    const pair = generateKeyPair();
    const first = await as("sleeper", pair);
    await open.at(NOW + 8 * DAY_MS);
    const second = await as("sleeper", pair);
    await open.at(NOW);
    expect(second.certificate.id).toBe(first.certificate.id);
    expect(second.certificate.notAfter).toBeGreaterThan(first.certificate.notAfter);
  });

  it("does not give away a name that has a token's key", async () => {
    await open.join("bob");
    expect(await codeOf(as("bob"))).toBe("principal-taken");
  });

  it.each(BAD_NAMES)("refuses the name %j", async (_, name) => {
    expect(await codeOf(as(name))).toBe("principal-invalid");
  });

  it.each(RESERVED_NAMES)("refuses the reserved name %s", async (name) => {
    expect(await codeOf(as(name))).toBe("principal-reserved");
  });
});

describe("who is not the authority", () => {
  it("hears nothing: the fingerprint is checked before a byte is sent", async () => {
    const impostor = await AuthorityFixture.start({ open: true });
    const admission: Admission = {
      ...(fixture.named("alice") as { fingerprint: string; principal: string }),
      url: impostor.url,
    };
    expect(await codeOf(enroll(admission, generateKeyPair(), fixture.call()))).toBe("authority-untrusted");
    expect(impostor.decisions).toEqual([]);
    await impostor[Symbol.asyncDispose]();
  });

  it("is passed over when another address of the token is right", async () => {
    const impostor = await AuthorityFixture.start();
    const real = decodeToken(await fixture.authority.createToken("several"))!;
    const token = encodeToken({ ...real, urls: ["https://127.0.0.1:1", impostor.url, ...real.urls] });
    expect((await enrolled(token)).certificate.ringCount).toBe(fixture.authority.network.ringCount);
    const nowhere = encodeToken({ ...real, urls: ["https://127.0.0.1:1", "https://127.0.0.2:2"] });
    await expect(enrolled(nowhere)).rejects.toMatchObject({
      code: "authority-unreachable",
      message: expect.stringMatching(/ at https:\/\/127\.0\.0\.1:1 \(.*\) or https:\/\/127\.0\.0\.2:2 \(.*\)\.$/),
    });
    await impostor[Symbol.asyncDispose]();
  });

  it("can also be somebody whose clock or ours is wrong", async () => {
    const token = await fixture.authority.createToken("clock");
    const call = { ...fixture.call(), now: NOW + 400 * DAY_MS };
    expect(await codeOf(enroll({ token }, generateKeyPair(), call))).toBe("authority-untrusted");
  });
});
