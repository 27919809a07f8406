/** Runs the jobs of index.mjs, one at a time, in a process of its own: one that dies of memory takes no other with it. */
import { TABLES } from "./tables.mjs";

process.on("message", ({ table, options }) => {
  const startedAt = performance.now();
  const result = TABLES[table].run(options);
  process.send({
    result: plain(result),
    seconds: (performance.now() - startedAt) / 1000,
    rss: process.memoryUsage().rss,
  });
});

/** JSON has no Infinity: what never happened is null. */
function plain(value) {
  return JSON.parse(JSON.stringify(value));
}
