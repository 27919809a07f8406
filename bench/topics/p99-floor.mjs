/**
 * What bounds the row topic-10-p99: the same ten subscribers of NATS core, with and without one check of an Ed25519 signature for what
 * comes in one turn of the event loop, which is the least that proven authors cost; and ours. Eleven processes share the cores of
 * one machine, so what each spends on a message is waited for by the others. By turns, in one run: the times say something of each
 * other, and nothing on a busy machine.
 *
 *   node bench/topics/p99-floor.mjs [--runs 3] [--ms 3000] [--per-second 200,500,2000]
 */
import { parseArgs } from "node:util";
import { onceOver } from "./measuring.mjs";
import { openMembers } from "./members.mjs";
import { openCheckedCore, openCore } from "./nats.mjs";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "3" },
    ms: { type: "string", default: "3000" },
    "per-second": { type: "string", default: "200,500,2000" },
  },
});
const [RUNS, MS] = [Number(values.runs), Number(values.ms)];
const RATES = values["per-second"].split(",").map(Number);
const SUBSCRIBERS = 10;
/** Processes of Node spend their first seconds on compiling. */
const WARM_UP_MS = 8_000;

const sides = [];
try {
  await open("NATS core", openCore, { bytes: 100 });
  await open("NATS core, and a check", openCheckedCore, { bytes: 100 });
  await open("ours", openMembers, { bytes: 100, ack: "some" });
  for (const { side, how } of sides) await onceOver(side, { ...how, perSecond: Math.max(...RATES), ms: WARM_UP_MS });
  for (const perSecond of RATES) await compare(perSecond);
} finally {
  for (const { side } of sides) await side.close();
}

async function open(name, opener, how) {
  sides.push({ name, side: await opener(SUBSCRIBERS), how });
}

async function compare(perSecond) {
  const rows = sides.map(() => []);
  for (let run = 0; run < RUNS; run++)
    for (const [index, { side, how }] of sides.entries())
      rows[index].push(await onceOver(side, { ...how, perSecond, ms: MS }));
  for (const [index, { name }] of sides.entries()) {
    const of = (figure) => rows[index].map((row) => row[figure]).sort((a, b) => a - b)[RUNS >> 1];
    const cpu = of("publisherCpuUs") + SUBSCRIBERS * of("subscriberCpuUs");
    console.log(
      `${String(perSecond).padStart(6)}/s  ${name.padEnd(24)} median ${of("p50").toFixed(2)} ms, p99 ${of("p99").toFixed(2)} ms; ` +
        `${Math.round(cpu)} microseconds of CPU a message, of all ${SUBSCRIBERS + 1} processes`,
    );
  }
}
