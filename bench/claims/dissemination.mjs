/** Claim 3: how fast a change of one member reaches all correct ones, beside the idealised rounds of protocol section 5. */
import { switchOff } from "./ablation-switches.mjs";
import { groups, percent, rate, seconds, table } from "./markdown.mjs";
import { correctOf, overlay, quantile } from "./run.mjs";

export const title = "Dissemination of a change";
export const about = `A correct member describes itself anew; how long until every correct member knows. Liars answer pings and nothing
else, so that they stay members. With push, as by default, news need no rounds; the rows "comparing alone" switch push
off and count gossip intervals of 1 s, beside the idealised rounds of docs/protocol.md. They are fewer than those: besides the one
exchange that a member begins in each interval, a ping with another fingerprint begins one.`;
const WARM_UP_MS = 15_000;
const LIMIT_MS = 60_000;
const STEP_MS = 10;
/** Rounds until all correct members know: idealised, synchronous, without loss, silent liars (protocol section 5). */
export const IDEAL = { 1000: { 0: 6.3, 0.1: 7.0, 0.2: 7.2, 0.3: 7.7 }, 5000: { 0: 7.7, 0.1: 8.0, 0.2: 8.8, 0.3: 9.8 } };

export function jobs(scale) {
  const cells = [];
  for (const n of [100, 1000, 5000]) {
    for (const f of n === 5000 ? [0, 0.2] : [0, 0.1, 0.2, 0.3]) {
      for (const loss of n === 5000 ? [0] : [0, 0.1, 0.2]) {
        for (const push of [true, false]) {
          const changes = Math.max(1, Math.round((n === 5000 ? 1 : 5) * scale));
          cells.push({ n, f, loss, push, seed: 1, changes });
        }
      }
    }
  }
  return cells;
}

export function run({ n, f, loss, push, seed, changes }) {
  const restore = push ? () => {} : switchOff("push");
  try {
    return measure({ n, f, loss, seed, changes });
  } finally {
    restore();
  }
}

function measure({ n, f, loss, seed, changes }) {
  const adversary = f === 0 ? "none" : "mute";
  const simulation = overlay({ n, f, adversary, seed, network: { loss } });
  simulation.run(WARM_UP_MS);
  const correct = correctOf(simulation);
  const times = [];
  for (let count = 0; count < changes; count++) {
    const source = correct[(count * 7919) % correct.length];
    const metadata = Uint8Array.of(1, count);
    const startedAt = simulation.now;
    simulation.describe(source, metadata);
    let left = correct.filter((seat) => seat !== source);
    const knows = ({ machine }) => machine.member(source.id)?.metadata[1] === count;
    const isKnown = () => {
      left = left.filter((seat) => !knows(seat));
      return left.length === 0;
    };
    const known = simulation.runUntil(isKnown, LIMIT_MS, STEP_MS);
    times.push(known === undefined ? Infinity : simulation.now - startedAt);
    simulation.run(5000);
  }
  return {
    rings: simulation.ringCount,
    p50: quantile(times, 0.5),
    max: Math.max(...times),
    simulated: simulation.now / 1000,
  };
}

export function render(rows) {
  const lines = groups(rows, "n", "f", "loss", "push").map(([{ options, result, seconds: spent }]) => {
    const { n, f, loss, push } = options;
    const rounds = (ms) => (ms === null ? "not at all" : (ms / 1000).toFixed(1));
    const ideal = push || loss > 0 ? "" : (IDEAL[n]?.[f] ?? "");
    const figures = push ? [seconds(result.p50, 3), seconds(result.max, 3)] : [rounds(result.p50), rounds(result.max)];
    return [
      n,
      percent(f),
      percent(loss),
      push ? "push, seconds" : "comparing alone, rounds",
      ...figures,
      ideal,
      rate(result.simulated, spent),
    ];
  });
  return table(["N", "liars", "loss", "way", "p50", "max", "ideal rounds", "simulated s/s"], lines);
}
