/** One publisher and its subscribers, of ours and of a peer, measured by turns: what was delivered, and how long that took. */
import { setTimeout as sleep } from "node:timers/promises";
import { withPairs } from "../talk/pairs.mjs";

/** One measurement, milliseconds. */
const RUN_MS = 3000;
/** Processes of Node spend their first seconds on compiling: longer than the runs, as eleven of them share the cores. */
const WARM_UP_MS = 8000;
const QUICK_MS = 200;
/** From the end of publishing until all must have come, milliseconds. */
const ARRIVE_MS = 20_000;
const LOOK_MS = 20;

/** The figures of one run: `side` is { publisher, subscribers }, each a child that answers. */
export async function onceOver({ publisher, subscribers }, { ms, ...how }) {
  const before = await cpuOf([publisher, ...subscribers]);
  const { count, beganAt } = await publisher.ask("publish", { ms, ...how });
  await arrival(subscribers, count);
  const after = await cpuOf([publisher, ...subscribers]);
  const told = await Promise.all(subscribers.map((child) => child.ask("told")));
  const delivered = told.reduce((sum, each) => sum + each.count, 0);
  const seconds = (Math.max(...told.map(({ lastAt }) => lastAt)) - beganAt) / 1000;
  const latencies = sorted(told.map((each) => each.latencies));
  const at = (share) => latencies[Math.floor(latencies.length * share)];
  const cpu = after.map((value, index) => (value - before[index]) / count);
  return {
    ...{ published: count, delivered, lost: count * subscribers.length - delivered },
    ...{ perSecond: delivered / seconds, p50: at(0.5), p99: at(0.99) },
    ...{ publisherCpuUs: cpu[0], subscriberCpuUs: cpu.slice(1).reduce((a, b) => a + b, 0) / subscribers.length },
  };
}

async function arrival(subscribers, count) {
  for (const end = performance.now() + ARRIVE_MS; performance.now() < end; await sleep(LOOK_MS)) {
    const counts = await Promise.all(subscribers.map((child) => child.ask("count")));
    if (counts.every((each) => each >= count)) return;
  }
}

async function cpuOf(children) {
  return await Promise.all(children.map((child) => child.cpu()));
}

function sorted(parts) {
  const all = new Float64Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all.sort();
}

/**
 * The `run` of a row: `open` are ours and the peer's openers; `how` is what each publisher is asked; `figure` is what the row is
 * about.
 */
export function measuringTopics({ ours: openOurs, peer: openPeer, how, peerHow = how, figure = "perSecond" }) {
  return async ({ runs, quick }) => {
    const ms = quick ? QUICK_MS : RUN_MS;
    return await withPairs([openOurs, openPeer], async (ours, peer) => {
      const sides = [
        [ours, how],
        [peer, peerHow],
      ];
      for (const [side, asked] of sides) await onceOver(side, { ...asked, ms: quick ? QUICK_MS : WARM_UP_MS });
      const figures = [[], []];
      for (let run = 0; run < runs; run++)
        for (const [index, [side, asked]] of sides.entries())
          figures[index].push(await onceOver(side, { ...asked, ms }));
      const of = (name) => ({ ours: figures[0].map((one) => one[name]), peer: figures[1].map((one) => one[name]) });
      const names = ["perSecond", "p50", "p99", "published", "lost", "publisherCpuUs", "subscriberCpuUs"];
      return { ...of(figure), details: { how, ...Object.fromEntries(names.map((name) => [name, of(name)])) } };
    });
  };
}
