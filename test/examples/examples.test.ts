/** The examples as their readers run them: processes that show the thing, end by themselves and leave nothing behind. */
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, it } from "vitest";

const INDEX = join(import.meta.dirname, "../../dist/examples/index.js");
const DEADLINE_MS = 60_000;

let temporary: string;
beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), "ff-examples-"));
});
afterEach(() => rmSync(temporary, { recursive: true, force: true }));

async function runExample(name: string): Promise<string> {
  const env = { ...process.env, TMPDIR: temporary };
  const options = { cwd: temporary, env, timeout: DEADLINE_MS };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [INDEX, name], options);
  expect(stderr).toBe("");
  expect(readdirSync(temporary)).toEqual([]);
  return stdout;
}

it("messages: replies, and errors with codes", { timeout: DEADLINE_MS }, async () => {
  const lines = (await runExample("messages")).split("\n");
  expect(lines.slice(0, 4)).toEqual([
    'bob got "Good morning" from alice',
    'alice got "Good morning to you, too"',
    'bob got "Good evening" from alice',
    'alice got "Good evening to you, too"',
  ]);
  const codes = lines.slice(4).map((line) => line.split(":")[0]);
  expect(codes).toEqual(["no-greeting", "peer-unknown", "handler-missing", ""]);
});

it("proofs: what was asked and answered is shown to a judge, and a forgery is told", {
  timeout: DEADLINE_MS,
}, async () => {
  const lines = (await runExample("proofs")).trim().split("\n");
  expect(lines.slice(0, 2)).toEqual([
    "message from customer to shop: ten lanterns for 50",
    "reply from shop to customer: agreed: ten lanterns for 50",
  ]);
  expect(lines[2]).toMatch(/^proof-altered: /);
});

it("gossip: all learn the largest number", { timeout: DEADLINE_MS }, async () => {
  const lines = (await runExample("gossip")).trim().split("\n").sort();
  const names = ["ada", "ben", "cleo", "dan", "eva"];
  expect(lines.filter((line) => line.includes("knows"))).toEqual(names.map((name) => `${name} knows 42`));
});

it("streams: messages both ways, and a large transfer", { timeout: DEADLINE_MS }, async () => {
  expect(await runExample("streams")).toBe(
    "1. FIREFLIES, IN THE GARDEN,\n2. BLINK IN ONE RHYTHM,\n3. AND NOBODY LEADS.\nbob received 16777216 bytes\n",
  );
});

it("rpc: a service of grpc-js, and who calls it", { timeout: DEADLINE_MS }, async () => {
  expect(await runExample("rpc")).toBe(
    "green for alice\nyellow at dusk\nyellow at midnight\nyellow at dawn\nUNAVAILABLE\n",
  );
});

it("inventory: a .proto file, who offers it, and the next one when a member goes", {
  timeout: DEADLINE_MS,
}, async () => {
  const lines = (await runExample("inventory")).trim().split("\n");
  expect(lines[0]).toBe("north south");
  expect(lines.slice(1).filter((line) => line.endsWith("is asked by asker")).length).toBe(3);
  expect(lines.filter((line) => / of (lantern|jar)$/.test(line)).length).toBe(3);
  expect(lines.at(-1)).toMatch(/^true 1[01] of lantern$/);
});

it("kv: three maps agree, also after a conflict, and take no forgery", { timeout: DEADLINE_MS }, async () => {
  const output = await runExample("kv");
  expect(output).toContain(
    "  animal: firefly firefly firefly\n  colour: green green green\n  season: summer summer summer\n",
  );
  expect(output).toMatch(/ {2}animal: firefly firefly firefly\n {2}colour: (yellow|orange) \1 \1\nA forged/);
  expect(output).toContain("A forged entry is taken: false");
});

it("simulation: leaders change, and all agree again, the same on every machine", { timeout: DEADLINE_MS }, async () => {
  const lines = (await runExample("simulation")).trim().split("\n");
  expect(lines[0]).toMatch(/^24 members, 21 of them correct, on \d+ rings, seed 7$/);
  expect(lines[1]).toMatch(/^all lead by m\d+: true$/);
  expect(lines.slice(2).join("\n")).toMatch(
    /crashes; all follow another one after [\d.]+ s\n.* has the lock after [\d.]+ s\nparted .* 2 leaders\nhealed: .* whole after [\d.]+ s\ndigest [0-9a-f]{16}/,
  );
});

it("an unknown name is told the known ones", async () => {
  await expect(runExample("nonesuch")).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining("messages|") });
});

it("rendezvous: two meet, directly and by the relay, beside a site", { timeout: DEADLINE_MS }, async () => {
  expect(await runExample("rendezvous")).toBe(
    [
      "beside it: the rest of the site",
      "directly: hello, relayed: false",
      "by the relay: hello, relayed: true",
      "a stranger: rdv-handshake, status 403",
      "the server saw 1 meet directly and relayed 1\n",
    ].join("\n"),
  );
});

it("lans: a partition parts the views, and healing makes them whole", { timeout: DEADLINE_MS }, async () => {
  expect((await runExample("lans")).trim().split("\n")).toEqual([
    'laptop hears "hello, too"',
    "apart: server sees laptop, desk sees nobody",
    "together: server sees desk and laptop",
    "server got a datagram",
  ]);
});

it("http: a page, a post, events and a failure between members", { timeout: DEADLINE_MS }, async () => {
  expect((await runExample("http")).trim().split("\n")).toEqual([
    "alice, this is /index.html of bob",
    "201 { from: 'alice', said: 'milk, bread' }",
    ...["data: 3", "data: 2", "data: 1"],
    expect.stringContaining('"carol.fireflies" is no live member'),
  ]);
});
