// Types docs/guide.md word for word into terminals, in an empty folder with the packed package, and says how long each step
// took. It fails when a command of the page does not do what the page says. Run: node test/long/guide.mjs
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** A step that takes longer has failed. */
const STEP_MS = 120_000;

/** What a terminal shows when its block has done what the page says: by the block's first line, in the page's order. */
const SHOWN = [
  [/^npm init/, /added \d+ packages/],
  [/^npx fireflies ca --dir/, /listening at/],
  [/ca token alice/, /ready|listening|alone|joined/],
  [/ca token bob/, /joined/],
  [/ca token carol/, /joined/],
  [/^npx fireflies members/, /bob[\s\S]*carol[\s\S]*hello\n$/],
  [/node store\.mjs/, /^open$/m],
  [/node shop\.mjs/, /^12 pears$/m],
  [/^npx fireflies dashboard/, /http:\/\/127\.0\.0\.1:\d+/],
  [/^npx fireflies explain/, /bob/],
  [/^npx fireflies monitor/, /failed[^\n]*bob/],
  [/^pkill/, undefined],
  [/^npx fireflies agent --dir \.\/bob$/, /joined/],
];

const root = fileURLToPath(new URL("../..", import.meta.url));
const page = readFileSync(join(root, "docs/guide.md"), "utf8");
const folder = mkdtempSync(join(tmpdir(), "ff-guide-"));
const terminals = [];
const blocks = [...page.matchAll(/```(sh|js)\n([\s\S]*?)```/g)].map(([, language, code]) => ({ language, code }));
const programs = ["store.mjs", "shop.mjs"];

const tarball = packed();
const began = performance.now();
let failed = 0;
try {
  for (const { language, code } of blocks) {
    if (language === "js") writeFileSync(join(folder, programs.shift()), code);
    else await step(code.replace("/path/to/fireflies-0.1.0.tgz", tarball));
  }
  console.log(`the whole page: ${seconds(began)}`);
} catch (error) {
  console.error(String(error.message));
  failed = 1;
} finally {
  for (const { child } of terminals) kill(child, "SIGKILL");
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  rmSync(join(root, tarball.slice(root.length)), { force: true });
}
process.exit(failed);

/** The package, as the page's first paragraph makes it. */
function packed() {
  const { stdout } = spawnSync("npm", ["pack", "--silent"], { cwd: root, encoding: "utf8" });
  return join(root, stdout.trim().split("\n").at(-1));
}

async function step(typed) {
  const code = typed.trim();
  const row = SHOWN.find(([first]) => first.test(code) || first.test(code.split("$(")[1] ?? ""));
  if (row === undefined) throw new Error(`test/long/guide.mjs does not know what this shows:\n${code}`);
  const start = performance.now();
  const terminal = open(code);
  // A monitor shows something only once the next block has been typed.
  if (/^npx fireflies monitor/.test(code)) terminal.later = row[1];
  else if (row[1] === undefined)
    await Promise.all(terminals.filter(({ later }) => later).map((one) => shows(one, one.later)));
  else await shows(terminal, row[1]);
  console.log(`${seconds(start).padStart(7)}  ${code.split("\n")[0]}`);
}

function open(code) {
  const child = spawn("bash", ["-c", code], { cwd: folder, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  const terminal = { child, code, text: "", more: () => undefined };
  for (const pipe of [child.stdout, child.stderr]) {
    pipe.on("data", (chunk) => {
      terminal.text += chunk;
      terminal.more();
    });
  }
  child.on("close", () => terminal.more());
  terminals.push(terminal);
  return terminal;
}

async function shows(terminal, expected) {
  const late = AbortSignal.timeout(STEP_MS);
  while (!expected.test(terminal.text)) {
    if (late.aborted) throw new Error(`not within ${STEP_MS / 1_000} s: ${terminal.code}${expected}\n${terminal.text}`);
    await new Promise((resolve) => {
      terminal.more = resolve;
      late.addEventListener("abort", resolve, { once: true });
    });
  }
}

function kill({ pid }, signal) {
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended.
  }
}

function seconds(since) {
  return `${((performance.now() - since) / 1_000).toFixed(1)} s`;
}
