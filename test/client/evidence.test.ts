/** Evidence: what two real members sign about a lie, checked by a third party with the root alone, by openssl, and after changes. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeBundle, EVIDENCE_BYTES_MAX, encodeBundle } from "../../client/evidence/bundle.js";
import { bundleOf } from "../../client/evidence/collect.js";
import { verifyEvidence } from "../../client/evidence/verify.js";
import type { Explanation } from "../../client/history/explanation.js";
import type { Inspected } from "../../gossip/index.js";
import { certificatesToPem, type Identity, openCms, signCms } from "../../identity/index.js";
import { accusationBy, liarBefore, tell } from "../support/false-accuser.js";
import { codeOf, nextChange, OfflineNetwork, type TestClient, text, whole } from "../support/network.js";
import { TestNetwork } from "../support/test-network.js";

let evidence: Uint8Array;
let roots: string;
let liar: Identity;
let stranger: Identity;
let [accusedId, judgeId, ring] = ["", "", 0];

beforeAll(async () => {
  await using network = await OfflineNetwork.create();
  const [accused, judge] = (await network.startMany(2)) as [TestClient, TestClient];
  const found = await liarBefore(network, accused, judge);
  [liar, ring] = [found.identity, found.ring];
  await whole([accused, judge, await network.start({ entryAddrs: [accused.address] }, liar)]);
  const answered = nextChange(judge, "rebutted", accused.id);
  await tell(liar, judge, accusationBy(liar, accused, ring));
  await answered;
  [accusedId, judgeId] = [accused.id, judge.id];
  evidence = text(await judge.evidence(liar.certificate.id));
  roots = certificatesToPem(network.authority.root);
  stranger = await network.authority.member({ name: "stranger" });
});

const verified = () => verifyEvidence(evidence, { roots });
const bundle = async () => decodeBundle((await openCms(evidence))!.content)!;

/** The same, changed, and signed anew by somebody of the network. */
async function resigned(change: (statements: Uint8Array[]) => void, by = stranger): Promise<Uint8Array> {
  const { statements, ...rest } = await bundle();
  const copies = statements.map((bytes) => new Uint8Array(bytes));
  change(copies);
  const { id, name } = by.certificate;
  const content = encodeBundle({ ...rest, by: { id, name }, statements: copies });
  return text(await signCms(content, by.certificate, by.privateKey));
}

