/**
 * The examples as their readers run them: they show the thing, end by themselves and leave nothing behind. All run one after the
 * other in one process, since most of its time goes into loading what they have in common.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";

const INDEX = join(import.meta.dirname, "../../dist/examples/index.js");
const DEADLINE_MS = 120_000;

const NAMES = "messages proofs gossip streams rpc inventory kv simulation rendezvous lans http orders cache".split(" ");
/** Before what an example prints; its name follows. */
const BEGIN = "\f";

const temporary = mkdtempSync(join(tmpdir(), "ff-examples-"));
const said = new Map<string, string>();
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

function run(...args: readonly string[]) {
  const options = { cwd: temporary, env: { ...process.env, TMPDIR: temporary }, timeout: DEADLINE_MS };
  return promisify(execFile)(process.execPath, args, options);
}

beforeAll(async () => {
  const lines = NAMES.flatMap((name) => [
    `console.log(${JSON.stringify(`${BEGIN}${name}`)});`,
    `process.argv[2] = ${JSON.stringify(name)};`,
    `await import(${JSON.stringify(`${pathToFileURL(INDEX).href}?${name}`)});`,
  ]);
  const { stdout, stderr } = await run("--input-type=module", "--eval", lines.join("\n"));
  expect(stderr).toBe("");
  expect(readdirSync(temporary)).toEqual([]);
  for (const part of stdout.split(BEGIN).slice(1)) {
    const end = part.indexOf("\n");
    said.set(part.slice(0, end), part.slice(end + 1));
  }
}, DEADLINE_MS);

/** What it printed. */
const runExample = (name: string) => said.get(name) ?? "";

it("messages: replies, and errors with codes", () => {
  const lines = runExample("messages").split("\n");
  expect(lines.slice(0, 4)).toEqual([
    'bob got "Good morning" from alice',
    'alice got "Good morning to you, too"',
    'bob got "Good evening" from alice',
    'alice got "Good evening to you, too"',
  ]);
  const codes = lines.slice(4).map((line) => line.split(":")[0]);
  expect(codes).toEqual(["no-greeting", "peer-unknown", "handler-missing", ""]);
});

it("proofs: what was asked and answered is shown to a judge, and a forgery is told", () => {
  const lines = runExample("proofs").trim().split("\n");
  expect(lines.slice(0, 2)).toEqual([
    "message from customer to shop: ten lanterns for 50",
    "reply from shop to customer: agreed: ten lanterns for 50",
  ]);
  expect(lines[2]).toMatch(/^proof-altered: /);
});

it("gossip: all learn the largest number", () => {
  const lines = runExample("gossip").trim().split("\n").sort();
  const names = ["ada", "ben", "cleo", "dan", "eva"];
  expect(lines.filter((line) => line.includes("knows"))).toEqual(names.map((name) => `${name} knows 42`));
});

it("streams: messages both ways, and a large transfer", () => {
  expect(runExample("streams")).toBe(
    "1. FIREFLIES, IN THE GARDEN,\n2. BLINK IN ONE RHYTHM,\n3. AND NOBODY LEADS.\nbob received 16777216 bytes\n",
  );
});

it("orders: of two workers and an audit one is killed in the middle, nothing is lost", () => {
  expect(runExample("orders").trim().split("\n")).toEqual([
    "3 subscribers",
    "a worker is killed",
    "200 orders prepared, 200 seen by the audit",
  ]);
});

it("cache: a member that comes takes its share, one that dies loses nothing", () => {
  const lines = runExample("cache").trim().split("\n");
  expect(lines[0]).toMatch(/^three members hold \d+, \d+ and \d+ copies of 100 values$/);
  expect(lines[1]).toMatch(/^a fourth one has come, and holds [1-9]\d* of them$/);
  expect(lines.slice(2)).toEqual(["one is killed: 100 of 100 values are still there"]);
});

it("rpc: a service of grpc-js, and who calls it", () => {
  expect(runExample("rpc")).toBe("green for alice\nyellow at dusk\nyellow at midnight\nyellow at dawn\nUNAVAILABLE\n");
});

it("inventory: a .proto file, who offers it, and the next one when a member goes", () => {
  const lines = runExample("inventory").trim().split("\n");
  expect(lines[0]).toBe("north south");
  expect(lines.slice(1).filter((line) => line.endsWith("is asked by asker")).length).toBe(3);
  expect(lines.filter((line) => / of (lantern|jar)$/.test(line)).length).toBe(3);
  expect(lines.at(-1)).toMatch(/^true 1[01] of lantern$/);
});

it("kv: three maps agree, also after a conflict, and take no forgery", () => {
  const output = runExample("kv");
  expect(output).toContain(
    "  animal: firefly firefly firefly\n  colour: green green green\n  season: summer summer summer\n",
  );
  expect(output).toMatch(/ {2}animal: firefly firefly firefly\n {2}colour: (yellow|orange) \1 \1\nA forged/);
  expect(output).toContain("A forged entry is taken: false");
});

it("simulation: leaders change, and all agree again, the same on every machine", () => {
  const lines = runExample("simulation").trim().split("\n");
  expect(lines[0]).toMatch(/^24 members, 21 of them correct, on \d+ rings, seed 7$/);
  expect(lines[1]).toMatch(/^all lead by m\d+: true$/);
  expect(lines.slice(2).join("\n")).toMatch(
    /crashes; all follow another one after [\d.]+ s\n.* has the lock after [\d.]+ s\nparted .* 2 leaders\nhealed: .* whole after [\d.]+ s\ndigest [0-9a-f]{16}/,
  );
});

it("an unknown name is told the known ones", async () => {
  await expect(run(INDEX, "nonesuch")).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining(` ${NAMES.join("|")}\n`),
  });
});

it("rendezvous: two meet, directly and by the relay, beside a site", () => {
  expect(runExample("rendezvous")).toBe(
    [
      "beside it: the rest of the site",
      "directly: hello, relayed: false",
      "by the relay: hello, relayed: true",
      "a stranger: rdv-handshake, status 403",
      "the server saw 1 meet directly and relayed 1\n",
    ].join("\n"),
  );
});

it("lans: a partition parts the views, and healing makes them whole", () => {
  expect(runExample("lans").trim().split("\n")).toEqual([
    'laptop hears "hello, too"',
    "apart: server sees laptop, desk sees nobody",
    "together: server sees desk and laptop",
    "server got a datagram",
  ]);
});

it("http: a page, a post, events and a failure between members", () => {
  expect(runExample("http").trim().split("\n")).toEqual([
    "alice, this is /index.html of bob",
    "201 { from: 'alice', said: 'milk, bread' }",
    ...["data: 3", "data: 2", "data: 1"],
    expect.stringContaining('"carol.fireflies" is no live member'),
  ]);
});
