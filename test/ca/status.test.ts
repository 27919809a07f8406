/** OCSP over HTTP, asked with what openssl writes and read by what openssl believes. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { certificatesToPem } from "../../identity/index.js";
import { AuthorityFixture, type Joined, NOW, temporaryDirectory } from "./authority-fixture.js";
import { ask } from "./https.js";

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;
const HEADERS = { "content-type": "application/ocsp-request" };
const MALFORMED = Buffer.from("30030a0101", "hex");
const UNAUTHORIZED = Buffer.from("30030a0106", "hex");

let fixture: AuthorityFixture;
beforeAll(async () => {
  fixture = await AuthorityFixture.start();
});
afterAll(() => fixture[Symbol.asyncDispose]());

describe("the OCSP responder", () => {
  it("says of what is no question that it is none", async () => {
    for (const body of ["", "junk", Buffer.alloc(2_000, 0x30)]) {
      const answer = await ask(fixture.url, { path: "/v1/ocsp", body, headers: HEADERS });
      expect([answer.status, answer.type, answer.body]).toEqual([200, "application/ocsp-response", MALFORMED]);
    }
    const get = await ask(fixture.url, { path: "/v1/ocsp/%2Fjunk%00" });
    expect([get.status, get.body]).toEqual([200, MALFORMED]);
    const large = await ask(fixture.url, { path: "/v1/ocsp", body: Buffer.alloc(3_000), headers: HEADERS });
    expect(large.status).toBe(413);
  });
});

describe.skipIf(!hasOpenssl)("openssl ocsp (skipped where openssl is not installed)", () => {
  it("hears of good, revoked and foreign certificates, by POST and by GET, also after a rotation", async () => {
    await using directory = await temporaryDirectory();
    const path = (name: string) => join(directory.path, name);
    const [alice, eve] = [await fixture.join("alice"), await fixture.join("eve")];
    await fixture.authority.operator.revokePrincipal("eve");
    const { operator, root } = fixture.authority;
    writeFileSync(path("root.pem"), certificatesToPem(root));

    /** What openssl says about a member's certificate after asking; "GET" in the path, else POST. */
    async function said({ certificate }: Joined, method: "GET" | "POST"): Promise<string> {
      writeFileSync(path("issuing.pem"), certificatesToPem(certificate.issuer));
      writeFileSync(path("chain.pem"), certificatesToPem(root, certificate.issuer));
      writeFileSync(path("leaf.pem"), certificatesToPem(certificate.leaf));
      const files = ["-issuer", path("issuing.pem"), "-cert", path("leaf.pem")];
      spawnSync("openssl", ["ocsp", ...files, "-no_nonce", "-reqout", path("request.der")]);
      const request = readFileSync(path("request.der"));
      const inPath = `/v1/ocsp/${encodeURIComponent(request.toString("base64"))}`;
      const call = method === "GET" ? { path: inPath } : { path: "/v1/ocsp", body: request, headers: HEADERS };
      const { body } = await ask(fixture.url, call);
      if (body.equals(UNAUTHORIZED)) return "unauthorized";
      writeFileSync(path("response.der"), body);
      const options = ["-no_nonce", "-respin", path("response.der"), "-CAfile", path("chain.pem")];
      // Its own times openssl compares with the real clock.
      const at = ["-attime", String(NOW / 1_000 + 60), "-validity_period", "999999999"];
      const read = spawnSync("openssl", ["ocsp", ...files, ...options, ...at], { encoding: "utf8" });
      expect(read.stderr).toContain("Response verify OK");
      return /leaf\.pem: (\w+)/.exec(read.stdout)?.[1] ?? read.stdout;
    }

    expect(await said(alice, "POST")).toBe("good");
    expect(await said(alice, "GET")).toBe("good");
    expect(await said(eve, "POST")).toBe("revoked");
    await operator.prepareIssuer();
    await operator.activateIssuer();
    await fixture.server.refresh();
    const carol = await fixture.join("carol");
    expect([await said(carol, "GET"), await said(eve, "GET")]).toEqual(["good", "revoked"]);
    await using other = await AuthorityFixture.start();
    expect(await said(await other.join("stranger"), "POST")).toBe("unauthorized");
  });
});