describe("evidence about a liar", () => {
  it("shows with the root alone who accused whom, on which ring, and that it was answered", async () => {
    const report = await verified();
    expect(report).toMatchObject({ ok: true, problems: [], by: { id: judgeId }, about: { id: liar.certificate.id } });
    expect(report.statements.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(["certificate", "note", "accusation"]),
    );
    expect(report.findings).toContainEqual(
      expect.stringMatching(
        new RegExp(
          `^${liar.certificate.id.slice(0, 12)} signed that ${accusedId.slice(0, 12)} does not answer on ring ${ring}.*answered with epoch`,
        ),
      ),
    );
  });

  it("is of nobody for whom another root vouches", async () => {
    const other = certificatesToPem((await TestNetwork.create()).root);
    const report = await verifyEvidence(evidence, { roots: other });
    expect(report.ok).toBe(false);
    expect(report.problems[0]).toMatch(/nobody for whom this root vouches/);
    expect(report.findings).toEqual([]);
  });

  it("whose content was changed says so of its envelope", async () => {
    const der = Buffer.from(
      Buffer.from(evidence)
        .toString("latin1")
        .replace(/-----[^-]+-----|\s/g, ""),
      "base64",
    );
    der[der.indexOf('"at": ') + 6] = "3".charCodeAt(0); // Another instant, on any day of this century.
    const { ok, problems } = await verifyEvidence(new Uint8Array(der), { roots });
    expect([ok, problems]).toEqual([false, [expect.stringMatching(/envelope is not what .* signed/)]]);
  });

  it("with a forged accusation names it, though its envelope is good", async () => {
    const isAccusation = ([kind]: Uint8Array) => kind === 3;
    const changed = await resigned((statements) => {
      const forged = statements.find(isAccusation)!;
      forged[forged.length - 70]! ^= 1; // In the epoch.
    });
    const { ok, problems, findings } = await verifyEvidence(changed, { roots });
    expect(ok).toBe(false);
    expect(problems).toEqual([expect.stringMatching(/accusation .* proves nothing: .* has not signed this/)]);
    expect(findings).toEqual([]);
  });

  it("from which a certificate was taken says what it cannot check", async () => {
    const changed = await resigned((statements) => {
      for (const [index, bytes] of [...statements.entries()].reverse()) if (bytes[0] === 1) statements.splice(index, 1);
    });
    const { problems } = await verifyEvidence(changed, { roots });
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.every((problem) => /certificate that it was signed under is not there/.test(problem))).toBe(true);
  });

  it("that names another holder than its signer says so", async () => {
    const { by: _, ...rest } = await bundle();
    const content = encodeBundle({ ...rest, by: { id: judgeId, name: undefined } });
    const changed = text(await signCms(content, stranger.certificate, stranger.privateKey));
    expect((await verifyEvidence(changed, { roots })).problems[0]).toMatch(/signed by stranger .* says that it is of/);
  });

  it("of very much is what is verified: the newest statements, and how many are left out", async () => {
    const { certificate, privateKey } = stranger;
    const many = Array.from({ length: 3_000 }, (_, index) => {
      const bytes = new Uint8Array(8_000).fill(index & 255);
      return { member: liar.certificate.id, author: accusedId, at: index, bytes: bytes.fill(index >> 8, 0, 1) };
    });
    const parts = {
      ...{ identity: stranger, kept: many, revocations: undefined, at: 0 },
      explanation: {
        member: liar.certificate.id,
        name: "liar",
        sentences: ["One."],
        events: [],
      } as unknown as Explanation,
      inspect: () => ({ accusations: [], proof: undefined, introduction: [] }) as unknown as Inspected,
    };
    const { sentences, statements, ...rest } = bundleOf(parts);
    expect(sentences).toEqual([
      "One.",
      `Evidence is full: ${3_000 - statements.length} older statements that are held are not in it.`,
    ]);
    expect(statements.at(-1)).toEqual(many.at(-1)?.bytes);
    const signed = text(await signCms(encodeBundle({ ...rest, sentences, statements }), certificate, privateKey));
    expect(signed.length).toBeGreaterThan(EVIDENCE_BYTES_MAX / 2);
    expect((await verifyEvidence(signed, { roots })).statements).toHaveLength(statements.length);
  });

  it.each([
    ["nothing", new Uint8Array(0)],
    ["text", text("hello")],
    ["half of it", () => evidence.subarray(0, evidence.length / 2)],
  ])("is not %s", async (_, bytes) => {
    const given = typeof bytes === "function" ? bytes() : bytes;
    expect(await codeOf(verifyEvidence(given, { roots }))).toBe("evidence-malformed");
  });
});

const hasOpenssl = (() => {
  try {
    return execFileSync("openssl", ["version"]).length > 0;
  } catch {
    return false;
  }
})();

describe.skipIf(!hasOpenssl)("openssl cms (needs openssl)", () => {
  const directory = mkdtempSync(join(tmpdir(), "ff-evidence-"));
  afterAll(() => rmSync(directory, { recursive: true }));
  const check = (bytes: Uint8Array) => {
    const [file, root] = [join(directory, "bundle.pem"), join(directory, "root.pem")];
    writeFileSync(file, bytes);
    writeFileSync(root, roots);
    const args = ["cms", "-verify", "-inform", "PEM", "-in", file, "-CAfile", root, "-purpose", "any"];
    return execFileSync("openssl", args, { stdio: ["ignore", "pipe", "ignore"], encoding: "utf8" });
  };

  it("checks the envelope with the root, and prints the content", () => {
    expect(JSON.parse(check(evidence))).toMatchObject({ fireflies: "evidence", version: 1, by: { id: judgeId } });
  });

  it("refuses one that was changed", () => {
    const lines = Buffer.from(evidence).toString("latin1").split("\n");
    const middle = Math.floor(lines.length / 2);
    lines[middle] = lines[middle]!.replace(/^./, (letter) => (letter === "A" ? "B" : "A"));
    expect(() => check(text(lines.join("\n")))).toThrow();
  });
});
