#!/usr/bin/env node
import { run } from "./program.js";
import { exitSoon } from "./signals.js";

process.exitCode = await run(process.argv.slice(2));
exitSoon();
