#!/usr/bin/env node
import { failureLine } from "./failure.js";
import { frames } from "./output.js";
import { run } from "./program.js";
import { exitSoon } from "./signals.js";

for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {}); // The write that failed says so.
// A mistake of ours, also as a rejection that nobody awaits. Its text may be another member's.
process.on("uncaughtException", (error) => {
  const isJson = process.argv.includes("--json");
  const lines = [failureLine(error, isJson), ...(isJson ? [] : frames(error))];
  process.stderr.write(`${lines.join("\n")}\n`);
  process.exit(1);
});

process.exitCode = await run(process.argv.slice(2));
exitSoon();
