/** What members hold: links that nothing is sent over, known members, and nothing of a million messages that are answered. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { saveIdentity } from "../../dist/identity/index.js";
import { KnownNetwork } from "../membership/known.mjs";
import { median, rounded } from "../support/measure.mjs";
import { makeDirectory, removeDirectory } from "../support/scratch.mjs";
import { Child } from "../talk/child.mjs";

const MESSAGES = 1_000_000;
/** Looks at what is held, while they are sent. */
const LOOKS = 20;
const IN_FLIGHT = 500;
const BYTES = 100;
/** Answered before the first look: code is compiled, and buffers have their size. */
const WARM_UP = 50_000;
const LINKS = 50;
/** Nothing happens but membership, seconds. */
const IDLE_S = 20;
/** After members have come, seconds: what that took is over. */
const SETTLE_S = 5;
const KNOWN = [1000, 10_000];
const STARTING = fileURLToPath(new URL("../membership/starting.mjs", import.meta.url));
const KIB = 1024;
const MIB = 1024 * KIB;

/** A process for each of `counts`; `start(index)` starts so many members there, who know how to find those before them. */
async function withMembers(counts, use) {
  const directory = makeDirectory();
  const children = counts.map((_, index) => new Child("../memory/members.mjs", `memory-${index}`));
  try {
    const network = await KnownNetwork.create(counts.reduce((sum, count) => sum + count));
    const directories = network.members.map((_, index) => join(directory, String(index)));
    for (const [index, { identity }] of network.members.entries()) await saveIdentity(directories[index], identity);
    const entryAddrs = [];
    const start = async (index) => {
      const started = await children[index].ask("start", {
        directories: directories.splice(0, counts[index]),
        entryAddrs,
      });
      entryAddrs.push(...started.map(({ address }) => address));
      return started.map(({ id }) => id);
    };
    return await use(children, start);
  } finally {
    await Promise.all(children.map((child) => child.end()));
    removeDirectory(directory);
  }
}

/** Growth for each unit of x, by least squares. */
function slope(points) {
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(points.map(([a]) => a)), mean(points.map(([, b]) => b))];
  const over = points.reduce((sum, [a, b]) => sum + (a - x) * (b - y), 0);
  return over / points.reduce((sum, [a]) => sum + (a - x) ** 2, 0);
}

async function runMessages({ runs, quick }) {
  const messages = quick ? 20_000 : MESSAGES;
  const found = [];
  for (let run = 0; run < runs; run++) found.push(await watchMessages(messages, quick ? 1000 : WARM_UP));
  const details = { messages, before: found.map(({ first }) => first), after: found.map(({ last }) => last) };
  return {
    ours: found.map(({ used }) => used),
    details: { ...details, rssPerMessage: found.map(({ rss }) => rss), mibAtEachLook: found[0].curve },
  };
}

/** Both sides together; growth in bytes for each message of the last half. */
async function watchMessages(messages, warmUp) {
  return await withMembers([1, 1], async ([asker, answerer], start) => {
    await start(0);
    const ids = await start(1);
    await asker.ask("sees", 1);
    const send = (calls) => asker.ask("send", { ids, calls, inFlight: IN_FLIGHT, bytes: BYTES });
    const looks = [];
    const look = async (sent) => {
      const [a, b] = [await asker.ask("held"), await answerer.ask("held")];
      looks.push({ sent, used: a.used + b.used, rss: a.rss + b.rss });
    };
    await send(warmUp);
    await look(0);
    for (let index = 1; index <= LOOKS; index++) {
      await send(messages / LOOKS);
      await look((index * messages) / LOOKS);
    }
    const half = looks.slice(LOOKS / 2);
    const told = ({ used, rss }) => ({ usedMiB: rounded(used / MIB), rssMiB: rounded(rss / MIB) });
    return {
      used: slope(half.map(({ sent, used }) => [sent, used])),
      rss: rounded(slope(half.map(({ sent, rss }) => [sent, rss]))),
      first: told(looks[0]),
      last: told(looks.at(-1)),
      curve: looks.map(({ used }) => rounded(used / MIB)),
    };
  });
}

let linked;

/** One measurement serves two rows. */
function withLinks(options) {
  linked ??= measureLinks(options);
  return linked;
}

