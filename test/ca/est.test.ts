/** EST (RFC 7030) as curl and openssl speak it: nothing of this client is ours. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { requestIn } from "../../ca/http/est-request.js";
import {
  AUTHORITY_NAME,
  certificatesFromPem,
  certificatesToPem,
  createRequest,
  derToPem,
  generateKeyPair,
  verifyMemberCertificate,
} from "../../identity/index.js";
import { AuthorityFixture, temporaryDirectory } from "./authority-fixture.js";
import { ask } from "./https.js";

const hasTools = ["openssl version", "curl --version"].every((line) => {
  const [program, ...args] = line.split(" ") as [string, ...string[]];
  return spawnSync(program, args).status === 0;
});

let fixture: AuthorityFixture;
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
beforeAll(async () => {
  // Real tools look at the real clock.
  fixture = await AuthorityFixture.start({ now: Date.now });
  fixture.clock.now = Date.now();
  directory = await temporaryDirectory();
  writeFileSync(path("root.pem"), certificatesToPem(fixture.authority.root));
});
afterAll(async () => {
  await fixture[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

const path = (name: string) => join(directory.path, name);

function openssl(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync("openssl", args, { encoding: "utf8" });
  expect(status, stderr).toBe(0);
  return stdout;
}

/** curl, checking the server's certificate against the root alone; returns the status, and leaves the body in a file. */
async function curl(operation: string, ...args: string[]): Promise<number> {
  const to = ["--connect-to", `${AUTHORITY_NAME}:443:127.0.0.1:${fixture.server.port}`, "--cacert", path("root.pem")];
  const output = ["-s", "-o", path("answer.b64"), "-w", "%{http_code}"];
  const child = spawn("curl", [...output, ...to, ...args, `https://${AUTHORITY_NAME}/.well-known/est/${operation}`]);
  let status = "";
  child.stdout.on("data", (data) => {
    status += data;
  });
  await once(child, "close");
  return Number(status);
}

const posted = (file: string) => ["--data-binary", `@${path(file)}`, "-H", "Content-Type: application/pkcs10"];

/** The certificates of the answer, as openssl unpacks them. */
function received(): Uint8Array[] {
  openssl("base64", "-d", "-in", path("answer.b64"), "-out", path("answer.p7"));
  return certificatesFromPem(openssl("pkcs7", "-inform", "DER", "-in", path("answer.p7"), "-print_certs"))!;
}

function newRequest(name: string): void {
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path(`${name}.key`)];
  openssl("req", "-new", ...key, "-subj", `/CN=${name}`, "-outform", "DER", "-out", path(`${name}.der`));
  openssl("base64", "-in", path(`${name}.der`), "-out", path(`${name}.b64`));
}

describe.skipIf(!hasTools)("EST with curl and openssl (skipped where they are not installed)", () => {
  it("gives the authority's certificates, a first one for a token, and the next one over TLS with it", async () => {
    const { authority } = fixture;
    expect(await curl("cacerts")).toBe(200);
    expect(received()).toEqual([authority.root, authority.issuer]);

    const token = await authority.createToken("printer");
    newRequest("printer");
    const user = ["--user", `printer:${token}`];
    expect(await curl("simpleenroll", ...posted("printer.b64"))).toBe(401);
    expect(await curl("simpleenroll", ...posted("printer.b64"), "--user", "printer:guess")).toBe(401);
    expect(await curl("simpleenroll", ...posted("printer.key"), ...user)).toBe(400);
    expect(await curl("simpleenroll", ...posted("printer.b64"), ...user)).toBe(200);
    const [leaf] = received();
    const chain = { leaf: leaf!, issuer: authority.issuer };
    const verdict = verifyMemberCertificate(chain, { root: authority.root, now: Date.now() });
    const id = verdict.ok ? verdict.certificate.id : verdict.reason;
    expect(id).toBe((await authority.operator.find("printer")).id);
    // As PEM and as DER, too, and with what curl says of a file by itself.
    openssl("req", "-inform", "DER", "-in", path("printer.der"), "-out", path("printer.req"));
    expect(await curl("simpleenroll", ...posted("printer.req"), ...user)).toBe(200);
    expect(await curl("printers/simpleenroll", ...posted("printer.der"), ...user)).toBe(200);
    expect(await curl("simpleenroll", "--data", `@${path("printer.req")}`, ...user)).toBe(200);
    expect(received()).toEqual([leaf]);
    // A lost answer costs nothing; another key has no use for the token.
    expect(await curl("simpleenroll", ...posted("printer.b64"), ...user)).toBe(200);
    expect(received()).toEqual([leaf]);
    newRequest("other");
    expect(await curl("simpleenroll", ...posted("other.b64"), ...user)).toBe(409);

    writeFileSync(path("printer.pem"), certificatesToPem(leaf!, authority.issuer));
    const own = ["--cert", path("printer.pem"), "--key", path("printer.key")];
    expect(await curl("simplereenroll", ...posted("other.b64"))).toBe(401);
    expect(await curl("simplereenroll", ...posted("other.b64"), ...own)).toBe(200);
    const [next] = received();
    writeFileSync(path("next.pem"), certificatesToPem(next!));
    const spki = openssl("x509", "-in", path("next.pem"), "-noout", "-pubkey");
    expect(spki).toBe(openssl("pkey", "-in", path("other.key"), "-pubout"));
    expect(openssl("x509", "-in", path("next.pem"), "-noout", "-subject").toLowerCase()).toContain(id);
    await authority.operator.revokePrincipal("printer");
    expect(await curl("simplereenroll", ...posted("other.b64"), ...own)).toBe(403);
    expect(readFileSync(path("answer.b64"), "utf8")).toContain("principal-revoked");
  });
});

