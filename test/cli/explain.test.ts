/** `explain`, `evidence`, `view diff` and `support-bundle` as they are typed, against an agent's API. Needs a build: `npm run build`. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { ApiServer } from "../../cli/api/server/server.js";
import { encodeBundle } from "../../client/evidence/bundle.js";
import { certificatesToPem, signCms } from "../../identity/index.js";
import { toHex } from "../../rings/index.js";
import { FakeAgentClient, idOf, member } from "../support/fake-agent-client.js";
import { serveFake } from "../support/serve-fake.js";
import { TestNetwork } from "../support/test-network.js";
import { typed } from "../support/typed.js";

let dir: string;
let server: ApiServer;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "ff-explain-"));
  const client = new FakeAgentClient();
  client.list = [member("b", { name: "bob", metadata: { password: "planted-word" } })];
  const agent = { version: "1.2.3", dir, startedAt: Date.now(), alarms: () => [] };
  server = await serveFake(dir, { client, agent, leave: async () => {} });
});
afterEach(async () => {
  await server.close();
  rmSync(dir, { recursive: true, force: true });
});

const type = (...args: string[]) => typed(args, { cwd: dir });

it("explain prints the sentences, and the facts as JSON; nobody known is an error of its own", async () => {
  expect(await type("explain", "bob", "--dir", dir)).toMatchObject({ code: 0, stdout: "It is live.\n" });
  const { stdout } = await type("explain", "bob", "--dir", dir, "--json");
  expect(JSON.parse(stdout)).toMatchObject({ member: idOf("b"), standing: "live" });
  expect(await type("explain", "zoe", "--dir", dir)).toMatchObject({
    stderr: expect.stringContaining("(peer-unknown)"),
  });
});

it("evidence export writes a new file, and verify says what is true of one", async () => {
  const file = join(dir, "bob.evidence");
  expect((await type("evidence", "export", "bob", "--out", file, "--dir", dir)).code).toBe(0);
  expect(readFileSync(file, "utf8")).toBe(`evidence about ${idOf("b")}`);
  expect((await type("evidence", "export", "bob", "--out", file, "--dir", dir)).code).not.toBe(0);
  const network = await TestNetwork.create();
  const { certificate, privateKey } = await network.member({ name: "ann" });
  const by = { id: certificate.id, name: "ann" };
  const bundle = { network: toHex(certificate.networkId), about: by, by, at: 0, sentences: [], events: [] };
  const [root, good, bad] = ["root.pem", "good", "bad"].map((name) => join(dir, name)) as [string, string, string];
  writeFileSync(root, certificatesToPem(network.root));
  writeFileSync(good, await signCms(encodeBundle({ ...bundle, statements: [] }), certificate, privateKey));
  const statements = [Uint8Array.of(9)];
  writeFileSync(bad, await signCms(encodeBundle({ ...bundle, statements }), certificate, privateKey));
  expect(await type("evidence", "verify", good, "--root", root)).toMatchObject({ code: 0 });
  const refused = await type("evidence", "verify", bad, "--root", root);
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("(evidence-false)") });
  expect(refused.stdout).toMatch(/FALSE: Statement 0 \(unreadable\) proves nothing/);
  expect((await type("evidence", "verify", root, "--root", root)).stderr).toContain("(evidence-malformed)");
});

it("view diff compares an agent with what was saved, and ends with 1 when they differ", async () => {
  const file = join(dir, "saved.json");
  const { stdout } = await type("members", "--all", "--json", "--dir", dir);
  const saved = JSON.parse(stdout);
  const self = JSON.parse((await type("info", "--json", "--dir", dir)).stdout);
  writeFileSync(file, JSON.stringify([...saved, { id: self.id, state: "live" }]));
  expect(await type("view", "diff", dir, file)).toMatchObject({ code: 0, stdout: "The same members.\n" });
  writeFileSync(file, JSON.stringify([{ id: self.id, state: "live" }]));
  const differs = await type("view", "diff", dir, file);
  expect(differs).toMatchObject({ code: 1, stderr: expect.stringContaining("(views-differ)") });
  expect(differs.stdout).toMatch(/bob .* live .* never heard of it/);
  expect((await type("view", "diff", dir, join(dir, "none"))).code).toBe(3);
});

it("support-bundle writes a file of its owner without metadata", async () => {
  const file = join(dir, "support.json");
  expect((await type("support-bundle", "--out", file, "--dir", dir)).code).toBe(0);
  const text = readFileSync(file, "utf8");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(JSON.parse(text)).toMatchObject({ fireflies: "support", members: [{ name: "bob" }] });
  expect(text).not.toContain("planted-word");
});
