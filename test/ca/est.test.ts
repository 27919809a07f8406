/** EST (RFC 7030) as curl and openssl speak it: nothing of this client is ours. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  AUTHORITY_NAME,
  certificatesFromPem,
  certificatesToPem,
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
});
