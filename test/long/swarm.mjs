/**
 * A swarm of seeds, for nights: every core runs one block of fresh seeds after the other, small and large draws in turn, until
 * the time is over. What fails is printed, and kept in a file, one command per line that repeats it.
 *
 *     npm run swarm -- --minutes 60
 *     npm run swarm -- --minutes 5 --from 0 --cores 2 --keep failing.txt
 */
import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { appendFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const PROGRAM = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const SEEDS_END = 2 ** 32;
/** Seeds of one child: a few minutes at most, so that memory is given back and a stuck one is noticed. */
const BLOCK = { small: 200, large: 10 };
/** Milliseconds after which a child is stuck: no seed takes this long. */
const STUCK_MS = 30 * 60_000;
const MINUTES_MAX = 7 * 24 * 60;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "60" },
    from: { type: "string", default: String(randomInt(SEEDS_END / 2)) },
    cores: { type: "string", default: String(availableParallelism()) },
    keep: { type: "string", default: "failing-seeds.txt" },
  },
});
const minutes = whole("minutes", 1, MINUTES_MAX);
const cores = whole("cores", 1, 1024);
let next = whole("from", 0, SEEDS_END - 1);
const end = Date.now() + 60_000 * minutes;
const sum = { seeds: 0, failed: 0, events: 0 };
const children = new Set();
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => {
    for (const child of children) child.kill();
    process.exit(130);
  });
}

console.log(`seeds from ${next} on, ${cores} at a time, for ${minutes} min; what fails is kept in ${values.keep}`);
await Promise.all(Array.from({ length: cores }, (_, index) => work(index)));
console.log(`${sum.seeds} seeds, ${sum.failed} failed, ${sum.events.toLocaleString("en-US")} events`);
process.exitCode = sum.failed > 0 ? 1 : 0;

async function work(index) {
  for (let turn = index; Date.now() < end && next < SEEDS_END; turn++) {
    const size = turn % 2 === 0 ? "small" : "large";
    const from = next;
    next = Math.min(SEEDS_END, from + BLOCK[size]);
    await block(from, next - 1, size);
  }
}

/** One child process; it is ended when the time is over. */
async function block(from, to, size) {
  const args = ["sim", "--seeds", `${from}..${to}`, "--size", size, "--json"];
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ["ignore", "pipe", "ignore"] });
  children.add(child);
  const timer = setTimeout(() => child.kill(), Math.min(STUCK_MS, Math.max(0, end - Date.now())));
  let last = from - 1;
  for await (const line of createInterface({ input: child.stdout })) last = take(line, size) ?? last;
  clearTimeout(timer);
  children.delete(child);
  // Ended from within: neither by its last seed nor by us.
  if (last < to && child.signalCode === null && Date.now() < end)
    fail(last + 1, size, `the process ended with it (exit ${child.exitCode})`);
}

/** A line of a child; returns the seed that it is about. */
function take(line, size) {
  const { seed, violations, events } = JSON.parse(line);
  if (seed === undefined) return undefined;
  sum.seeds += 1;
  sum.events += events;
  const [first] = violations;
  if (first) fail(seed, size, `${first.invariant} ${first.member} ${first.text}`);
  return seed;
}

function fail(seed, size, why) {
  sum.failed += 1;
  const command = `fireflies sim --replay ${seed} --size ${size}`;
  console.log(`${command}  # ${why}`);
  appendFileSync(values.keep, `${command}  # ${why}\n`);
}

function whole(name, min, max) {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  console.error(`--${name} must be a whole number from ${min} to ${max}.`);
  process.exit(2);
}
