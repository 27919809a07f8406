/**
 * Searches for programs of liars, works and faults that break a promise of topics (T1 to T5), and makes smaller what breaks one.
 *
 *   node bench/claims/topics-search.mjs --seeds 1..2000 [--minutes 30] [--results FILE] [--alone]
 *
 * Seeds are played one after the other in this process; each is bred from what came before, so that a search is repeated by its
 * seeds. With --alone each seed is drawn for itself. With --results each finding is kept as a line of JSON: a plan that
 * `playTopics` repeats. Exits with 1 when there was a finding.
 */
import { appendFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { smaller, survivors, tried } from "../../dist/sim/topics/search/search.js";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1..200" },
    minutes: { type: "string", default: "Infinity" },
    results: { type: "string" },
    alone: { type: "boolean", default: false },
  },
});
/** After so many seeds the population is another one. */
const GENERATION = 20;

const [first, last] = values.seeds.split("..").map(Number);
const until = performance.now() + Number(values.minutes) * 60_000;
let population = [];
let generation = [];
let found = 0;
let seed = first;
for (; seed <= last && performance.now() < until; seed++) {
  const attack = tried(seed, values.alone ? [] : population);
  if (attack.violation) report(attack);
  generation.push(attack);
  if (generation.length < GENERATION) continue;
  population = survivors(population, generation);
  generation = [];
}
console.log(`${seed - first} seeds from ${first} on, ${found} findings; the nearest: ${population[0]?.nearness ?? 0}`);
process.exitCode = found > 0 ? 1 : 0;

function report(attack) {
  found += 1;
  const { invariant, member, text } = attack.violation;
  console.log(`seed ${attack.seed}: ${invariant} ${member} ${text}`);
  const plan = smaller(attack);
  console.log(JSON.stringify(plan));
  if (values.results) {
    appendFileSync(values.results, `${JSON.stringify({ seed: attack.seed, violation: attack.violation, plan })}\n`);
  }
}
