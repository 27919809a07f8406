/**
 * A swarm of seeds, for nights: every core runs one block of fresh seeds after the other, small and large draws in turn, until
 * the time is over; every fifth block it searches for attacks instead, and goes on from where it stood the last time. What
 * fails is printed, and kept in a file, one command per line that repeats it.
 *
 *     npm run swarm -- --minutes 60
 *     npm run swarm -- --minutes 5 --from 0 --cores 2 --keep failing.txt
 *     npm run swarm -- --minutes 600 --search night    # night-0.json, night-1.json: where each core's search stands
 */
import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { appendFileSync, existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const PROGRAM = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const SEEDS_END = 2 ** 32;
/** Seeds of one child: a few minutes at most, so that memory is given back and a stuck one is noticed. */
const BLOCK = { small: 200, large: 10 };
/** Every so many blocks one is generations of the search: about as long as another block. */
const SEARCH_EVERY = 5;
const GENERATIONS = 4;
/** Attacks of a generation (sim/search/generation.ts). */
const ATTACKS = 50;
/** Seeds between the searches of two cores: they never meet. */
const SEARCH_SPACING = 2 ** 22;
/** Milliseconds after which a child is stuck: no seed takes this long. */
const STUCK_MS = 30 * 60_000;
const MINUTES_MAX = 7 * 24 * 60;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "60" },
    from: { type: "string", default: String(randomInt(SEEDS_END / 2)) },
    cores: { type: "string", default: String(availableParallelism()) },
    keep: { type: "string", default: "failing-seeds.txt" },
    search: { type: "string", default: "swarm-search" },
  },
});
const minutes = whole("minutes", 1, MINUTES_MAX);
const cores = whole("cores", 1, 1024);
let next = whole("from", 0, SEEDS_END - 1);
const end = Date.now() + 60_000 * minutes;
const sum = { seeds: 0, failed: 0, events: 0, programs: 0 };
const children = new Set();
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => {
    for (const child of children) child.kill();
    process.exit(130);
  });
}

console.log(`seeds from ${next} on, ${cores} at a time, for ${minutes} min; what fails is kept in ${values.keep}`);
await Promise.all(Array.from({ length: cores }, (_, index) => work(index)));
const events = sum.events.toLocaleString("en-US");
console.log(`${sum.seeds} seeds and ${sum.programs} programs, ${sum.failed} failed, ${events} events`);
process.exitCode = sum.failed > 0 ? 1 : 0;

async function work(index) {
  for (let turn = index; Date.now() < end && next < SEEDS_END; turn++) {
    if (turn % SEARCH_EVERY === SEARCH_EVERY - 1) {
      await search(index);
      continue;
    }
    const size = turn % 2 === 0 ? "small" : "large";
    const from = next;
    next = Math.min(SEEDS_END, from + BLOCK[size]);
    await block(from, next - 1, size);
  }
}

/** The search of one core, a little further. A state that is there already says where it began. */
async function search(index) {
  const state = `${values.search}-${index}.json`;
  const from = existsSync(state) ? [] : ["--from", String(index * SEARCH_SPACING)];
  const args = ["sim", "--search", "--generations", String(GENERATIONS), "--state", state, ...from, "--json"];
  await child(args, (line) => {
    const { found, programs } = JSON.parse(line);
    if (programs !== undefined) sum.programs += GENERATIONS * ATTACKS;
    else if (found) failed(`fireflies sim --program '${JSON.stringify(found.attack)}'`, found.violation.text);
  });
}

async function block(from, to, size) {
  let last = from - 1;
  const { exitCode, signalCode } = await child(
    ["sim", "--seeds", `${from}..${to}`, "--size", size, "--json"],
    (line) => {
      last = take(line, size) ?? last;
    },
  );
  // Ended from within: neither by its last seed nor by us.
  if (last < to && signalCode === null && Date.now() < end)
    fail(last + 1, size, `the process ended with it (exit ${exitCode})`);
}

/** One child process, line by line; it is ended when the time is over. */
async function child(args, onLine) {
  const spawned = spawn(process.execPath, [PROGRAM, ...args], { stdio: ["ignore", "pipe", "ignore"] });
  children.add(spawned);
  const timer = setTimeout(() => spawned.kill(), Math.min(STUCK_MS, Math.max(0, end - Date.now())));
  for await (const line of createInterface({ input: spawned.stdout })) onLine(line);
  clearTimeout(timer);
  children.delete(spawned);
  return spawned;
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
  failed(`fireflies sim --replay ${seed} --size ${size}`, why);
}

function failed(command, why) {
  sum.failed += 1;
  console.log(`${command}  # ${why}`);
  appendFileSync(values.keep, `${command}  # ${why}\n`);
}

function whole(name, min, max) {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  console.error(`--${name} must be a whole number from ${min} to ${max}.`);
  process.exit(2);
}
