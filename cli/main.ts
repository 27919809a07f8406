#!/usr/bin/env node
/**
 * The `fireflies` command. What runs is a bundle of it in a few files (`scripts/bundle-command.mjs`), which starts in half
 * the time and holds less than the two hundred files that it is made of. In a checkout a bundle may be missing, or
 * older than what was compiled since: then those files run.
 */
import { readdirSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { beginFrugally } from "./idle.js";

const BUNDLE = "bundle/start.js";
const DIST = new URL("../", import.meta.url);
/** Rooms that no command is made of. */
const BESIDE = ["examples", "test"];

/** Milliseconds, of a file in dist/; 0 when it is not there. */
function writtenAt(file: string): number {
  return statSync(new URL(file, DIST), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** The compiler leaves its notes behind whatever it writes in a room; an installed package has none. */
const rooms = readdirSync(DIST).filter((name) => !BESIDE.includes(name));
const compiledAt = Math.max(...rooms.map((room) => writtenAt(`${room}/.tsbuildinfo`)));

if (process.argv[2] === "agent") beginFrugally();
if (writtenAt(BUNDLE) > compiledAt) createRequire(import.meta.url)(`../${BUNDLE}`);
else await import("./start.js");
