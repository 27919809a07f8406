/**
 * What membership costs and how fast it is, beside Serf with its LAN timing: real processes of both at once, each network
 * on a loopback of its own, counted in the same way by the kernel, headers included.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Namespace, Wires, whyNoNamespaces } from "../membership/netns.mjs";
import { hasSerf, Ours, onHosts, onLoopback, removal, Serf } from "../membership/networks.mjs";
import { perMember, usage } from "../membership/usage.mjs";
import { median, rounded } from "../support/measure.mjs";
import { Skipped } from "../support/skipped.mjs";

const SIDES = ["ours", "serf"];
const SERF = "Serf 0.9 agents, LAN timing";
/**
 * Until every link stands that a steady network has: equal views call each neighbour once in eleven turns of 13 rings,
 * and the first call to each dials, which costs as many bytes as a day of keeping the link.
 */
const WARM_UP_S = 145;
const WINDOW_S = 20;
const STEADY_SIZES = [10, 50];
const KILL_SIZES = [10, 30, 50];
const KILL_SIZE = 30;
/** Removals of one network, each of which takes a member away; fewer where they are a detail. */
const KILLS = 5;
const KILLS_OF_OTHERS = 3;
/** Between two removals, milliseconds: nobody is accused any more, and Serf's broadcasts are over. */
const SETTLE_MS = 2500;
/** After both networks have started, milliseconds: half of the links of a steady network stand. */
const SETTLE_FIRST_MS = 20_000;

function requirePeer() {
  const missing = whyNoNamespaces() ?? (hasSerf() ? undefined : "Serf is not installed: apt-get install serf");
  if (missing) throw new Skipped(missing);
}

/** Starts both, one after the other, and ends both in any case. */
async function withBoth(where, count, use) {
  const both = { ours: new Ours(where("ours")), serf: new Serf(where("serf")) };
  try {
    const started = { ours: await both.ours.start(count), serf: await both.serf.start(count) };
    return await use(both, started);
  } finally {
    await Promise.all([both.ours.stop(), both.serf.stop()]);
  }
}

async function withLoopbacks(count, use) {
  const namespaces = { ours: new Namespace(), serf: new Namespace() };
  try {
    return await withBoth((side) => onLoopback(namespaces[side]), count, use);
  } finally {
    for (const namespace of Object.values(namespaces)) namespace.remove();
  }
}

// --- Steady state ---

let steadyRun;

/** One measurement serves both rows. */
function steady(options) {
  steadyRun ??= measureSteady(options);
  return steadyRun;
}

async function measureSteady({ runs, quick }) {
  requirePeer();
  const [few, many] = quick ? [2, 3] : STEADY_SIZES;
  return await withLoopbacks(few, (a) => withLoopbacks(many, (b) => windows({ [few]: a, [many]: b }, { runs, quick })));
}

/** All networks are at rest in the same windows, one after the other: { "10": { ours: [...], serf: [...] }, ... }. */
async function windows(networks, { runs, quick }) {
  await sleep((quick ? 1 : WARM_UP_S) * 1000);
  const found = {};
  for (const count of Object.keys(networks)) found[count] = { ours: [], serf: [] };
  for (let run = 0; run < runs; run++) {
    const before = await usagesOf(networks);
    await sleep((quick ? 1 : WINDOW_S) * 1000);
    const after = await usagesOf(networks);
    for (const [count, sides] of Object.entries(found)) {
      for (const side of SIDES) sides[side].push(perMember(before[count][side], after[count][side], count));
    }
  }
  return found;
}

async function usagesOf(networks) {
  const found = {};
  for (const [count, { ours, serf }] of Object.entries(networks)) {
    found[count] = { ours: await usage(ours), serf: await usage(serf) };
  }
  return found;
}

function steadyRow(name, what, unit, key, aim, limits) {
  const run = async (options) => {
    const found = await steady(options);
    const sides = found[Math.max(...Object.keys(found).map(Number))];
    const figures = (side) => sides[side].map((one) => one[key]);
    return { ours: figures("ours"), peer: figures("serf"), details: steadyDetails(found) };
  };
  return { name, what, unit, aim, limits, peer: SERF, run };
}

