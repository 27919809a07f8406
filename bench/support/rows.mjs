/**
 * The rows of the table: what the files of bench/rows/ export as `rows`, in the order of ORDER. A row is
 *
 *   { name: "message-50", what: "one sentence", unit: "calls/s",
 *     aim: { atLeast: 8 } | { atMost: 1.3 } | undefined,      of the ratio ours / peer
 *     peer: "grpc-js unary over mutual TLS, unsigned" | null,
 *     limits: "what limits it, from profiles" | undefined,    a text or several, for docs/performance.md
 *     tried: "what was tried and did not pay" | undefined,    the same
 *     run: async ({ runs, quick }) => ({ ours: number[], peer: number[] | undefined, details: object | undefined }) }
 *
 * `ours` and `peer` have one figure for each run, measured in turns; `peer` is left out by a row without one. `details` may hold
 * further figures, for the plots. `run` throws a `Skipped` (skipped.mjs) when its peer is not installed.
 */
import { readdirSync } from "node:fs";

const ROWS = new URL("../rows/", import.meta.url);
/** First these, as people look for them; then others by file. */
const ORDER = [
  "message-1",
  "message-50",
  "message-500",
  "message-signed-500",
  "message-10k-50",
  "nats-50",
  "libp2p-50",
  "stream-up",
  "stream-down",
  "steady-bytes",
  "steady-cpu",
  "kill",
  "kill-silent",
];

/** All rows, or those with these names; throws for a name that no row has. */
export async function findRows(only = []) {
  const files = readdirSync(ROWS)
    .filter((name) => name.endsWith(".mjs"))
    .sort();
  const found = [];
  for (const file of files) found.push(...(await import(new URL(file, ROWS))).rows);
  const names = found.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice) throw new Error(`two rows are named ${twice}`);
  const unknown = only.find((name) => !names.includes(name));
  if (unknown) throw new Error(`no row ${unknown}; there are ${inOrder(names).join(", ")}`);
  const chosen = only.length > 0 ? found.filter(({ name }) => only.includes(name)) : found;
  return inOrder(chosen, ({ name }) => name);
}

export function inOrder(rows, nameOf = (name) => name) {
  const place = (row) => (ORDER.includes(nameOf(row)) ? ORDER.indexOf(nameOf(row)) : ORDER.length);
  return [...rows].sort((a, b) => place(a) - place(b));
}
