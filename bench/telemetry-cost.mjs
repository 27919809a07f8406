// What it costs that messages are counted, and what it costs to watch them: signed requests with signed replies, 100 bytes each, 50 in
// flight (the row message-50), in alternating pairs of runs, one pair of processes for each way. `--against DIR`: a checkout
// of another commit, built, to compare with.
// Run: npm run build && node bench/telemetry-cost.mjs [--against DIR] [--pairs 10] [--seconds 3]
import { loadavg } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { median } from "./support/measure.mjs";
import { openMembers, withPairs } from "./talk/pairs.mjs";

const { values } = parseArgs({
  options: {
    against: { type: "string" },
    pairs: { type: "string", default: "10" },
    seconds: { type: "string", default: "3" },
  },
});
const [pairs, ms] = [Number(values.pairs), 1000 * Number(values.seconds)];
const LOAD = { inFlight: 50, bytes: 100 };

const WAYS = [
  { name: "counted, not watched", open: () => openMembers({}, "plain") },
  { name: "a page of metrics each second", open: () => openMembers({}, "metrics", { watched: "metrics" }) },
  { name: "one message in a hundred traced", open: () => openMembers({}, "sampled", { watched: "sampling" }) },
  { name: "each message traced", open: () => openMembers({}, "tracing", { watched: "tracing" }) },
];
if (values.against !== undefined) {
  const file = join(resolve(values.against), "bench/talk/member.mjs");
  WAYS.unshift({ name: `as in ${values.against}`, open: () => openMembers({}, "before", { file }) });
}

/** A median, and how far it is from that of the first way. */
function beside(figures, first) {
  const shown = Number(median(figures).toPrecision(4)).toLocaleString("en");
  return `${shown} (${percent(median(figures.map((figure, pair) => figure / first[pair])) - 1)})`;
}

const percent = (share) => `${share >= 0 ? "+" : ""}${(100 * share).toFixed(1)} %`;

await withPairs(
  WAYS.map(({ open }) => open),
  async (...opened) => {
    const rates = opened.map(() => []);
    const costs = opened.map(() => []);
    const once = async (index) => {
      const before = await opened[index].cpu();
      const { perSecond, calls } = await opened[index].ask("messages", { ...LOAD, ms });
      const after = await opened[index].cpu();
      const microseconds = after.reduce((sum, value, side) => sum + value - before[side], 0);
      return { perSecond, cost: microseconds / calls };
    };
    for (const index of opened.keys()) await once(index);
    for (let pair = 0; pair < pairs; pair++) {
      // Each beside the first of this round, and who begins changes.
      const order = pair % 2 === 0 ? [...opened.keys()] : [...opened.keys()].reverse();
      for (const index of order) {
        const { perSecond, cost } = await once(index);
        rates[index].push(perSecond);
        costs[index].push(cost);
      }
    }
    console.log(
      `Messages of 100 bytes, 50 in flight; medians of ${pairs} runs of ${ms / 1000} s by turns, Node ${process.version}.`,
    );
    console.log(
      `Behind each the median of its ratios to the first, pair by pair. On a busy machine look at the processor's time.`,
    );
    console.log(`${"".padEnd(34)} ${"messages/s".padStart(22)} ${"us of CPU, both sides".padStart(26)}`);
    for (const [index, { name }] of WAYS.entries()) {
      const [rate, cost] = [rates, costs].map((figures) => beside(figures[index], figures[0]));
      console.log(`${name.padEnd(34)} ${rate.padStart(22)} ${cost.padStart(26)}`);
    }
    console.log(
      `load ${loadavg()
        .map((load) => load.toFixed(1))
        .join(" ")}`,
    );
  },
);
