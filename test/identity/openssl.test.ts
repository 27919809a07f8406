/** What the authority issues passes OpenSSL's strict mode, a reader that is not ours. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { certificatesToPem, createRequest, generateKeyPair } from "../../identity/index.js";
import { createChain, NOW } from "./forge.js";

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

describe.skipIf(!hasOpenssl)("openssl verify -x509_strict (skipped where openssl is not installed)", () => {
  const directory = mkdtempSync(join(tmpdir(), "fireflies-openssl-"));
  const path = (name: string) => join(directory, `${name}.pem`);

  beforeAll(async () => {
    const { root, issuing, leaf, server } = await createChain();
    for (const [name, der] of Object.entries({ root, issuing, leaf, server })) {
      writeFileSync(path(name), certificatesToPem(der));
    }
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  const verify = (name: string, purpose: string, at = NOW) =>
    spawnSync("openssl", [
      ...["verify", "-x509_strict", "-purpose", purpose, "-attime", String(Math.floor(at / 1_000))],
      ...["-CAfile", path("root"), "-untrusted", path("issuing"), path(name)],
    ]);

  it.each([
    ["leaf", "sslclient"],
    ["leaf", "sslserver"],
    ["server", "sslserver"],
    ["issuing", "any"],
    ["root", "any"],
  ])("%s as %s", (name, purpose) => {
    const { status, stderr } = verify(name, purpose);
    expect(status, stderr.toString()).toBe(0);
  });

  it("a request of ours, signed by its own key", () => {
    writeFileSync(path("request"), createRequest(generateKeyPair()));
    const { status, stderr } = spawnSync("openssl", [
      "req",
      "-inform",
      "DER",
      "-in",
      path("request"),
      "-verify",
      "-noout",
    ]);
    expect(stderr.toString()).toMatch(/verify OK/);
    expect(status).toBe(0);
  });

  it("and refuses them where they do not belong", () => {
    expect(verify("server", "sslclient").status).not.toBe(0);
    expect(verify("leaf", "sslclient", NOW + 400 * 86_400_000).status).not.toBe(0);
  });
});