describe("EST", () => {
  it.each<[string, string | undefined]>([
    ["no credentials", undefined],
    ["another scheme", "Bearer abc"],
    ["no password", `Basic ${Buffer.from("name").toString("base64")}`],
    ["bytes that are no text", "Basic \u00ff\u00fe"],
  ])("refuses %s", async (_, authorization) => {
    const headers = { "content-type": "application/pkcs10", ...(authorization && { authorization }) };
    const { status } = await ask(fixture.url, { path: "/.well-known/est/simpleenroll", body: "AAAA", headers });
    expect(status).toBe(401);
  });

  const OTHER_TYPES = [
    "application/pkcs10; charset=utf-8",
    "Application/PKCS10",
    "text/plain",
    "application/octet-stream",
  ];

  it("takes a request as real clients send it, under any content type, with a label and without", async () => {
    const der = Buffer.from(await createRequest(generateKeyPair()));
    const base64 = der.toString("base64");
    const lines = base64.match(/.{1,64}/g)!;
    const pem = derToPem("CERTIFICATE REQUEST", der);
    const bodies: readonly (string | Buffer)[] = [
      ...[base64, lines.join("\n"), `${lines.join("\r\n")}\r\n`, base64.replace(/=+$/, "")],
      ...[pem, pem.replace(/\n/g, "\r\n"), pem.replace(/\n/g, ""), pem.replaceAll("CERTIFICATE", "NEW CERTIFICATE")],
      ...[`Certificate Request:\n    Data:\n${pem}`, `\ufeff${pem}`, `\ufeff${base64}`],
      ...[der, Buffer.concat([der, Buffer.from("\r\n")])],
    ];
    const token = await fixture.authority.createToken("sensor");
    const authorization = `Basic ${Buffer.from(`x:${token}`).toString("base64")}`;
    const leaves = new Set<string>();
    let count = 0;
    const send = async (operation: string, body: string | Buffer, headers: Readonly<Record<string, string>>) => {
      const path = `/.well-known/est/${operation}`;
      const answer = await ask(fixture.url, { path, body, headers: { authorization, ...headers } });
      expect(answer.status, `${count++}: ${answer.body}`).toBe(200);
      leaves.add(answer.body.toString());
    };
    for (const body of bodies) await send("simpleenroll", body, { "content-type": "application/pkcs10" });
    for (const type of OTHER_TYPES) await send("factory-7/simpleenroll", der, { "content-type": type });
    for (const type of OTHER_TYPES) await send("simpleenroll", pem, { "content-type": type });
    await send("simpleenroll", pem, { "content-type": "application/x-www-form-urlencoded" });
    await send("simpleenroll", der, {});
    expect(leaves.size).toBe(1); // One token, one key: the same certificate each time.
    const [first, second] = [
      await ask(fixture.url, { path: "/.well-known/est/cacerts" }),
      await ask(fixture.url, { path: "/.well-known/est/a.b/cacerts" }),
    ];
    expect(second).toEqual(first);
    for (const path of ["csrattrs", "label/csrattrs"]) {
      expect((await ask(fixture.url, { path: `/.well-known/est/${path}` })).status).toBe(204);
    }
  });

  it.each<[string, Buffer | string, RegExp]>([
    ["nothing", "", /is empty/],
    ["spaces", " \r\n", /is empty/],
    ["no base64", "%%%", /neither base64 nor PEM nor DER/],
    [
      "another kind of PEM",
      "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
      /PEM of something else: PRIVATE KEY/,
    ],
    ["two requests", derToPem("CERTIFICATE REQUEST", Buffer.from("a")).repeat(2), /holds 2 certificate requests/],
    ["DER that is cut off", Buffer.from([0x30, 0x82, 1, 0, 0]), /neither/],
    ["too much of it", Buffer.alloc(12_000, 0x41), /has 9000 bytes/],
  ])("says what is wrong with %s", (_, body, message) => {
    expect(() => requestIn(Buffer.from(body))).toThrow(
      expect.objectContaining({ code: "request-invalid", message: expect.stringMatching(message) }),
    );
  });

  it("reads any body without falling", () => {
    const heads = fc.constantFrom("", "-----BEGIN CERTIFICATE REQUEST-----", "\x30\x82", "\x30\x81", "MII");
    fc.assert(
      fc.property(heads, fc.uint8Array({ maxLength: 300 }), (head, rest) => {
        const body = Buffer.concat([Buffer.from(head, "latin1"), rest]);
        try {
          requestIn(body);
        } catch (error) {
          expect(error).toMatchObject({ code: "request-invalid" });
        }
      }),
    );
  });
});
