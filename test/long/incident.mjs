/**
 * An incident from the alarm to the end: an authority and three agents as processes, and a fourth member that signs false
 * accusations with its own key. An operator hears of it (`monitor`), asks why (`explain`), writes down what was signed
 * (`evidence export`); a third party that has the file and root.pem alone checks it (`evidence verify`, and openssl where there
 * is one), and sees which statement was changed in a copy; the liar is revoked. Prints each step, and how long it took.
 * Needs a build.
 *
 *   node test/long/incident.mjs
 */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const PROGRAM = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
/** For whatever is waited for, milliseconds: generous, for busy machines. */
const STEP_MS = 300_000;
/** So often the liar lies: from the third answered accusation on `explain` points at it. */
const LIES = 3;
/** Besides the liar. */
const MEMBERS = 3;
const root = mkdtempSync(join(tmpdir(), "ff-incident-"));
const children = [];
const began = performance.now();
const ready = new Map();

if (process.argv[2] === "--liar") await lie(process.argv[3], process.argv[4]);
else await incident();

/**
 * A process of its own: joins, and lies whenever its standard input says so, each time on another ring: who answers disables the
 * ring. The victim is the one that it stands before on most rings, three at least of nine.
 */
async function lie(dir, token) {
  const { Liar } = await import("../../dist/cli/demo/liar.js");
  const liar = new Liar(dir, token);
  await liar.join(MEMBERS, AbortSignal.timeout(STEP_MS));
  console.log(JSON.stringify({ event: "joined" }));
  const rings = (id) => liar.successors.filter(({ victim }) => victim === id);
  const [{ victim }] = liar.successors.toSorted((a, b) => rings(b.victim).length - rings(a.victim).length);
  const free = rings(victim).map(({ ring }) => ring);
  let last = 0n;
  for await (const _ of createInterface(process.stdin)) {
    const ring = free.shift();
    const now = () => liar.successors.find((each) => each.ring === ring && each.victim === victim);
    // It accuses the note that all hold: it has to hear of the last answer first.
    while (!(now()?.epoch > last)) await sleep(100);
    const { epoch } = await liar.lie(now());
    last = epoch;
    console.log(JSON.stringify({ event: "lied", victim, ring, epoch: String(epoch) }));
  }
}

