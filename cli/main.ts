#!/usr/bin/env node
import { run } from "./program.js";
import { exitSoon } from "./signals.js";

// `fireflies --help | head -1`: a reader that has gone is nobody to complain to.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}

process.exitCode = await run(process.argv.slice(2));
exitSoon();
