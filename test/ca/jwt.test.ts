/** Admission by the JWT of an issuer in the policy: what is checked, who gets which name, and an issuer with bad manners. */
import { createHmac, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { CertificateAuthority } from "../../ca/index.js";
import { IssuerKeys, KEYS_FRESH_MS, KEYS_MAX_MS, KEYS_PAUSE_MS, LOOKS_MAX } from "../../ca/jwt/issuer-keys.js";
import { enroll } from "../../client/authority/authority.js";
import { createRequest, type FirefliesError, generateKeyPair, type JwtPolicy } from "../../identity/index.js";
import { OidcIssuer, podClaims, signingKey } from "../support/oidc-issuer.js";
import { AuthorityFixture, codeOf, DAY_MS, NOW } from "./authority-fixture.js";

let issuer: OidcIssuer;
let fixture: AuthorityFixture;
beforeAll(async () => {
  issuer = await OidcIssuer.start();
  fixture = await AuthorityFixture.start({
    jwt: [
      issuer.policy(),
      issuer.policy({ claims: { sub: "ci:*" }, name: "ci-{run}", names: "ci-*", instance: undefined }),
    ],
  });
});
afterAll(async () => {
  await fixture[Symbol.asyncDispose]();
  await issuer[Symbol.asyncDispose]();
});

const as = (jwt: string, pair = generateKeyPair(), principal?: string) => {
  const { url, authority } = fixture;
  return enroll({ url, fingerprint: authority.fingerprint, jwt, principal }, pair, fixture.call());
};
const pod = (name: string, uid: string, now = NOW) => issuer.jwt(now, podClaims(name, uid));
const refusalOf = (jwt: string) =>
  as(jwt).then(
    () => "none",
    ({ code, message }: FirefliesError) => `${code}: ${message}`,
  );

describe("a JWT", () => {
  it("admits its subject under the name that its claims say, and the audit says who vouched for it", async () => {
    const { certificate } = await as(await pod("web-1", "u1"));
    expect(certificate.name).toBe("web-1");
    const told = fixture.decisions.find((each) => each.kind === "issued" && each.principal === "web-1");
    expect(told).toMatchObject({ how: "jwt", subject: `${issuer.url} system:serviceaccount:shop:web` });
  });

  it("enrols one key of an instance, by whichever of its JWTs: who steals a later one takes over nobody", async () => {
    const pair = generateKeyPair();
    const first = await as(await pod("web-2", "u2"), pair);
    expect((await as(await pod("web-2", "u2"), pair)).certificate.leaf).toEqual(first.certificate.leaf);
    expect(await codeOf(as(await pod("web-2", "u2")))).toBe("token-used");
  });

  it("of a later instance gets the name with another key, and the same id", async () => {
    const first = await as(await pod("web-3", "u3"));
    const second = await as(await pod("web-3", "u3-again"));
    expect(second.certificate.id).toBe(first.certificate.id);
    expect(second.certificate.publicKey.equals(first.certificate.publicKey)).toBe(false);
  });

  it("gives an instance whose certificate has ended the next one, for the same key only", async () => {
    const pair = generateKeyPair();
    const first = await as(await pod("web-4", "u4"), pair);
    await fixture.at(NOW + 8 * DAY_MS);
    const later = () => pod("web-4", "u4", NOW + 8 * DAY_MS);
    expect(await codeOf(as(await later()))).toBe("token-used");
    const second = await as(await later(), pair);
    await fixture.at(NOW);
    expect(second.certificate.id).toBe(first.certificate.id);
    expect(second.certificate.notAfter).toBeGreaterThan(first.certificate.notAfter);
  });

  it("takes no name that was admitted in another way, and gives none away to others", async () => {
    await fixture.join("web-5");
    expect(await codeOf(as(await pod("web-5", "u5")))).toBe("principal-taken");
    await as(await pod("web-6", "u6"));
    const token = await fixture.authority.createToken("web-*", { uses: 2 });
    expect(await codeOf(enroll({ token, principal: "web-6" }, generateKeyPair(), fixture.call()))).toBe(
      "principal-taken",
    );
  });

  it("of one that was thrown out is refused, also after the name was let in again", async () => {
    const pair = generateKeyPair();
    await as(await pod("web-7", "u7"), pair);
    await fixture.authority.operator.revokePrincipal("web-7");
    expect(await codeOf(as(await pod("web-7", "u7"), pair))).toBe("principal-revoked");
    expect(await codeOf(as(await pod("web-7", "u7-next")))).toBe("principal-revoked");
    await fixture.authority.operator.readmit("web-7");
    expect(await codeOf(as(await pod("web-7", "u7")))).toBe("token-used");
    expect(await codeOf(as(await pod("web-7", "u7-next")))).toBe("none");
  });

  it("without an instance in the policy enrols one key itself, with whichever signature", async () => {
    const ec = await signingKey("ES256");
    issuer.keys = [...issuer.keys, ec];
    const jwt = await issuer.jwt(NOW, { sub: "ci:build", run: 7 }, ec);
    const pair = generateKeyPair();
    expect((await as(jwt, pair)).certificate.name).toBe("ci-7");
    expect(await codeOf(as(jwt, pair))).toBe("none");
    expect(await codeOf(as(jwt))).toBe("token-used");
    expect(await codeOf(as(otherSignatureOf(jwt)))).toBe("token-used");
    expect(await codeOf(as(await issuer.jwt(NOW, { sub: "ci:build", run: 7 }, ec)))).toBe("none");
  });

  it("may end between two seconds, as those of some issuers do", async () => {
    expect(await codeOf(as(await issuer.jwt(NOW, { sub: "ci:build", run: 9, exp: NOW / 1_000 + 60.123_456 })))).toBe(
      "none",
    );
  });

  it("names the member: another name that is asked for is refused", async () => {
    expect(await codeOf(as(await pod("web-8", "u8"), generateKeyPair(), "web-9"))).toBe("principal-refused");
    expect(await codeOf(as(await pod("web-8", "u8"), generateKeyPair(), "web-8"))).toBe("none");
  });

  it.each<[string, Readonly<Record<string, unknown>>, RegExp]>([
    ["of another issuer", { iss: "https://elsewhere.example" }, /jwt-refused: .*issuer "https:\/\/elsewhere/],
    ["without an issuer", { iss: undefined }, /jwt-refused: .*issuer null/],
    ["for another audience", { aud: "https://kubernetes.default.svc" }, /jwt-refused: .*audience is "https:\/\/kub/],
    ["without an audience", { aud: undefined }, /jwt-refused: .*audience is null/],
    ["of another account", { sub: "system:serviceaccount:shop:db" }, /jwt-refused: .*claim sub/],
    ["of another account that begins the same", { sub: "system:serviceaccount:shop:web2" }, /jwt-refused: .*claim sub/],
    ["with a subject that is a list of others", { sub: ["a", "b"] }, /jwt-refused/],
    ["that has ended", { exp: NOW / 1_000 - 61 }, /jwt-refused: .*ended 61 s ago/],
    ["that begins later", { nbf: NOW / 1_000 + 61 }, /jwt-refused/],
    ["that never ends", { exp: undefined }, /jwt-refused: .*never ends/],
    ["that ends after all dates", { exp: 1e300 }, /jwt-refused: .*never ends/],
    ["that ends when somebody says so", { exp: "tomorrow" }, /jwt-refused: .*never ends/],
    ["without the claim that names it", { "kubernetes.io": {} }, /jwt-refused: .*lacks a claim of the name/],
    ["with a name of another kind", podClaims("db-1", "u"), /principal-refused: .*web-\*, not db-1/],
    ["with a name that is none", podClaims(`web-${"a".repeat(80)}`, "u"), /principal-invalid/],
    [
      "without the claim that tells instances apart",
      { "kubernetes.io": { pod: { name: "web-1" } } },
      /jwt-refused: .*instances/,
    ],
  ])("%s is refused", async (_, claims, answer) => {
    expect(await refusalOf(await issuer.jwt(NOW, claims))).toMatch(answer);
  });

  it("that is forged is refused: no signature, a shared secret, a stranger's key, another's claims", async () => {
    const jwt = await pod("web-10", "u10");
    const [head, payload, signature] = jwt.split(".") as [string, string, string];
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const { kid } = issuer.keys[0]!;
    const none = `${part({ alg: "none", kid })}.${payload}`;
    const shared = `${part({ alg: "HS256", kid })}.${payload}`;
    const mac = createHmac("sha256", JSON.stringify(issuer.keys[0]!.jwk)).update(shared).digest("base64url");
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as object;
    const stranger = { ...(await signingKey("RS256")), kid };
    const forged = [
      ...[`${none}.`, `${none}.${signature}`, `${shared}.${mac}`],
      `${head}.${part({ ...claims, ...podClaims("web-0", "x") })}.${signature}`,
      await issuer.jwt(NOW, podClaims("web-10", "u10"), stranger),
      ...["", "a.b", "a.b.c", "....", `${jwt}.x`, jwt.slice(0, -4), randomBytes(9_000).toString("base64url")],
    ];
    for (const each of forged) expect(await refusalOf(each)).toMatch(/^jwt-refused/);
  });

  it("is refused where none is taken", async () => {
    await using closed = await AuthorityFixture.start();
    const place = { url: closed.url, fingerprint: closed.authority.fingerprint };
    expect(await codeOf(enroll({ ...place, jwt: "a.b.c" }, generateKeyPair(), closed.call()))).toBe("jwt-refused");
  });

  it("of one instance enrols in each network of the authority", async () => {
    const { directory, authority } = fixture;
    await authority.addNetwork("second");
    const options = { directory, networkName: "second", now: () => NOW, jwt: [issuer.policy()] };
    const second = await CertificateAuthority.open(options);
    const jwt = await pod("web-12", "u12");
    const request = createRequest(generateKeyPair());
    const enrolled = await second.enroll({ admission: { kind: "jwt", jwt }, request, addresses: [] });
    expect((await as(jwt)).certificate.id).not.toBe(enrolled.id);
    await second.close();
  });

  it("is raced by forty keys of one instance: one enrols", { timeout: 120_000 }, async () => {
    const jwts = await Promise.all(Array.from({ length: 40 }, () => pod("web-11", "u11")));
    const codes = await Promise.all(jwts.map((jwt) => codeOf(as(jwt))));
    expect([
      codes.filter((code) => code === "none").length,
      codes.filter((code) => code === "token-used").length,
    ]).toEqual([1, 39]);
  });
});

/** ECDSA: r and n - s sign the same. */
function otherSignatureOf(jwt: string): string {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const [head, payload, signature] = jwt.split(".") as [string, string, string];
  const bytes = Buffer.from(signature, "base64url");
  const s = BigInt(`0x${bytes.subarray(32).toString("hex")}`);
  const other = Buffer.from((order - s).toString(16).padStart(64, "0"), "hex");
  return [head, payload, Buffer.concat([bytes.subarray(0, 32), other]).toString("base64url")].join(".");
}

describe("the keys of an issuer", () => {
  const time = { now: 0 };
  const troubles: string[] = [];
  const keysOf = (place: Partial<JwtPolicy> = {}) => {
    troubles.length = 0;
    const onTrouble = ({ message }: FirefliesError) => troubles.push(message);
    const { issuer: url, jwksUri, caFile, tokenFile } = issuer.policy(place);
    return new IssuerKeys({ place: { issuer: url, jwksUri, caFile, tokenFile }, now: () => time.now, onTrouble });
  };
  beforeEach(() => {
    issuer.listener = undefined;
    issuer.jwksUri = undefined;
    issuer.asked.length = 0;
  });

  it("are fetched once for all that wait, kept, and fetched again when they are no longer fresh", async () => {
    const keys = keysOf({ jwksUri: `${issuer.url}/keys` });
    await Promise.all(Array.from({ length: 20 }, () => keys.finder(undefined)));
    expect(issuer.asked.length).toBe(1);
    time.now += KEYS_FRESH_MS;
    await keys.finder(issuer.keys[0]!.kid);
    expect(issuer.asked.length).toBe(1);
    time.now += 1;
    await keys.finder(issuer.keys[0]!.kid);
    expect(issuer.asked.length).toBe(2);
  });

  it("that are new are found at once, and those that callers make up cost a look now and then", async () => {
    const keys = keysOf({ jwksUri: `${issuer.url}/keys` });
    await keys.finder(issuer.keys[0]!.kid);
    const before = issuer.keys;
    issuer.keys = [await signingKey("ES256")];
    await keys.finder(issuer.keys[0]!.kid);
    expect(issuer.asked.length).toBe(2);
    const codes = [];
    for (let index = 0; index < 50; index++) codes.push(await codeOf(keys.finder(`made up ${index}`)));
    expect(issuer.asked.length).toBe(LOOKS_MAX);
    // Whose key is really new asks again.
    expect(codes.at(-1)).toBe("issuer-unreachable");
    expect(await codeOf(keys.finder(issuer.keys[0]!.kid))).toBe("none");
    time.now += KEYS_PAUSE_MS;
    expect(await codeOf(keys.finder("made up"))).toBe("none");
    expect(issuer.asked.length).toBe(LOOKS_MAX + 1);
    issuer.keys = before;
  });

  it("stay good for an hour while the issuer is away, which is told once; after that nobody enrols until it is back", async () => {
    const keys = keysOf();
    await keys.finder(undefined);
    issuer.listener = (request) => request.socket.destroy();
    for (time.now += KEYS_FRESH_MS + 1; ; time.now += KEYS_PAUSE_MS) {
      const code = await codeOf(keys.finder(undefined));
      if (code === "issuer-unreachable") break;
      expect(code).toBe("none");
    }
    expect(troubles.length).toBe(1);
    expect(troubles[0]).toContain(issuer.url);
    issuer.listener = undefined;
    time.now += KEYS_PAUSE_MS;
    expect(await codeOf(keys.finder(undefined))).toBe("none");
    expect(KEYS_MAX_MS).toBeGreaterThan(KEYS_FRESH_MS);
  });

  it("that are not known may be new ones while the issuer is away: that is no refusal for good", async () => {
    const keys = keysOf();
    await keys.finder(undefined);
    issuer.listener = (request) => request.socket.destroy();
    expect(await codeOf(keys.finder("new"))).toBe("issuer-unreachable");
    expect(await codeOf(keys.finder(issuer.keys[0]!.kid))).toBe("none");
    issuer.listener = undefined;
    expect(await codeOf(keys.finder("new"))).toBe("none");
  });

  it.each<[string, (url: string) => Parameters<typeof keysOf>[0], OidcIssuer["listener"], RegExp]>([
    ["a redirect", () => ({}), (_, to) => to.writeHead(302, { location: "https://127.0.0.1:1/" }).end(), /status 302/],
    ["no JSON", () => ({}), (_, to) => to.end("<html>"), /JSON/],
    ["a list", () => ({}), (_, to) => to.end("[]"), /no object/],
    ["another issuer's word", () => ({}), (_, to) => to.end('{"issuer":"https://x"}'), /another issuer/],
    ["no keys", (url) => ({ jwksUri: `${url}/k` }), (_, to) => to.end('{"keys":[]}'), /holds no keys/],
    [
      "a thousand keys",
      (url) => ({ jwksUri: `${url}/k` }),
      (_, to) => to.end(JSON.stringify({ keys: Array(1_000).fill({}) })),
      /over 64 keys/,
    ],
    ["a flood", (url) => ({ jwksUri: `${url}/k` }), (_, to) => to.end(`"${"x".repeat(300_000)}"`), /over 262144 bytes/],
    [
      "a certificate that nobody vouches for",
      () => ({ caFile: undefined }),
      undefined,
      /self-signed|unable to verify/i,
    ],
    ["a CA file that is not there", () => ({ caFile: "/nonexistent/ca.pem" }), undefined, /does not exist/],
  ])("are not had from %s", async (_, place, listener, why) => {
    issuer.listener = listener;
    expect(await codeOf(keysOf(place(issuer.url)).finder(undefined))).toBe("issuer-unreachable");
    expect(troubles[0]).toMatch(why);
  });

  it("are not looked for where a document says, on another host: only the policy may send us there", async () => {
    const other = createServer();
    let dialled = 0;
    other.on("connection", (socket) => {
      dialled += 1;
      socket.destroy();
    });
    await once(other.listen(0, "127.0.0.1"), "listening");
    for (const uri of [
      `https://127.0.0.1:${(other.address() as { port: number }).port}/keys`,
      `${issuer.url.replace("https", "http")}/keys`,
      "file:///etc/passwd",
      "x",
    ]) {
      issuer.jwksUri = uri;
      expect(await codeOf(keysOf().finder(undefined))).toBe("issuer-unreachable");
      expect(troubles[0]).toMatch(/another host|no jwks_uri/);
    }
    expect(dialled).toBe(0);
    other.close();
  });

  it("are asked for with the token of the policy's file, as it is at that moment", async () => {
    const tokenFile = issuer.file("bearer", "first\n");
    const keys = keysOf({ tokenFile, jwksUri: `${issuer.url}/keys` });
    await keys.finder(undefined);
    issuer.file("bearer", "second\n");
    time.now += KEYS_FRESH_MS + 1;
    await keys.finder(undefined);
    expect(issuer.asked.map(({ headers }) => headers.authorization)).toEqual(["Bearer first", "Bearer second"]);
  });

  it("are waited for until a deadline: an issuer that says nothing holds nobody", async () => {
    issuer.listener = () => {};
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const asked = new Promise<void>((resolve) => {
      issuer.listener = () => resolve();
    });
    const code = codeOf(keysOf().finder(undefined));
    await asked;
    vi.advanceTimersByTime(5_000);
    expect(await code).toBe("issuer-unreachable");
    expect(troubles[0]).toMatch(/did not answer within 5000 ms/);
  });
});

describe("an authority whose issuer is away", () => {
  it("tells it, says that it cannot now, and admits when the issuer is back", async () => {
    await using away = await OidcIssuer.start();
    away.listener = (request) => request.socket.destroy();
    await using authority = await AuthorityFixture.start({ jwt: [away.policy()] });
    const place = { url: authority.url, fingerprint: authority.authority.fingerprint };
    const jwt = await away.jwt(NOW);
    const enrolled = () => codeOf(enroll({ ...place, jwt }, generateKeyPair(), authority.call()));
    expect(await enrolled()).toBe("issuer-unreachable");
    expect(authority.decisions).toContainEqual(
      expect.objectContaining({ kind: "failed", error: expect.objectContaining({ code: "issuer-unreachable" }) }),
    );
    away.listener = undefined;
    expect(await enrolled()).toBe("none");
  });
});

describe("a policy", () => {
  it.each<[string, unknown]>([
    ["no issuer", { issuer: undefined }],
    ["an issuer over plain HTTP", { issuer: "http://issuer.example" }],
    ["keys with a password in their address", { jwksUri: "https://a:b@issuer.example/keys" }],
    ["no audience", { audience: undefined }],
    ["nothing asked of the claims", { claims: {} }],
    ["a claim that must be a number", { claims: { sub: 7 } }],
    ["a claim of nowhere", { claims: { "/a~2": "x" } }],
    ["one name for all", { name: "web" }],
    ["a name that nobody could have", { name: "../{sub}" }],
    ["names that are no pattern", { names: "web/*" }],
    ["a key that does not exist", { audiences: ["a"] }],
  ])("with %s is refused", async (_, changes) => {
    const policy = { ...issuer.policy(), ...(changes as object) };
    expect(await codeOf(AuthorityFixture.start({ jwt: [policy] }))).toBe("ca-options-invalid");
  });

  it("takes the first entry whose claims fit, of several for one issuer", async () => {
    expect((await as(await issuer.jwt(NOW, { sub: "ci:x", run: "r.1" }))).certificate.name).toBe("ci-r.1");
  });
});
