/**
 * Two members behind NATs that let in only whom they have sent to: the first message goes over a relay, and a punch leads to
 * a path without one. Real processes, each in a network namespace: `npm run test:nat` has more kinds, and
 * test/long/nat-lab.mjs all of them. Needs a build: `npm run build`.
 */
import { execFile, spawnSync } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { ROOT } from "../support/tree.js";

const LAB = join(ROOT, "test/long/nat-lab.mjs");
const OPTIONS = ["--short", "--kinds", "port-restricted", "--relays", "3", "--delay", "5", "--json"];
const isRoot = process.platform === "linux" && process.getuid?.() === 0;
const canLab = isRoot && spawnSync("nft", ["--version"]).status === 0 && spawnSync("ip", ["-V"]).status === 0;

it.runIf(canLab)("two behind NATs are punched through (needs root on Linux, nft and ip)", async ({ skip }) => {
  const { stdout } = await promisify(execFile)(process.execPath, [LAB, ...OPTIONS]);
  if (stdout.startsWith("skipped: ")) skip(stdout.trim()); // No namespaces, as in many containers.
  const [row] = stdout.trim().split("\n");
  expect(JSON.parse(row!)).toMatchObject({ from: "port-restricted", to: "port-restricted", better: "punched" });
});
