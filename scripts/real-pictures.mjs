/**
 * Pictures of docs/pictures/ that show a real network: an authority and five agents as processes, one of which is killed, and a
 * member that signs false accusations. What one of the agents recorded is opened in the page that it serves. Needs a
 * build, and Chromium (Debian: `apt-get install chromium fonts-inter`).
 *
 *   node scripts/real-pictures.mjs
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { openBrowser } from "../test/support/dashboard/browser.mjs";
import { openRecording, takePicture } from "./taking.mjs";

const PROGRAM = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const LIAR = fileURLToPath(new URL("../test/long/incident.mjs", import.meta.url));
const NAMES = ["alice", "bob", "carol", "dave", "erin"];
const KILLED = "dave";
/** For whatever is waited for, milliseconds: generous, for busy machines. */
const STEP_MS = 300_000;
/** Between the lie and the death: each picture tells of one of them. */
const PAUSE_MS = 6_000;
/** After the event that is shown: what it set off is in the middle of its way. */
const AFTER_MS = 350;
/** Within so long of the first accusation of a dead member others follow. */
const TOGETHER_MS = 1_000;
const root = mkdtempSync(join(tmpdir(), "ff-pictures-"));
const children = [];

const browser = await openBrowser();
if (browser === undefined) console.log("skipped: there is no Chromium here (apt-get install chromium fonts-inter)");
else {
  try {
    await picturesOf(await incident());
  } finally {
    await browser.close();
    for (const child of children) child.kill("SIGKILL");
    rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** The story; resolves with the admin port of an agent that has seen it. */
async function incident() {
  await begin(PROGRAM, "ca", "--dir", "ca", "--port", "0", "--json").next("listening");
  const agents = new Map();
  for (const name of NAMES) {
    const agent = begin(
      ...[PROGRAM, "agent", "--dir", name, "--join", await token(name)],
      ...["--listen", "127.0.0.1:0", "--admin", "0", "--json"],
    );
    agents.set(name, { agent, ...(await agent.next("ready")) });
  }
  const liar = begin(LIAR, "--liar", join(root, "mallory"), await token("mallory"));
  await liar.next("joined");
  const { agent: alice } = agents.get("alice");
  for (const name of [...NAMES.slice(1), "mallory"]) await alice.next("joined", (said) => nameOf(said) === name);
  liar.write("lie\n");
  const { victim } = await liar.next("lied");
  // Who was accused says nothing of it: another one tells the story.
  const witness = [...agents].find(([name, { id }]) => name !== KILLED && id !== victim)[1];
  await witness.agent.next("rebutted");
  await setTimeout(PAUSE_MS);
  agents.get(KILLED).agent.kill();
  await witness.agent.next("failed", (said) => nameOf(said) === KILLED);
  return witness.admin;
}

async function picturesOf(admin) {
  const recording = await (await fetch(new URL("/v1/recording", admin))).text();
  const lines = recording
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const start = lines[0].snapshot.at;
  const end = lines.at(-1).at;
  const history = lines.filter(({ event }) => event === "history");
  const of = (kind, name) => history.filter((each) => each.kind === kind && (name === undefined || each.name === name));
  const rebuttal = of("rebutted")[0].at;
  const dead = of("accused", KILLED).filter(({ at }) => at > rebuttal);
  const accused = dead.filter(({ at }) => at < dead[0].at + TOGETHER_MS).at(-1).at;
  const shareOf = (at) => (Math.min(at + AFTER_MS, end) - start) / (end - start);
  const { ring } = of("accused")
    .filter(({ at }) => at <= rebuttal)
    .at(-1);
  await take(admin, "real-kill", {
    recording,
    share: shareOf(accused),
    theme: "dark",
    name: "five agents, one killed",
  });
  await take(admin, "real-lie", {
    recording,
    share: shareOf(rebuttal),
    theme: "light",
    name: "a liar among five",
    ring,
  });
}

/** With a ring: that one alone. */
async function take(url, name, { theme, ring, ...shown }) {
  const viewport = { width: 1280, height: 800 };
  const context = await browser.newContext({ viewport, colorScheme: theme, timezoneId: "UTC" });
  const page = await context.newPage();
  await page.goto(url);
  await page.locator(".status.live").waitFor();
  await openRecording(page, shown);
  if (ring !== undefined) {
    await page.getByRole("button", { name: "One ring" }).click();
    await page.getByLabel("Which ring", { exact: true }).selectOption(String(ring));
  }
  await takePicture(page, name);
  await context.close();
}

function nameOf(said) {
  return said.name ?? said.member?.name;
}

async function token(name) {
  const args = [PROGRAM, "ca", "token", name, "--dir", "ca", "--json"];
  return JSON.parse((await promisify(execFile)(process.execPath, args, { cwd: root })).stdout).token;
}

/** A process of this story, and what it tells. */
function begin(program, ...args) {
  const child = spawn(process.execPath, [program, ...args], { cwd: root, stdio: ["pipe", "pipe", "inherit"] });
  children.push(child);
  const said = [];
  const lines = createInterface(child.stdout);
  lines.on("line", (line) => said.push(JSON.parse(line)));
  return {
    write: (text) => child.stdin.write(text),
    kill: () => child.kill("SIGKILL"),
    /** The first of this kind that was not taken yet. */
    next: async (kind, isMeant = () => true) => {
      for (;;) {
        const index = said.findIndex((each) => (each.event ?? each.kind) === kind && isMeant(each));
        if (index !== -1) return said.splice(index, 1)[0];
        await once(lines, "line", { signal: AbortSignal.timeout(STEP_MS) });
      }
    },
  };
}
