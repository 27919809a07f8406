/**
 * What the machine of gossip/ costs, which holds the view and decides: no peer has one to compare with. Signatures cost nothing
 * in these rows but in machine-flood.
 */
import { availableParallelism } from "node:os";
import { median } from "../support/measure.mjs";
import { Child } from "../talk/child.mjs";

const SIZES = [100, 1000, 10_000];
const LARGEST = SIZES.at(-1);
/** Members that lie at once, as fast as they may; the row tells of one. */
const LIARS = [1, 10, 100];
/** Rings for weighing: equal at all sizes, so that only members are weighed. */
const WEIGHED_RINGS = 31;
const WEIGHED = [1000, 10_000];

async function ask(what, options) {
  const worker = new Child("../machine/worker.mjs", `machine-${what}`);
  try {
    return await worker.ask(what, options);
  } finally {
    await worker.end();
  }
}

let measured;

/** By size, the figures of each run. One measurement serves several rows. */
function inputs(options) {
  measured ??= measureInputs(options);
  return measured;
}

async function measureInputs({ runs, quick }) {
  const bySize = Object.fromEntries(SIZES.map((size) => [size, []]));
  const work = quick ? { seconds: 50, changes: 5 } : { seconds: 2000, changes: 200 };
  for (let run = 0; run < runs; run++) {
    for (const size of SIZES) bySize[size].push(await ask("inputs", { size, ...work }));
  }
  return bySize;
}

/** A row of what `figure` finds in the runs at the largest size; in the details the medians at all sizes. */
function rowOf(name, what, unit, figure, more = () => ({})) {
  const run = async (options) => {
    const bySize = await inputs(options);
    const details = {};
    for (const [size, found] of Object.entries(bySize)) {
      details[size] = { rings: found[0].rings, [unit]: median(found.map(figure)), ...more(found) };
    }
    return { ours: bySize[LARGEST].map(figure), details };
  };
  return { name, what, unit, peer: null, run };
}

const STEADY = ["tick", "ping", "pong", "note", "accusation"];

/** Of a machine that gets as many of each kind. */
function eventsPerSecond({ us }) {
  return (1e6 * STEADY.length) / STEADY.reduce((sum, kind) => sum + us[kind], 0);
}

function byKind(found) {
  const kinds = Object.keys(found[0].us);
  return { us: Object.fromEntries(kinds.map((kind) => [kind, median(found.map(({ us }) => us[kind]))])) };
}

function traffic(found) {
  const { reconciliations } = found[0];
  return Object.fromEntries(
    Object.entries(reconciliations).map(([differing, { packets, bytes }]) => [
      `${differing} differ`,
      { packets, bytes, us: median(found.map((each) => each.reconciliations[differing].us)) },
    ]),
  );
}

async function runFlood({ runs, quick }) {
  const [size, threads] = [quick ? 1000 : LARGEST, availableParallelism()];
  const seconds = quick ? 1 : 60;
  const details = {};
  let ours;
  for (const liars of LIARS) {
    const found = [];
    for (let run = 0; run < runs; run++) found.push(await ask("flood", { size, liars, seconds, threads }));
    const of = (figure) => median(found.map((each) => each[figure]));
    details[liars] = { perSecond: of("perSecond"), checking: of("checking"), reading: of("reading") };
    ours ??= found.map(({ perSecond }) => perSecond);
  }
  return { ours, details };
}

async function runWeigh({ runs, quick }) {
  const ours = [];
  const found = [];
  for (let run = 0; run < (quick ? 1 : runs); run++) {
    const [small, large] = await Promise.all(WEIGHED.map((size) => ask("weigh", { size, rings: WEIGHED_RINGS })));
    found.push({ [WEIGHED[0]]: small.bytes, [WEIGHED[1]]: large.bytes });
    ours.push((large.bytes - small.bytes) / (WEIGHED[1] - WEIGHED[0]));
  }
  return { ours, details: { rings: WEIGHED_RINGS, bytes: found } };
}

const HASHES =
  "The digests on a record's path through the record tree, and packets for all neighbours, a hundred on 51 rings; neither grows with the number of members but by rings and by a level of the tree.";

export const rows = [
  {
    ...rowOf(
      "machine-events",
      "ticks, pings, pongs, notes and accusations, as many of each, that one core takes in at 10,000 members",
      "events/s",
      eventsPerSecond,
      byKind,
    ),
    limits: `Notes and accusations: a tick, ping or pong takes a microsecond. ${HASHES}`,
  },
  {
    ...rowOf(
      "machine-insert",
      "a newcomer's certificate and first note, told by a neighbour",
      "us",
      ({ us }) => us.insert,
    ),
    limits:
      "Cache misses: its place is looked for on each ring; the digests of these places come next. Moving the rest of a ring's array by one number is a twentieth of it.",
    tried:
      "A binary search on each ring: twice as many cache misses as guessing the place by its value, which took half of an insert's time away, and half of a look-up of all neighbours.",
  },
  { ...rowOf("machine-remove", "a member that leaves", "us", ({ us }) => us.remove), limits: HASHES },
  { ...rowOf("machine-judge", "an accusation, taken in and judged", "us", ({ us }) => us.accusation), limits: HASHES },
  {
    ...rowOf(
      "machine-reconcile",
      "two views that differ in one note, until they agree: the work of both sides",
      "us",
      ({ reconciliations }) => reconciliations[1].us,
      traffic,
    ),
    limits:
      "Digests of the tree's nodes, a level of it for each packet; a hundred times the members are one level more.",
  },
  {
    name: "machine-flood",
    what: "false signatures that one lying member makes another one check, sending as much as it can",
    unit: "checks/s",
    peer: null,
    limits:
      "One batch of 128 checks, then ten gossip intervals without a hearing. Liars add up: a hundred cost a hundred times as much, until 64 batches are under way.",
    run: runFlood,
  },
  {
    name: "machine-bytes",
    what: "memory of one more known member, between 1,000 and 10,000 of them on 31 rings",
    unit: "bytes",
    peer: null,
    limits:
      "Certificate and note as they came (1 KB), both as records of the tree, 44 bytes on each ring, and what the engine takes for objects and maps.",
    run: runWeigh,
  },
];
