/** What the ablation and the settings are compared by: speed, bytes, and mistakes about members that are up. */
import { seconds } from "./markdown.mjs";
import { bytesOf, correctOf, Mistakes, overlay, quantile } from "./run.mjs";

const WARM_UP_MS = 20_000;

export const COLUMNS = `In the first three columns: without loss / with 20 % loss. In the last three: per member-hour, in all views together, with 10 % of
packets lost, with a quarter of the members standing still for 2 s of each 10 s, and with 5 % that receive nothing for 8 s of each 40 s.`;

/** Of n members under these settings (undefined: the default ones), watched for so many minutes. */
export function quality({ n, minutes, seed, settings }) {
  return {
    ...change({ n, seed, settings, loss: 0 }),
    lossy: change({ n, seed, settings, loss: 0.2 }),
    mistakes: mistakes({ n, minutes, seed, settings }),
  };
}

/** A change's way, a crash's, and the bytes of a quiet network. */
function change({ n, seed, settings, loss }) {
  const simulation = overlay({ n, plannedFor: 0.2, seed, settings, network: { loss } });
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
  return { steady, known: quantile(known, 0.5), gone: quantile(gone, 0.5), simulated: simulation.now / 1000 };
}

function time(simulation, condition) {
  const startedAt = simulation.now;
  return simulation.runUntil(condition, 60_000, 10) === undefined ? Infinity : simulation.now - startedAt;
}

/** Suspicions and removals of members that are up, per member-hour: on lossy links, beside stalled and beside deaf ones. */
function mistakes({ n, minutes, seed, settings }) {
  const lossy = new Mistakes();
  overlay({ n, plannedFor: 0.2, seed, settings, network: { loss: 0.1 }, watchers: [lossy] }).run(minutes * 60_000);
  const stalling = new Mistakes();
  const simulation = overlay({ n, plannedFor: 0.2, seed, settings, watchers: [stalling] });
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
  const others = overlay({ n, plannedFor: 0.2, seed, settings, watchers: [deaf] });
  others.network.add({
    name: "deaf",
    to: others.members.slice(0, n / 20),
    loss: 1,
    flap: { onMs: 8000, offMs: 32_000 },
  });
  others.run(minutes * 60_000);
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

export const HEADINGS = [
  ...["change known to all", "crash out of all views", "bytes/s"],
  ...["10 % loss: suspicions / removals", "stalls: suspicions / removals", "deaf: suspicions / removals"],
];

export function cells({ known, gone, steady, lossy, mistakes }) {
  return [
    `${seconds(known, 3)} / ${seconds(lossy.known, 3)}`,
    `${seconds(gone)} / ${seconds(lossy.gone)}`,
    `${Math.round(steady)} / ${Math.round(lossy.steady)}`,
    `${mistakes.lossSuspicions.toFixed(2)} / ${mistakes.lossRemovals.toFixed(2)}`,
    `${mistakes.stallSuspicions.toFixed(2)} / ${mistakes.stallRemovals.toFixed(2)}`,
    `${mistakes.deafSuspicions.toFixed(2)} / ${mistakes.deafRemovals.toFixed(2)}`,
  ];
}

/** Simulated seconds of all runs behind a row. */
export const simulatedOf = ({ simulated, lossy }, minutes) => simulated + lossy.simulated + 3 * 60 * minutes;
