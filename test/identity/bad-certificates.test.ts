/**
 * Every certificate that must not pass ("20 bad certificates", and more): 0 accepted. Of each byte one bit is flipped here;
 * EVERY_BIT=1 flips all eight, which `npm run nightly` does.
 */
import { beforeAll, describe, expect, it } from "vitest";
import { EXTENSION } from "../../identity/certificates/certificate-fields.js";
import { TAG, writeDer } from "../../identity/der.js";
import {
  authorityProblem,
  certificatesFromPem,
  certificatesToPem,
  dateProblem,
  fingerprintOf,
  generateKeyPair,
  issueMember,
  pathProblem,
  signRaw,
  verifyMemberCertificate,
} from "../../identity/index.js";
import { concatBytes, fromHex } from "../../rings/index.js";
import { createChain, DAY_MS, extension, forge, ID, keys, NETWORK, NOW, WEEK } from "./forge.js";
import { BAD_CERTIFICATES, replaced, SERVER_AUTH, usages, without } from "./forgeries.js";

/** All bits of a certificate take seconds; beside four busy processes half a minute. */
const FLIPS = { timeout: 120_000 };

type Chain = Awaited<ReturnType<typeof createChain>>;
let own: Chain;
let foreign: Chain;
let otherNetwork: Chain;

beforeAll(async () => {
  own = await createChain();
  const others = { ...keys, root: generateKeyPair(), issuing: generateKeyPair() };
  foreign = await createChain(others);
  // The same authority's second network: same root, another issuing key.
  const second = { ...NETWORK, networkId: new Uint8Array(32).fill(8) };
  otherNetwork = await createChain({ ...keys, issuing: generateKeyPair() }, second);
});

/** The bits of a DER text that are flipped one by one: of each byte one, another from byte to byte, or all eight. */
const bitsOf = (der: Uint8Array): readonly number[] =>
  process.env.EVERY_BIT === "1"
    ? Array.from({ length: der.length * 8 }, (_, bit) => bit)
    : Array.from(der, (_, byte) => byte * 8 + (byte & 7));

function flipped(der: Uint8Array, bit: number): Uint8Array {
  const changed = new Uint8Array(der);
  changed[bit >> 3]! ^= 1 << (bit & 7);
  return changed;
}

const verify = (leaf: Uint8Array, issuer = own.issuing, root = own.root, now = NOW) =>
  verifyMemberCertificate({ leaf, issuer }, { root, now, network: NETWORK });

describe("bad certificates: none is accepted", () => {
  it.each(BAD_CERTIFICATES)("$name", ({ forgery, reason }) => {
    const leaf = forge(own.leaf, forgery());
    const verdict = verify(leaf);
    expect(verdict.ok).toBe(false);
    expect(verdict.ok || verdict.reason).toBe(reason);
    expect(verify(leaf), "asked again").toEqual(verdict);
  });

  it("but an unchanged copy, signed anew, is", () => {
    expect(verify(forge(own.leaf, {}))).toMatchObject({ ok: true });
  });

  it("none at all, junk, and other things of ours", () => {
    for (const leaf of [new Uint8Array(), new Uint8Array(600), own.issuing, own.root, own.server, fromHex("3080")!]) {
      expect(verify(leaf).ok).toBe(false);
    }
  });

  it("trailing DER, and a length that is not the shortest", () => {
    expect(verify(concatBytes(own.leaf, Uint8Array.of(0)))).toEqual({ ok: false, reason: "trailing-data" });
    const long = concatBytes(fromHex("308300")!, own.leaf.subarray(2));
    expect(verify(long)).toEqual({ ok: false, reason: "malformed" });
    const indefinite = concatBytes(fromHex("3080")!, own.leaf.subarray(4), fromHex("0000")!);
    expect(verify(indefinite)).toEqual({ ok: false, reason: "malformed" });
    expect(verify(new Uint8Array(4_097))).toEqual({ ok: false, reason: "too-large" });
  });

  it("another authority's, whichever issuing certificate comes along", () => {
    expect(verify(foreign.leaf, foreign.issuing).ok).toBe(false);
    expect(verify(foreign.leaf, own.issuing).ok).toBe(false);
    expect(verify(own.leaf, foreign.issuing).ok).toBe(false);
    expect(verify(own.leaf, own.issuing, foreign.root).ok).toBe(false);
  });

  it("of the same authority's other network", () => {
    expect(verify(otherNetwork.leaf, otherNetwork.issuing, otherNetwork.root)).toEqual({
      ok: false,
      reason: "other-network",
    });
    const options = { root: otherNetwork.root, now: NOW };
    expect(verifyMemberCertificate({ leaf: otherNetwork.leaf, issuer: otherNetwork.issuing }, options).ok).toBe(true);
  });

  it("signed by a member, which is no authority", async () => {
    const issuer = { certificate: own.leaf, sign: (data: Uint8Array) => signRaw(keys.member.privateKey, data) };
    const below = await issueMember({ id: ID, spki: keys.server.spki, network: NETWORK, issuer, validity: WEEK });
    expect(verify(below, own.leaf)).toEqual({ ok: false, reason: "not-an-authority" });
  });

  it("signed by the root directly, or under a root that is the issuing certificate", async () => {
    const issuer = { certificate: own.root, sign: (data: Uint8Array) => signRaw(keys.root.privateKey, data) };
    const leaf = await issueMember({ id: ID, spki: keys.member.spki, network: NETWORK, issuer, validity: WEEK });
    expect(verify(leaf, own.root).ok).toBe(false);
    expect(verify(own.leaf, own.issuing, own.issuing).ok).toBe(false);
  });

  it("with any one bit flipped", FLIPS, () => {
    expect(bitsOf(own.leaf).filter((bit) => verify(flipped(own.leaf, bit)).ok)).toEqual([]);
  });

  it("cut off anywhere", () => {
    for (let length = 0; length < own.leaf.length; length++)
      expect(verify(own.leaf.subarray(0, length)).ok).toBe(false);
  });

  it("with any one bit of the issuing certificate flipped", FLIPS, () => {
    const accepted = bitsOf(own.issuing).filter((bit) => verify(own.leaf, flipped(own.issuing, bit)).ok);
    expect(accepted).toEqual([]);
  });

  it("with any one bit of the root flipped", FLIPS, () => {
    const accepted = bitsOf(own.root).filter((bit) => verify(own.leaf, own.issuing, flipped(own.root, bit)).ok);
    expect(accepted).toEqual([]);
  });
});

