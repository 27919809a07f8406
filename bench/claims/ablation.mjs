/** Claim 8: what push, reconciliation, adaptive pings and local health each contribute. */
import { PARTS, switchOff } from "./ablation-switches.mjs";
import { seconds, table } from "./markdown.mjs";
import { bytesOf, correctOf, Mistakes, overlay, quantile } from "./run.mjs";

export const title = "The ablation";
export const about = `N = 100. In the first three columns: without loss / with 20 % loss. In the last three: per member-hour, in all views together, with 10 % of
packets lost, with a quarter of the members standing still for 2 s of each 10 s, and with 5 % that receive nothing for 8 s of each 40 s.
Push makes changes and crashes known sooner; reconciliation brings them to everybody, which push alone does not. Adaptive pings notice a
crash sooner; of mistakes at such a loss they save none, since a call stands behind the pings in any case. Local health changes
nothing beside stalls so short; of the suspicions beyond removals, which are mostly those of the deaf about others, it saves some
four in ten. That the stalled are suspected more often with push is its speed: an accusation reaches more views before its answer.`;
const WARM_UP_MS = 20_000;

export function jobs(scale) {
  const n = 100;
  const minutes = Math.max(1, Math.round(5 * scale));
  return ["nothing", ...PARTS].map((without) => ({ without, n, minutes, seed: 1 }));
}

export function run({ without, n, minutes, seed }) {
  const restore = without === "nothing" ? () => {} : switchOff(without);
  try {
    return {
      ...change({ n, seed, loss: 0 }),
      lossy: change({ n, seed, loss: 0.2 }),
      mistakes: mistakes({ n, minutes, seed }),
    };
  } finally {
    restore();
  }
}

/** A change's way, a crash's, and the bytes of a quiet network. */
function change({ n, seed, loss }) {
  const simulation = overlay({ n, plannedFor: 0.2, seed, network: { loss } });
  simulation.run(WARM_UP_MS);
  const quiet = bytesOf(simulation, simulation.members);
  simulation.run(30_000);
  const steady = (bytesOf(simulation, simulation.members) - quiet) / n / 30;
  const known = [];
  const gone = [];
  for (let count = 0; count < 5; count++) {
    const source = simulation.members[count];
    simulation.describe(source, Uint8Array.of(count + 1));
    const others = correctOf(simulation).filter((seat) => seat !== source && seat.state === "up");
    const knows = ({ machine }) => machine.member(source.id)?.metadata[0] === count + 1;
    known.push(time(simulation, () => others.every(knows)));
    const victim = simulation.members[n - 1 - count];
    simulation.crash(victim);
    const left = others.filter((seat) => seat !== victim);
    gone.push(time(simulation, () => left.every(({ machine }) => !machine.member(victim.id))));
  }
  return { steady, known: quantile(known, 0.5), gone: quantile(gone, 0.5) };
}

function time(simulation, condition) {
  const startedAt = simulation.now;
  return simulation.runUntil(condition, 60_000, 10) === undefined ? Infinity : simulation.now - startedAt;
}

/** Suspicions and removals of members that are up, per member-hour: on lossy links, beside stalled and beside deaf ones. */
function mistakes({ n, minutes, seed }) {
  const lossy = new Mistakes();
  overlay({ n, plannedFor: 0.2, seed, network: { loss: 0.1 }, watchers: [lossy] }).run(minutes * 60_000);
  const stalling = new Mistakes();
  const simulation = overlay({ n, plannedFor: 0.2, seed, watchers: [stalling] });
  for (let second = 1; second < minutes * 60; second += 10) {
    simulation.at(second * 1000, () => {
      for (const seat of simulation.members.slice(0, n / 4)) simulation.stall(seat);
    });
    simulation.at(second * 1000 + 2000, () => {
      for (const seat of simulation.members.slice(0, n / 4)) simulation.resume(seat);
    });
  }
  simulation.run(minutes * 60_000);
  const deaf = new Mistakes();
  const half = overlay({ n, plannedFor: 0.2, seed, watchers: [deaf] });
  half.network.add({ name: "deaf", to: half.members.slice(0, n / 20), loss: 1, flap: { onMs: 8000, offMs: 32_000 } });
  half.run(minutes * 60_000);
  const perHour = (count) => (count * 60) / (n * minutes);
  return {
    lossSuspicions: perHour(lossy.suspicions),
    lossRemovals: perHour(lossy.removals),
    stallSuspicions: perHour(stalling.suspicions),
    stallRemovals: perHour(stalling.removals),
    deafSuspicions: perHour(deaf.suspicions),
    deafRemovals: perHour(deaf.removals),
  };
}

export function render(rows) {
  const lines = rows.map(({ options, result }) => [
    options.without,
    `${seconds(result.known, 3)} / ${seconds(result.lossy.known, 3)}`,
    `${seconds(result.gone)} / ${seconds(result.lossy.gone)}`,
    `${Math.round(result.steady)} / ${Math.round(result.lossy.steady)}`,
    `${result.mistakes.lossSuspicions.toFixed(2)} / ${result.mistakes.lossRemovals.toFixed(2)}`,
    `${result.mistakes.stallSuspicions.toFixed(2)} / ${result.mistakes.stallRemovals.toFixed(2)}`,
    `${result.mistakes.deafSuspicions.toFixed(2)} / ${result.mistakes.deafRemovals.toFixed(2)}`,
  ]);
  const headings = ["without", "change known to all", "crash out of all views", "bytes/s"];
  return table(
    [...headings, "10 % loss: suspicions / removals", "stalls: suspicions / removals", "deaf: suspicions / removals"],
    lines,
  );
}
