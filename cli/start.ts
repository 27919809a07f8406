/** A process of the command: its command line is run, and what nobody caught is told in a line. */
import { EXIT_FAILED, EXIT_OK, failureLine } from "./failure.js";
import { frames } from "./output.js";
import { run } from "./program.js";
import { exitSoon } from "./signals.js";

for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {}); // The write that failed says so.
// A mistake of ours, also as a rejection that nobody awaits. Its text may be another member's.
process.on("uncaughtException", (error) => {
  const isJson = process.argv.includes("--json");
  const lines = [failureLine(error, isJson), ...(isJson ? [] : frames(error))];
  process.stderr.write(`${lines.join("\n")}\n`);
  process.exit(EXIT_FAILED);
});

let isOver = false;
process.on("exit", (code) => {
  if (isOver || code !== EXIT_OK) return;
  const lost = new Error("The command has not ended, and nothing is left that it could wait for.");
  process.stderr.write(`${failureLine(lost, process.argv.includes("--json"))}\n`);
  process.exitCode = EXIT_FAILED;
});

run(process.argv.slice(2)).then((code) => {
  isOver = true;
  process.exitCode = code;
  exitSoon();
});
