/** Claim 4: bytes per member and second while nothing changes, and bytes per member for each change and each crash. */
import { count, groups, percent, rate, table } from "./markdown.mjs";
import { bytesOf, overlay } from "./run.mjs";

export const title = "Bytes per member";
export const about = `What a member sends, without the headers of UDP, TCP, TLS and HTTP/2: per second while nothing changes, and for each change
(a new note) within one second; and for one crash, which all of its monitors say on their rings (rule R7).`;
const WARM_UP_MS = 30_000;
const SETTLE_MS = 15_000;
const CRASH_MS = 20_000;

export function jobs(scale) {
  const cells = [];
  for (const n of [100, 300, 1000, 3000, 10_000]) {
    const seconds = Math.max(10, Math.round((n >= 3000 ? 20 : 60) * scale));
    for (const f of [0.1, 0.2]) cells.push({ n, f, seed: 1, seconds, changes: n >= 3000 ? [10] : [1, 10, 100] });
  }
  return cells;
}

export function run({ n, f, seed, seconds, changes }) {
  // The ring count is the one planned for f; nobody lies, because liars' bytes are their own.
  const simulation = overlay({ n, rings: "auto", byzantine: 0, plannedFor: f, seed });
  simulation.run(WARM_UP_MS);
  const spend = (ms) => {
    const before = bytesOf(simulation, simulation.members);
    simulation.run(ms);
    return (bytesOf(simulation, simulation.members) - before) / n;
  };
  const steady = spend(seconds * 1000) / seconds;
  const perChange = changes.map((count) => {
    for (let index = 0; index < count; index++) {
      const seat = simulation.members[(index * 7919) % n];
      simulation.at(index * (1000 / count), () => simulation.describe(seat, Uint8Array.of(count & 255, index)));
    }
    return { changes: count, bytes: Math.max(0, spend(SETTLE_MS) - (steady * SETTLE_MS) / 1000) / count };
  });
  simulation.crash(simulation.members[1]);
  const perCrash = Math.max(0, spend(CRASH_MS) - (steady * CRASH_MS) / 1000);
  return { rings: simulation.ringCount, steady, perChange, perCrash, simulated: simulation.now / 1000 };
}

export function render(rows) {
  const lines = groups(rows, "n", "f").map(([{ options, result, seconds: spent, memory }]) => [
    count(options.n),
    percent(options.f),
    result.rings,
    Math.round(result.steady),
    result.perChange.map(({ changes, bytes }) => `${changes}: ${count(bytes)}`).join(", "),
    count(result.perCrash),
    rate(result.simulated, spent),
    `${(memory / 2 ** 30).toFixed(2)} GiB`,
  ]);
  const headings = ["N", "planned for", "rings", "bytes/s", "changes: bytes for each", "a crash: bytes"];
  return table([...headings, "simulated s/s", "memory of the run, at most"], lines);
}
