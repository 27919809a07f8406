/** Runs one job of index.mjs in a process of its own: its memory is its own, and dying of it takes no other with it. */
import { TABLES } from "./tables.mjs";

process.on("message", async ({ table, options }) => {
  const startedAt = performance.now();
  const result = await TABLES[table].run(options);
  process.send({
    result: plain(result),
    seconds: (performance.now() - startedAt) / 1000,
    // Bytes at most, at any time.
    memory: process.resourceUsage().maxRSS * 1024,
  });
});

/** JSON has no Infinity: what never happened is null. */
function plain(value) {
  return JSON.parse(JSON.stringify(value));
}
