/**
 * How long a network for tests takes: members in one process, whole, a crash noticed, a restart, and stopped. Milliseconds of each
 * round, and their medians. `node bench/test-network.mjs [--members 5] [--rounds 9]`, after `npm run build`.
 */
import { parseArgs } from "node:util";
import { startTestNetwork } from "fireflies/testing";

const { values } = parseArgs({
  options: { members: { type: "string", default: "5" }, rounds: { type: "string", default: "9" } },
});
const members = Number(values.members);
const taken = { whole: [], removed: [], restarted: [], stopped: [] };

async function timed(what, run) {
  const begun = performance.now();
  const result = await run();
  taken[what].push(Math.round(performance.now() - begun));
  return result;
}

for (let round = 0; round < Number(values.rounds); round++) {
  const network = await timed("whole", () => startTestNetwork({ members }));
  if (members > 1) {
    const last = network.members.at(-1);
    await timed("removed", async () => {
      await network.kill(last);
      await network.gone(last);
    });
    await timed("restarted", async () => {
      await network.restart(last);
      await network.whole();
    });
  }
  await timed("stopped", () => network.stop());
}
for (const [what, all] of Object.entries(taken)) {
  const sorted = all.toSorted((a, b) => a - b);
  console.log(`${what.padEnd(10)} ${sorted[sorted.length >> 1] ?? "-"} ms  (${all.join(" ")})`);
}
