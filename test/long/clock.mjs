/**
 * The rooms that judge certificates and those that stand on them, on other days: their tests 400 and 3,700 days ahead, with
 * libfaketime before every process. No test may hold on one day only, and no certificate, list or state of ours may.
 *
 *   npm run test:clock                     400 and 3,700 days ahead
 *   npm run test:clock -- 9000 -30         on days of your choice
 *   npm run test:clock -- 400 test/ca      some files only
 *
 * Needs Debian's package faketime. Without it, this is skipped with a word; in CI it fails.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../..");
const ROOMS = ["identity", "ca", "net", "client", "topics", "services", "processes"];
/** What relays lie about is no matter of dates, and its answers are told by time. */
const EXCLUDED = ["--exclude", "test/client/lying-relay.test.ts"];
/** Past the life of a member's certificate, of an intermediate; and nearly ten years on, where a root's life of ten still holds. */
const DAYS = [400, 3_700];
const LIBRARY_FOLDERS = ["/usr/lib", "/usr/lib64", "/usr/local/lib"];
const DAY_MS = 86_400_000;
/** Between two processes that look at their clocks one after the other. */
const TOLERANCE_MS = 60_000;

/** Debian keeps it below its triplet, others directly below /usr/lib. */
function library() {
  const folders = LIBRARY_FOLDERS.filter((folder) => existsSync(folder)).flatMap((folder) => [
    folder,
    ...readdirSync(folder).map((name) => join(folder, name)),
  ]);
  return folders.map((folder) => join(folder, "faketime", "libfaketime.so.1")).find((path) => existsSync(path));
}

/** Only the calendar moves: durations are measured by the monotonic clock, which goes on as it does. */
function environment(path, days) {
  const ahead = `${days < 0 ? "-" : "+"}${Math.abs(days)}d`;
  return { ...process.env, LD_PRELOAD: path, FAKETIME: ahead, FAKETIME_DONT_FAKE_MONOTONIC: "1" };
}

/** A run whose clock stands still would pass for nothing: a process, its thread and its child must all see the other day. */
function checkMoved(env, days) {
  const program = `
    const { Worker } = require("node:worker_threads");
    const look = "Date.now()";
    const child = require("node:child_process").execFileSync(process.execPath, ["-p", look], { encoding: "utf8" });
    new Worker("require('node:worker_threads').parentPort.postMessage(" + look + ")", { eval: true })
      .on("message", (thread) => console.log(JSON.stringify([Date.now(), thread, Number(child)])));`;
  const { stdout, stderr } = spawnSync(process.execPath, ["-e", program], { env, encoding: "utf8" });
  const wanted = Date.now() + days * DAY_MS;
  const seen = stdout ? JSON.parse(stdout) : [];
  const isMoved = seen.length === 3 && seen.every((at) => Math.abs(at - wanted) < TOLERANCE_MS);
  if (!isMoved) throw new Error(`libfaketime does not move the clock by ${days} days: ${stdout}${stderr}`);
}

function runAt(path, days, files) {
  const env = environment(path, days);
  checkMoved(env, days);
  console.log(`\n${days} days from now, ${new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 10)}`);
  if (env.VITEST_REPORT) env.VITEST_REPORT = env.VITEST_REPORT.replace(/(\.json)?$/, `${days}.json`);
  const vitest = join(ROOT, "node_modules/vitest/vitest.mjs");
  const args = [vitest, "run", ...EXCLUDED, ...files];
  return spawnSync(process.execPath, args, { cwd: ROOT, env, stdio: "inherit" }).status === 0;
}

const isNumber = (text) => /^-?\d+$/.test(text);
const args = process.argv.slice(2);
const days = args.filter(isNumber).map(Number);
const files = args.filter((text) => !isNumber(text));
const rooms = ROOMS.map((room) => `test/${room}`).filter((room) => existsSync(join(ROOT, room)));
const path = library();
if (path === undefined) {
  console.log("skipped: libfaketime is not installed. As root: apt-get install faketime");
  process.exitCode = process.env.CI ? 1 : 0;
} else {
  // All of them, also when one fails: they fail for different reasons.
  const outcomes = (days.length > 0 ? days : DAYS).map((each) => runAt(path, each, files.length > 0 ? files : rooms));
  process.exitCode = outcomes.every(Boolean) ? 0 : 1;
}
