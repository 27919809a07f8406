/** `fireflies verify-message` as somebody runs it who was handed a file. Needs a build: `npm run build`. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { certificatesToPem } from "../../identity/index.js";
import { command } from "../support/command.js";
import { proofIn } from "../support/proofs.js";
import { TestNetwork } from "../support/test-network.js";

let root: string;
let sender: string;
let receiver: string;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "ff-proof-"));
  const network = await TestNetwork.create();
  const [alice, bob] = [await network.member({ name: "alice" }), await network.member()];
  [sender, receiver] = [alice.certificate.id, bob.certificate.id];
  const content = {
    kind: "message",
    id: 3,
    deadlineMs: 1_000,
    payload: Buffer.from("ten \u001b[31mlanterns"),
  } as const;
  const proof = proofIn({ sender: alice, receiver: bob.certificate.id, contents: [content] });
  writeFileSync(join(root, "order.proof"), proof);
  writeFileSync(join(root, "forged.proof"), proof.with(proof.length - 1, proof.at(-1)! ^ 1));
  writeFileSync(join(root, "root.pem"), certificatesToPem(network.root));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const verify = (file: string, ...more: string[]) =>
  command(["verify-message", file, "--root", "root.pem", ...more], { cwd: root });

it("prints who said what to whom, and lets no message move the cursor", async () => {
  const { code, stdout, stderr } = await verify("order.proof");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  for (const part of [
    `from         alice (${sender})`,
    `to           ${receiver}`,
    "message 3",
    "ten \\u001b[31mlanterns",
  ]) {
    expect(stdout).toContain(part);
  }
});

it("reads no file without an end", async () => {
  for (const args of [
    ["/dev/zero", "--root", "root.pem"],
    ["order.proof", "--root", "/dev/zero"],
  ]) {
    const { code, stderr } = await command(["verify-message", ...args], { cwd: root });
    expect([code, stderr]).toEqual([7, expect.stringContaining("/dev/zero has more than")]);
  }
});

it("prints one line of JSON", async () => {
  const { stdout } = await verify("order.proof", "--json", "--at", new Date().toISOString());
  const dataBase64 = Buffer.from("ten \u001b[31mlanterns").toString("base64");
  expect(JSON.parse(stdout)).toMatchObject({
    kind: "message",
    sender,
    name: "alice",
    receiver,
    request: 3,
    dataBase64,
  });
});

it.each([
  ["a forgery", ["forged.proof"], 1, "proof-unsigned"],
  ["another file", ["root.pem"], 1, "proof-malformed"],
  ["a certificate that did not hold then", ["order.proof", "--at", "2001-01-01"], 1, "certificate-invalid"],
  ["a file that is not there", ["nothing.proof"], 7, "input-failed"],
  ["a date that is none", ["order.proof", "--at", "soon"], 2, "cli-usage"],
] as const)("says what is wrong with %s", async (_what, [file, ...more], code, error) => {
  const outcome = await verify(file, ...more);
  expect(outcome).toMatchObject({ code, stdout: "", stderr: expect.stringMatching(new RegExp(`\\(${error}\\)\\n$`)) });
});