async function incident() {
  try {
    await run();
    told("done");
  } finally {
    for (const child of children) child.kill("SIGKILL");
    rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function run() {
  await begin(PROGRAM, "ca", "--dir", "ca", "--port", "0", "--json").next("listening");
  const names = ["alice", "bob", "carol"];
  const agents = await Promise.all(
    names.map(async (name) => {
      const agent = begin(
        PROGRAM,
        "agent",
        "--dir",
        name,
        "--join",
        await token(name),
        "--listen",
        "127.0.0.1:0",
        "--json",
      );
      await agent.next("ready");
      return agent;
    }),
  );
  await agents[0].next("joined", ({ name }) => name === "bob");
  await agents[0].next("joined", ({ name }) => name === "carol");
  const liar = begin(fileURLToPath(import.meta.url), "--liar", join(root, "mallory"), await token("mallory"));
  await Promise.all([liar.next("joined"), agents[0].next("joined", ({ name }) => name === "mallory")]);
  told("three agents and a liar are in one network");

  // The operator watches one agent; the lie is of a member that stands behind the liar on a ring.
  const watches = names.map((name) => begin(PROGRAM, "monitor", "--dir", name, "--json"));
  await Promise.all(
    watches.map((watch) => watch.next("joined", ({ name, member }) => (name ?? member?.name) === "mallory")),
  );
  let victim;
  for (let lies = 0; lies < LIES; lies++) {
    liar.write("lie\n");
    const { victim: id, ring } = await liar.next("lied");
    const witness = watches.find((_, index) => idOf(names[index]) !== id);
    const ofVictim = (said) => (said.id ?? said.member?.id) === id;
    await witness.next("suspected", ofVictim);
    await witness.next("rebutted", ofVictim);
    victim = nameOf(id);
    told(`lie ${lies + 1}: mallory accuses ${victim} on ring ${ring}; an alarm, and an answer`);
  }

  const witness = names.find((name) => name !== victim);
  const why = JSON.parse(await fireflies("explain", victim, "--dir", witness, "--json"));
  assert.equal(why.standing, "live");
  const accusers = new Set(why.events.filter(({ kind }) => kind === "accused").map(({ byName }) => byName));
  assert.deepEqual([...accusers], ["mallory"]);
  assert.match(why.sentences.join("\n"), /accusations come from mallory/);
  const who = JSON.parse(await fireflies("explain", "mallory", "--dir", witness, "--json"));
  assert.ok(
    who.accuses.some(({ name, answered }) => name === victim && answered >= LIES - 1),
    JSON.stringify(who.accuses),
  );
  told(`explain: ${why.sentences.find((sentence) => sentence.includes("come from"))}`);

  await fireflies("evidence", "export", "mallory", "--out", "mallory.evidence", "--dir", witness);
  const elsewhere = join(root, "elsewhere");
  mkdirSync(elsewhere);
  const file = join(elsewhere, "mallory.evidence");
  const rootFile = join(elsewhere, "root.pem");
  writeFileSync(file, readFileSync(join(root, "mallory.evidence")));
  writeFileSync(rootFile, readFileSync(join(root, "alice", "root.pem")));
  const report = JSON.parse(await fireflies("evidence", "verify", file, "--root", rootFile, "--json"));
  assert.equal(report.ok, true, JSON.stringify(report.problems));
  assert.match(
    report.findings.join("\n"),
    new RegExp(`mallory .* signed that ${victim} .* does not answer on ring .* answered with epoch`),
  );
  told(`a third party: ${report.statements.length} statements are their authors'; ${report.findings[0]}`);

  const changed = await tampered(readFileSync(file), witness);
  writeFileSync(join(elsewhere, "changed.evidence"), changed);
  const refused = await fireflies(
    "evidence",
    "verify",
    join(elsewhere, "changed.evidence"),
    "--root",
    rootFile,
    "--json",
  ).then(
    () => undefined,
    (error) => error,
  );
  assert.equal(refused?.code, 1);
  assert.match(refused.stdout, /has not signed this/);
  told("a copy in which an accusation was changed: it is named");
  await openssl(file, rootFile);

  await fireflies("ca", "revoke", "mallory", "--dir", "ca");
  const watch = watches[names.indexOf(witness)];
  await watch.next("failed", ({ reason }) => reason === "revoked");
  const after = JSON.parse(await fireflies("explain", "mallory", "--dir", witness, "--json"));
  assert.equal(after.standing, "revoked");
  told(`revoked: ${after.sentences[0]}`);
}

/** With one bit of an accusation's epoch changed, in an envelope that is good: signed by a member that lies about it. */
async function tampered(evidence, signer) {
  const { openCms, signCms, loadIdentity } = await import("../../dist/identity/index.js");
  const { content } = await openCms(new Uint8Array(evidence));
  const bundle = JSON.parse(Buffer.from(content).toString());
  const index = bundle.statements.findIndex((text) => Buffer.from(text, "base64")[0] === 3);
  const bytes = Buffer.from(bundle.statements[index], "base64");
  bytes[bytes.length - 70] ^= 1;
  bundle.statements[index] = bytes.toString("base64");
  const { certificate, privateKey } = await loadIdentity(join(root, signer), { now: Date.now() });
  return await signCms(new TextEncoder().encode(JSON.stringify(bundle)), certificate, privateKey);
}

async function openssl(file, rootFile) {
  const args = ["cms", "-verify", "-inform", "PEM", "-in", file, "-CAfile", rootFile, "-purpose", "any"];
  try {
    const { stdout } = await promisify(execFile)("openssl", args, { maxBuffer: 64 * 1024 * 1024 });
    assert.equal(JSON.parse(stdout).about.name, "mallory");
    told("openssl cms -verify: the envelope is good");
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
    told("openssl is not here: skipped");
  }
}

async function fireflies(...args) {
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, ...args], {
    cwd: root,
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout;
}

async function token(name) {
  return JSON.parse(await fireflies("ca", "token", name, "--dir", "ca", "--json")).token;
}

/** Ids by directory, once their agents are ready. */
function idOf(name) {
  return ready.get(name);
}

function nameOf(id) {
  return [...ready].find(([, each]) => each === id)?.[0];
}

/** A process of this story, and what it tells. */
function begin(program, ...args) {
  const child = spawn(process.execPath, [program, ...args], { cwd: root, stdio: ["pipe", "pipe", "inherit"] });
  children.push(child);
  const waiting = [];
  const lines = createInterface(child.stdout);
  lines.on("line", (line) => waiting.push(JSON.parse(line)));
  return {
    write: (text) => child.stdin.write(text),
    /** The first of this kind that was not taken yet. */
    next: async (kind, isMeant = () => true) => {
      for (;;) {
        const index = waiting.findIndex((said) => (said.event ?? said.kind) === kind && isMeant(said));
        if (index !== -1) {
          const [found] = waiting.splice(index, 1);
          if (kind === "ready") ready.set(found.name, found.id);
          return found;
        }
        await once(lines, "line", { signal: AbortSignal.timeout(STEP_MS) });
      }
    },
  };
}

function told(text) {
  console.log(`${((performance.now() - began) / 1000).toFixed(1).padStart(5)} s  ${text}`);
}
