/** Contacts of an agent that runs, changed in its file: by SIGHUP and by `fireflies reload`. Needs a build: `npm run build`. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { saveIdentity } from "../../identity/index.js";
import { RunningCommand } from "../support/command.js";
import { TestNetwork } from "../support/test-network.js";
import { typed } from "../support/typed.js";

const DEADLINE_MS = 60_000;
const cwd = mkdtempSync(join(tmpdir(), "ff-reload-"));
const dir = (name: string) => join(cwd, name);
const file = join(cwd, "agent.yaml");
const contacts = join(cwd, "contacts");
const agents: RunningCommand[] = [];
/** By name: where the other agents listen. */
const addresses: Record<string, string> = {};
let ann: RunningCommand;

function configure(more: string): void {
  writeFileSync(file, `dir: ${dir("ann")}\nuse_ca: false\nlisten: 127.0.0.1:0\n${more}`);
}

async function json(...args: string[]) {
  const { code, stdout, stderr } = await typed([...args, "--dir", dir("ann"), "--json"], { cwd });
  return code === 0 ? JSON.parse(stdout) : JSON.parse(stderr).error;
}

async function sources(): Promise<string[]> {
  const { discovery } = (await json("info")) as { discovery: { source: string; contacts: number }[] };
  return discovery.map(({ source, contacts }) => `${source} ${contacts}`);
}

const joined = (name: string) => ann.until((told) => told.event === "joined" && told.name === name);
const failed = (code: string) => ann.until((told) => told.event === "alarm" && told.code === code);

beforeAll(async () => {
  const network = await TestNetwork.create();
  for (const name of ["ann", "bob", "eve", "mia"]) await saveIdentity(dir(name), await network.member({ name }));
  configure("");
  ann = new RunningCommand(["agent", "--config", file], { cwd });
  agents.push(ann);
  // Three islands of one: nobody knows of another.
  for (const name of ["bob", "eve", "mia"]) {
    const agent = new RunningCommand(["agent", "--dir", dir(name), "--no-use-ca", "--listen", "127.0.0.1:0"], { cwd });
    agents.push(agent);
    const ready = await agent.event("ready");
    addresses[name] = String(ready.address);
  }
  await ann.event("ready");
}, DEADLINE_MS);

afterAll(async () => {
  await Promise.all(agents.map((agent) => agent.end("SIGTERM")));
  rmSync(cwd, { recursive: true, force: true });
});

it("an address that SIGHUP brings is contacted at once, and waits for no start", { timeout: DEADLINE_MS }, async () => {
  expect(await sources()).toEqual([]);
  configure(`entry_addrs: ["${addresses.bob}"]\n`);
  process.kill(ann.pid, "SIGHUP");
  expect(await ann.event("reloaded")).toMatchObject({ nextStart: [] });
  await joined("bob");
  expect(await sources()).toEqual(["list 1"]);
});

it("a reload puts a source in the place of an address, and brings in whom it names", {
  timeout: DEADLINE_MS,
}, async () => {
  writeFileSync(contacts, `${addresses.eve}\n`);
  configure(`entry_addrs: ["file:${contacts}"]\n`);
  expect(await json("reload")).toMatchObject({ nextStart: [] });
  await joined("eve");
  expect(await sources()).toEqual([`file:${contacts} 1`]);
  // Who was there stays: that nobody names a member any more is no reason to let it go.
  const members = (await json("members")) as { name: string }[];
  expect(members.map(({ name }) => name)).toEqual(expect.arrayContaining(["bob", "eve"]));
});

it("a source that stays is not asked anew, and goes on to be watched", { timeout: DEADLINE_MS }, async () => {
  const answered = async () =>
    (await json("info")).discovery.find((each: { source: string }) => /^file:/.test(each.source));
  const before = await answered();
  configure(`entry_addrs: ["${addresses.bob}", "file:${contacts}"]\n`);
  expect(await json("reload")).toMatchObject({ nextStart: [] });
  expect(await answered()).toEqual(before);
  writeFileSync(contacts, `${addresses.mia}\n`);
  await joined("mia");
});

it("what cannot be a contact is refused with its line, and all stays as it was", { timeout: DEADLINE_MS }, async () => {
  const before = await sources();
  configure('entry_addrs: ["dns:nowhere"]\n');
  expect(await json("reload")).toMatchObject({
    code: "config-bad-value",
    message: expect.stringMatching(/line 4.*dns:nowhere/),
  });
  process.kill(ann.pid, "SIGHUP");
  await failed("config-bad-value");
  expect(await sources()).toEqual(before);
  configure("");
  expect(await json("reload")).toMatchObject({ nextStart: [] });
  expect(await sources()).toEqual([]);
});