describe("good certificates", () => {
  it("say what the authority said", () => {
    const verdict = verify(own.leaf);
    if (!verdict.ok) throw new Error(verdict.reason);
    const { certificate } = verdict;
    expect(certificate).toMatchObject({ id: ID, ringCount: 9, deltaMs: 1_500, ...WEEK });
    expect(certificate.networkId).toEqual(NETWORK.networkId);
    expect(certificate.leaf).toEqual(own.leaf);
  });

  it("are judged by their dates anew at each call, with five minutes of tolerance", () => {
    const at = (now: number) => verify(own.leaf, own.issuing, own.root, now);
    expect(at(WEEK.notAfter + 299_000).ok).toBe(true);
    expect(at(WEEK.notAfter + 301_000)).toEqual({ ok: false, reason: "expired" });
    expect(at(WEEK.notBefore - 299_000).ok).toBe(true);
    expect(at(WEEK.notBefore - 301_000)).toEqual({ ok: false, reason: "not-yet-valid" });
    expect(at(NOW).ok).toBe(true);
    expect(dateProblem(WEEK, WEEK.notAfter + 1, 0)).toBe("expired");
  });

  it("stay the same when the caller's buffer changes afterwards", async () => {
    const issuer = own.issuer;
    const leaf = await issueMember({ id: ID, spki: keys.member.spki, network: NETWORK, issuer, validity: WEEK });
    const window = new Uint8Array(leaf);
    const verdict = verify(window);
    window.fill(0);
    expect(verdict.ok && verdict.certificate.leaf).toEqual(leaf);
  });

  it("may carry an unknown extension that is not critical", () => {
    const leaf = forge(own.leaf, { extensions: (list) => [...list, extension("2a0304", fromHex("0500")!)] });
    expect(verify(leaf).ok).toBe(true);
  });

  it("are good to RFC 5280 as pkijs reads it, which passes the unknown critical extension that we refuse", async () => {
    const chain = { leaf: own.leaf, issuer: own.issuing };
    expect(await pathProblem(chain, { root: own.root, now: NOW })).toBeUndefined();
    expect(await pathProblem(chain, { root: own.root, now: NOW + 30 * DAY_MS })).toBeDefined();
    expect(await pathProblem(chain, { root: foreign.root, now: NOW })).toBeDefined();
    const critical = forge(own.leaf, { extensions: (list) => [...list, extension("2a0304", fromHex("0500")!, true)] });
    expect(await pathProblem({ leaf: critical, issuer: own.issuing }, { root: own.root, now: NOW })).toBeUndefined();
  });

  it("go through PEM", () => {
    expect(certificatesFromPem(certificatesToPem(own.leaf, own.issuing))).toEqual([own.leaf, own.issuing]);
    expect(certificatesFromPem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")).toBeUndefined();
  });
});

describe("the authority's TLS certificate", () => {
  const problem = (leaf: Uint8Array, chain = own, pinned = own.root) =>
    authorityProblem({ leaf, issuer: chain.issuing, root: chain.root }, fingerprintOf(pinned), NOW);

  it("is accepted under the pinned root only", () => {
    expect(problem(own.server)).toBeUndefined();
    expect(problem(foreign.server, foreign)).toBe("other-root");
    expect(
      authorityProblem(
        { leaf: own.server, issuer: own.issuing, root: own.root },
        fingerprintOf(own.root),
        NOW + 30 * DAY_MS,
      ),
    ).toBe("expired");
    const mixed = { leaf: foreign.server, issuer: foreign.issuing, root: own.root };
    expect(authorityProblem(mixed, fingerprintOf(own.root), NOW)).toBeDefined();
  });

  it("is never a member's, whatever a member adds", () => {
    expect(problem(own.leaf)).toBe("extended-key-usage");
    const san = extension(
      EXTENSION.subjectAltName,
      writeDer(TAG.sequence, writeDer(0x82, new TextEncoder().encode("authority.fireflies.internal"))),
    );
    const dressed = forge(own.leaf, {
      extensions: (list) => [...replaced(EXTENSION.extendedKeyUsage, usages(SERVER_AUTH))(list), san],
    });
    expect(problem(dressed)).toBe("member-as-authority");
    const signedByMember = forge(own.server, { key: keys.member.privateKey });
    expect(problem(signedByMember)).toBe("signature");
  });

  it("has the authority's name and no other", () => {
    const named = (name: string) => writeDer(TAG.sequence, writeDer(0x82, new TextEncoder().encode(name)));
    expect(problem(forge(own.server, { extensions: replaced(EXTENSION.subjectAltName, named("example.org")) }))).toBe(
      "server-name",
    );
    expect(problem(forge(own.server, { extensions: without(EXTENSION.subjectAltName) }))).toBe(
      "subject-alt-name-missing",
    );
  });
});