async function measureLinks({ runs, quick }) {
  const found = [];
  for (let run = 0; run < runs; run++) found.push(await watchLinks(quick ? 4 : LINKS, quick ? 1 : IDLE_S));
  return found;
}

async function watchLinks(count, idleS) {
  return await withMembers([1, count], async ([hub], start) => {
    await start(0);
    await sleep(1000 * SETTLE_S);
    const alone = await hub.ask("held");
    const ids = await start(1);
    await hub.ask("sees", count);
    await hub.ask("send", { ids, calls: 1, inFlight: 1, bytes: BYTES });
    await sleep(1000 * SETTLE_S);
    const begun = await hub.ask("held");
    await sleep(1000 * idleS);
    const ended = await hub.ask("held");
    return {
      perLink: (ended.used - alone.used) / ended.links / KIB,
      wakeUps: (ended.waits - begun.waits) / idleS,
      links: [alone.links, begun.links, ended.links],
      timers: [alone.timers, begun.timers, ended.timers],
      usedMiB: [alone, begun, ended].map(({ used }) => rounded(used / MIB)),
      rssMiB: [alone, begun, ended].map(({ rss }) => rounded(rss / MIB)),
    };
  });
}

const linkDetails = (found) => found.map(({ perLink, wakeUps, ...details }) => details);

async function runLinks(options) {
  const found = await withLinks(options);
  return { ours: found.map(({ perLink }) => perLink), details: linkDetails(found) };
}

async function runWakeUps(options) {
  const found = await withLinks(options);
  return { ours: found.map(({ wakeUps }) => wakeUps), details: linkDetails(found) };
}

/** Bytes that a process has in use once it has started with so many members on disk. */
async function startedWith(network, directory, runs) {
  const used = [];
  for (let run = 0; run < runs; run++) {
    const home = join(directory, `${network.members.length}-${run}`);
    await network.save(0, home);
    const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", STARTING, home]);
    const { heapMiB, externalMiB, rssMiB, known } = JSON.parse(stdout);
    if (known !== network.members.length - 1) throw new Error(`${known} of ${network.members.length - 1} were known`);
    used.push({ bytes: (heapMiB + externalMiB) * MIB, rssMiB: rounded(rssMiB) });
  }
  return used;
}

async function runKnown({ runs, quick }) {
  const sizes = quick ? [10, 100] : KNOWN;
  const directory = makeDirectory();
  try {
    const found = [];
    for (const size of sizes) found.push(await startedWith(await KnownNetwork.create(size), directory, runs));
    const [small, large] = found;
    const details = found.map((each, index) => ({
      known: sizes[index],
      usedMiB: rounded(median(each.map(({ bytes }) => bytes)) / MIB),
      rssMiB: median(each.map(({ rssMiB }) => rssMiB)),
    }));
    return { ours: large.map(({ bytes }, run) => (bytes - small[run].bytes) / (sizes[1] - sizes[0])), details };
  } finally {
    removeDirectory(directory);
  }
}

export const rows = [
  {
    name: "memory-messages",
    what: "growth of both sides for each signed and answered message, over the last half of a million on one link",
    unit: "bytes",
    peer: null,
    limits: "Nothing of a message is kept: what still moves is code that is compiled again, and room between objects.",
    run: runMessages,
  },
  {
    name: "memory-link",
    what: "memory of a member for each of fifty others that it knows, monitors, and keeps an idle link to",
    unit: "KiB",
    peer: null,
    limits:
      "node:tls, node:http2 and grpc-js, two connections' worth of buffers and sessions; ours is a few KiB of it.",
    run: runLinks,
  },
  {
    name: "wake-ups",
    what: "how often a second a member that is linked to fifty others, and has nothing to say, wakes up",
    unit: "1/s",
    peer: null,
    limits:
      "A ping a second and its pong, pings of others and the calls that compare views; one timer of the machine, one of the housekeeping.",
    run: runWakeUps,
  },
  {
    name: "memory-known",
    what: "memory of a client for one more member that it knows, between 1,000 and 10,000 of them",
    unit: "bytes",
    peer: null,
    limits:
      "The machine's share (machine-bytes), and the checked certificate with its key, which is kept so that it need not be checked again.",
    run: runKnown,
  },
];
