/** The figures that docs/performance.md is printed from: a JSON line for each row, as it was last measured. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { inOrder } from "./rows.mjs";

const KEPT = fileURLToPath(new URL("../performance.jsonl", import.meta.url));

export function readKept(file = KEPT) {
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

/** Puts the row in place of its last figures. One without figures replaces none. */
export function writeKept(result, file = KEPT) {
  if (result.ours === null) return;
  const others = readKept(file).filter(({ row }) => row !== result.row);
  const rows = inOrder([...others, result], ({ row }) => row);
  writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
}
