/**
 * What bounds a bridge: it does for each message what a subscriber of ours does and what a publisher to NATS does, or the other way
 * round, in one process. Each of both alone, the rate that one process can have that does both, and two plain clients.
 *
 *   node bench/topics/bridge-floor.mjs [--runs 3] [--ms 3000]
 */
import { parseArgs } from "node:util";
import { openPlain } from "./bridge.mjs";
import { onceOver } from "./measuring.mjs";
import { openMembers } from "./members.mjs";

const { values } = parseArgs({
  options: { runs: { type: "string", default: "3" }, ms: { type: "string", default: "3000" } },
});
const [RUNS, MS] = [Number(values.runs), Number(values.ms)];
const HOW = { bytes: 100, inFlight: 1_000, ms: MS };

const ours = await measured(await openMembers(1), { ...HOW, ack: "some" });
const plain = await measured(await openPlain(), HOW);
print("member to member", ours);
print("client of NATS to client", plain);
const both = 1 / (1 / ours + 1 / plain);
print("both in one process, at best", both);
console.log(`ratio to two plain clients, at best: ${(both / plain).toFixed(2)}`);

/** The median of the runs, messages per second; the first one compiles. */
async function measured(side, how) {
  try {
    await onceOver(side, how);
    const rates = [];
    for (let run = 0; run < RUNS; run++) rates.push((await onceOver(side, how)).perSecond);
    return rates.sort((a, b) => a - b)[RUNS >> 1];
  } finally {
    await side.close();
  }
}

function print(what, rate) {
  console.log(`${what.padEnd(32)} ${Math.round(rate).toLocaleString("en")} messages/s`);
}
