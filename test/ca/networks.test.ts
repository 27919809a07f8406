/** Several networks of one authority: one root, and nothing else in common. */
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CertificateAuthority } from "../../ca/index.js";
import {
  createRequest,
  decodeToken,
  generateKeyPair,
  networkOfIssuing,
  verifyMemberCertificate,
} from "../../identity/index.js";
import { codeOf, NOW, temporaryDirectory } from "./authority-fixture.js";

const urls = ["https://127.0.0.1:8300"];

let temporary: Awaited<ReturnType<typeof temporaryDirectory>>;
let first: CertificateAuthority;
let second: CertificateAuthority;
const open = (networkName?: string) =>
  CertificateAuthority.open({ directory: temporary.path, now: () => NOW, networkName });
beforeEach(async () => {
  temporary = await temporaryDirectory();
  first = await open();
  await first.addNetwork("second", { numRings: 7, deltaMs: 500 });
  second = await open("second");
});
afterEach(async () => {
  await first.close();
  await second.close();
  await temporary[Symbol.asyncDispose]();
});

async function redeem(authority: CertificateAuthority, token: string) {
  const admission = { kind: "token", secret: decodeToken(token)!.secret } as const;
  return authority.enroll({ admission, request: await createRequest(generateKeyPair()), addresses: ["10.0.0.1:1"] });
}

describe("two networks of one authority", () => {
  it("have one root, and their own constants, issuing certificates and ids", async () => {
    expect(second.fingerprint).toBe(first.fingerprint);
    expect(second.network).toMatchObject({ ringCount: 7, deltaMs: 500 });
    expect(networkOfIssuing(second.issuer, second.root)).toEqual(second.network);
    const [here, there] = [
      await first.createIdentity({ principal: "a" }),
      await second.createIdentity({ principal: "a" }),
    ];
    expect(here.certificate.id).not.toBe(there.certificate.id);
    const { leaf, issuer } = there.certificate;
    const verdict = verifyMemberCertificate({ leaf, issuer }, { root: first.root, network: first.network, now: NOW });
    expect(verdict).toEqual({ ok: false, reason: "other-network" });
    expect((await first.networks()).map(({ name }) => name)).toEqual(["default", "second"]);
  });

  it("know nothing of each other's tokens, members and revocations, while both issue at once", async () => {
    const token = await second.createToken("alice", { urls });
    expect(await codeOf(redeem(first, token))).toBe("token-invalid");
    const names = Array.from({ length: 20 }, (_, index) => `m${index}`);
    const issued = await Promise.all(
      names.flatMap((name) =>
        [first, second].map(async (authority) => redeem(authority, await authority.createToken(name, { urls }))),
      ),
    );
    expect(new Set(issued.map(({ id }) => id)).size).toBe(40);
    for (const [index, { contacts, issuer }] of issued.entries()) {
      const own = index % 2 === 0 ? first.issuer : second.issuer;
      expect(issuer).toEqual(own);
      for (const contact of contacts) expect(contact.issuer).toEqual(own);
    }
    await first.operator.revokePrincipal("m0");
    expect(await codeOf(second.createIdentity({ principal: "m0" }))).toBe("none");
    expect(await codeOf(first.createIdentity({ principal: "m0" }))).toBe("principal-revoked");
  });

  it("are each served once, by name, and made once, with the root's key", async () => {
    expect(await codeOf(open("second"))).toBe("ca-state-locked");
    expect(await codeOf(open("third"))).toBe("ca-state-missing");
    expect(await codeOf(open("../third"))).toBe("ca-options-invalid");
    expect(await codeOf(first.addNetwork("second"))).toBe("ca-options-invalid");
    const rootKey = join(temporary.path, "vault.key.pem");
    await rename(join(temporary.path, "root.key.pem"), rootKey);
    expect(await codeOf(first.addNetwork("third"))).toBe("root-key-missing");
    const other = join(temporary.path, "issuing.key.pem");
    expect(await codeOf(first.addNetwork("third", { rootKey: other }))).toBe("ca-state-mismatch");
    expect(await codeOf(first.addNetwork("third", { rootKey }))).toBe("none");
  });
});
