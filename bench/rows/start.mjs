/** What a start costs: of one member that knows a thousand, and of five hundred members at once. No peer does the like. */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { KnownNetwork } from "../membership/known.mjs";
import { Namespace, whyNoNamespaces } from "../membership/netns.mjs";
import { Ours, onLoopback } from "../membership/networks.mjs";
import { usage } from "../membership/usage.mjs";
import { median, rounded } from "../support/measure.mjs";

const KNOWN = 1000;
/** To compare: what a start costs in any case. */
const FEW = 2;
const STORM = 500;
/** Members that are there before the storm: as many contacts as an authority names. */
const FOUNDERS = 10;
const RINGS = 13;
const STORM_PROCESSES = 50;
/** Virtual. */
const STORM_MAX_MS = 120_000;
/** How exactly the end is told: between two looks; each asks 500 members for 500 others. */
const STORM_STEP_MS = 5;
/** And what follows it, in which nobody may be removed. */
const AFTER_STORM_MS = 5000;
const SEED = 1;
const STARTING = fileURLToPath(new URL("../membership/starting.mjs", import.meta.url));
const run = promisify(execFile);

/** Starts on fresh directories of the same network, one after the other, each in a process of its own. */
async function starts(count, times) {
  const network = await KnownNetwork.create(count);
  const directory = await mkdtemp(join(tmpdir(), "fireflies-bench-"));
  try {
    const found = [];
    for (let turn = 0; turn < times; turn++) {
      const home = join(directory, String(turn));
      await network.save(0, home);
      const { stdout } = await run(process.execPath, ["--expose-gc", STARTING, home]);
      const start = JSON.parse(stdout);
      if (start.known !== count - 1) throw new Error(`${start.known} of ${count - 1} members were known`);
      found.push(start);
    }
    return found;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function measureStart({ runs, quick }) {
  const many = await starts(quick ? 50 : KNOWN, runs);
  const few = await starts(FEW, runs);
  const details = { [many[0].known]: medians(many), [few[0].known]: medians(few) };
  return { ours: many.map(({ startMs }) => startMs), details };
}

function medians(all) {
  const keys = ["loadMs", "startMs", "startCpuMs", "rssMiB", "heapMiB", "externalMiB"];
  return Object.fromEntries(keys.map((key) => [key, median(all.map((one) => one[key]))]));
}

/** The production machine of every member on a virtual clock: a core could not carry so many processes. */
async function simulatedStorm(count, seed) {
  const { Simulation } = await import("../../dist/sim/index.js");
  let removals = 0;
  const told = (_, { kind }) => {
    if (kind === "failed") removals += 1;
  };
  const simulation = new Simulation({ members: FOUNDERS, rings: RINGS, seed, watchers: [{ told }] });
  simulation.run(1000);
  const began = performance.now();
  for (let index = FOUNDERS; index < count; index++) simulation.join();
  const wholeMs = simulation.runUntil(() => simulation.isWhole(), STORM_MAX_MS, STORM_STEP_MS);
  if (wholeMs === undefined) throw new Error(`views are not whole after ${STORM_MAX_MS} ms, seed ${seed}`);
  const computedMs = performance.now() - began;
  const bytes = simulation.members.map((seat) => Object.values(simulation.traffic(seat)).reduce((a, b) => a + b));
  simulation.run(AFTER_STORM_MS);
  const total = bytes.reduce((a, b) => a + b);
  return {
    seconds: wholeMs / 1000,
    bytesPerMember: total / count,
    mostBytes: Math.max(...bytes),
    removals,
    computedMs,
  };
}

/** The same with processes: here the processors are what all wait for. */
async function realStorm(count) {
  const missing = whyNoNamespaces();
  if (missing) return { skipped: missing };
  const namespace = new Namespace();
  const ours = new Ours(onLoopback(namespace));
  try {
    const { afterStart, afterReady } = await ours.start(count);
    const { bytes, cpu } = await usage(ours);
    const times = (kind) => ours.members.reduce((sum, { log }) => sum + log.filter((e) => e.event === kind).length, 0);
    return {
      members: count,
      wholeAfterStart: rounded(afterStart / 1000),
      wholeAfterReady: rounded(afterReady / 1000),
      bytesPerMember: rounded(bytes / count),
      cpuSecondsPerMember: rounded(cpu / count),
      removals: times("failed"),
      suspicions: times("suspected"),
    };
  } finally {
    await ours.stop();
    namespace.remove();
  }
}

/** One run: from the same seed every run gives the same figures, and each takes minutes. */
async function measureStorm({ quick }) {
  const { seconds, ...simulated } = await simulatedStorm(quick ? 30 : STORM, SEED);
  const processes = await realStorm(quick ? 4 : STORM_PROCESSES);
  return { ours: [seconds], details: { ...simulated, processes } };
}

export const rows = [
  {
    name: "start-1000",
    what: `start of a member that has ${KNOWN - 1} others on disk, each certificate and note checked, until it is ready`,
    unit: "ms",
    limits:
      "half is checking certificates, 0.25 ms each: a signature, a key, and reading DER; notes are checked on other threads meanwhile",
    peer: null,
    run: measureStart,
  },
  {
    name: "join-storm-500",
    what: `${STORM - FOUNDERS} join ${FOUNDERS} at once, production machines on a virtual clock, until all views are whole`,
    unit: "s",
    limits:
      "on the virtual clock a few round trips; with processes the processors: a start costs 0.7 s of one, each of its links some milliseconds at both ends",
    peer: null,
    run: measureStorm,
  },
];
