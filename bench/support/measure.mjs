/** Runs a row, and makes of its figures what is told: medians, their ratio, and how far the runs lie apart. */
import { cpus } from "node:os";
import { Skipped } from "./skipped.mjs";

/**
 * The line of a row: { row, ours, peer, ratio, spread, aim, met, unit, ... }. `spread` is the lowest and highest ratio of
 * a run of ours to the run of the peer beside it. Never rejects: a row that fails has an `error`, one that cannot run here
 * `skipped`.
 */
export async function measure(row, { runs, quick }) {
  const about = aboutOf(row);
  try {
    const { ours, peer, details } = await row.run({ runs, quick });
    return { ...about, ...figuresOf(ours, peer, row.aim), ...machine(), ...(details ? { details } : {}) };
  } catch (error) {
    const none = { ...about, ours: null, peer: null, ratio: null, ...machine() };
    if (error instanceof Skipped) return { ...none, skipped: error.message };
    return { ...none, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

function aboutOf({ name, what, unit, aim, peer, limits }) {
  return { row: name, what, unit, against: peer ?? null, ...(aim ? { aim } : {}), ...(limits ? { limits } : {}) };
}

function figuresOf(ours, peer, aim) {
  const own = { ours: median(ours), runs: ours.map(rounded) };
  if (!peer) return { ...own, peer: null, ratio: null };
  if (peer.length !== ours.length) throw new Error(`${ours.length} runs of ours, ${peer.length} of the peer`);
  const ratios = ours.map((value, index) => value / peer[index]);
  const ratio = median(ours) / median(peer);
  return {
    ...own,
    peer: median(peer),
    peerRuns: peer.map(rounded),
    ratio: rounded(ratio),
    spread: [Math.min(...ratios), Math.max(...ratios)].map(rounded),
    ...(aim ? { met: meets(ratio, aim) } : {}),
  };
}

/** Whether the ratio is within the aim. */
export function meets(ratio, { atLeast = Number.NEGATIVE_INFINITY, atMost = Number.POSITIVE_INFINITY }) {
  return ratio >= atLeast && ratio <= atMost;
}

/** On what it was measured: figures of two machines do not compare. */
function machine() {
  const [{ model } = { model: "unknown" }, ...others] = cpus();
  return { date: new Date().toISOString().slice(0, 10), node: process.version, cpu: `${others.length + 1} x ${model}` };
}

export function median(values) {
  if (values.length === 0 || !values.every(Number.isFinite)) throw new Error(`no median of [${values}]`);
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return rounded(sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2);
}

/** Four digits that count: no bench here is exact to more. */
export function rounded(value) {
  return Number(value.toPrecision(4));
}