/** Medians per size: { "10": { ours: { bytesPerSecond, ... }, serf: { ... } } }. */
function steadyDetails(found) {
  const medians = (all) =>
    Object.fromEntries(Object.keys(all[0]).map((key) => [key, median(all.map((one) => one[key]))]));
  return Object.fromEntries(
    Object.entries(found).map(([count, { ours, serf }]) => [count, { ours: medians(ours), serf: medians(serf) }]),
  );
}

// --- Removal ---

/** Removals in turns: { ours: [{ first, all }], serf: [...] }, milliseconds. */
async function removals(both, count, strikes, quick) {
  const found = { ours: [], serf: [] };
  const times = quick ? 1 : count === KILL_SIZE ? KILLS : KILLS_OF_OTHERS;
  if (!quick) await sleep(SETTLE_FIRST_MS);
  for (let turn = 0; turn < times; turn++) {
    for (const side of SIDES) {
      await sleep(SETTLE_MS);
      // Never the first: Serf's others joined by it.
      found[side].push(await removal(both[side], both[side].members.at(-1), strikes[side]));
    }
  }
  return found;
}

const killing = (victim) => victim.end("SIGKILL");

async function measureKill({ quick }) {
  requirePeer();
  const found = {};
  for (const count of quick ? [4] : KILL_SIZES) {
    found[count] = await withLoopbacks(count, async (both, started) => ({
      started,
      ...(await removals(both, count, { ours: killing, serf: killing }, quick)),
    }));
  }
  return killResult(found, quick ? 4 : KILL_SIZE);
}

async function measureSilent({ quick }) {
  requirePeer();
  const found = {};
  for (const count of quick ? [4] : KILL_SIZES) {
    const wires = { ours: new Wires(count), serf: new Wires(count) };
    const silencing = (side) => (victim) => wires[side].silence(victim.index);
    const strikes = { ours: silencing("ours"), serf: silencing("serf") };
    try {
      found[count] = await withBoth(
        (side) => onHosts(wires[side]),
        count,
        async (both, started) => ({
          started,
          ...(await removals(both, count, strikes, quick)),
        }),
      );
    } finally {
      for (const side of Object.values(wires)) side.remove();
    }
  }
  return killResult(found, quick ? 4 : KILL_SIZE);
}

function killResult(found, size) {
  const details = {};
  for (const [count, { started, ours, serf }] of Object.entries(found)) {
    details[count] = { ours: removalMedians(ours, started.ours), serf: removalMedians(serf, started.serf) };
    details[count].ratio = rounded(details[count].ours.all / details[count].serf.all);
  }
  const seconds = (side) => found[size][side].map(({ all }) => all / 1000);
  return { ours: seconds("ours"), peer: seconds("serf"), details };
}

/** Seconds; whole views from the first start, and after the last member was ready. */
function removalMedians(all, { afterStart, afterReady }) {
  const seconds = (values) => rounded(median(values) / 1000);
  return {
    first: seconds(all.map((one) => one.first)),
    all: seconds(all.map((one) => one.all)),
    slowest: seconds([Math.max(...all.map((one) => one.all))]),
    wholeAfterStart: seconds([afterStart]),
    wholeAfterReady: seconds([afterReady]),
  };
}

export const rows = [
  steadyRow(
    "steady-bytes",
    "bytes per member and second of 50 idle processes, default settings, pings and all headers included",
    "B/s",
    "bytesPerSecond",
    { atMost: 1.5 },
    "two thirds are a ping and a pong of 107 bytes each per second; the rest are calls to neighbours, one in eleven turns of the rings, and questions for the revocation list",
  ),
  steadyRow("steady-cpu", "CPU seconds per member and minute of the same processes", "s/min", "cpuSecondsPerMinute", {
    atMost: 5,
  }),
  {
    name: "kill",
    what: `kill -9 until all of ${KILL_SIZE} views are without it`,
    unit: "s",
    aim: { atMost: 0.6 },
    limits:
      "3 s of it are 2 Delta, in which the accused may answer; broken links tell within 0.3 s. Fifty processes on two cores wait for each other, and late time counts for no removal",
    peer: SERF,
    run: measureKill,
  },
  {
    name: "kill-silent",
    what: `a host falls silent, all its packets lost, until all of ${KILL_SIZE} views are without it`,
    unit: "s",
    aim: { atMost: 0.8 },
    limits:
      "3 s of it are 2 Delta; up to 1 s passes until the first of its monitors visits it, 0.7 s until pings and the call beside them are given up",
    peer: SERF,
    run: measureSilent,
  },
];
