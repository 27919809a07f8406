/**
 * What a stop costs whom: how many answers, bytes and replies of a member that stops arrive, how long a stop takes that
 * nobody waits for, and whether one member's hanging handlers keep another one's message waiting. Whole clients in one
 * process, over real sockets on loopback, default settings of `stop`. Prints a line for each.
 */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { CertificateAuthority, serveAuthority } from "../dist/ca/index.js";
import { Client } from "../dist/client/index.js";
import { makeDirectory } from "./support/scratch.mjs";

const HANDLERS = 10;
const HANDLER_MS = 500;
const CHUNKS = 20;
const CHUNK_BYTES = 1000;
const READ_MS = 20;
const IDLE_STOPS = 20;
const HANGING = 50;
const SEND_MS = 2000;

const text = (value) => new TextEncoder().encode(value);
const tell = (what, value) => console.log(`${what.padEnd(64)}${value}`);
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

/** How many settled in which way: "3 ok, 2 timeout". */
async function outcomes(promises) {
  const counts = new Map();
  for (const { reason } of await Promise.allSettled(promises)) {
    const code = reason ? (reason.code ?? String(reason)) : "ok";
    counts.set(code, (counts.get(code) ?? 0) + 1);
  }
  return [...counts].map(([code, count]) => `${count} ${code}`).join(", ");
}

class Network {
  #members = 0;
  #clients = [];

  static async open() {
    const network = new Network();
    network.authority = await CertificateAuthority.open({ directory: makeDirectory(), open: true, deltaMs: 1500 });
    network.server = await serveAuthority(network.authority, { port: 0 });
    return network;
  }

  /** Registers its handlers by `prepare`, starts and waits until it sees all others, and they it. */
  async member(prepare = () => {}) {
    const [ca] = this.server.urls;
    const name = `m${this.#members++}`;
    const entryAddrs = this.#clients.map(({ address }) => address);
    const { fingerprint: caFingerprint } = this.authority;
    const client = new Client({ config: false, preset: "local", ca, caFingerprint, name, entryAddrs });
    prepare(client);
    await client.start();
    this.#clients.push(client);
    await Promise.all(
      this.#clients.map((each) => until(each, () => each.members().length === this.#clients.length - 1)),
    );
    return client;
  }

  /** Milliseconds that its stop took. */
  async gone(client) {
    const startedAt = performance.now();
    await client.stop();
    const ms = performance.now() - startedAt;
    this.#clients = this.#clients.filter((each) => each !== client);
    await Promise.all(
      this.#clients.map((each) => until(each, () => each.members().length === this.#clients.length - 1)),
    );
    return ms;
  }

  async close() {
    await Promise.all(this.#clients.map((client) => client.stop()));
    await this.server.close();
    await this.authority.close();
  }
}

async function until(client, condition) {
  if (condition()) return;
  for await (const _ of client.changes()) if (condition()) return;
}

const network = await Network.open();
const stays = await network.member((client) => client.registerMessageHandler((data) => sleep(HANDLER_MS, data)));

/** Handlers at work when their member stops. */
{
  let running = 0;
  const works = await network.member((client) =>
    client.registerMessageHandler(async (data) => {
      running += 1;
      await sleep(HANDLER_MS);
      return data;
    }),
  );
  const sent = Array.from({ length: HANDLERS }, () => stays.sendToId(works.id, text("x")));
  const all = outcomes(sent);
  while (running < HANDLERS) await sleep(1);
  await network.gone(works);
  tell(`${HANDLERS} handlers at work for ${HANDLER_MS} ms, stop(): answers`, await all);
}

/** Its own requests. */
{
  const asks = await network.member();
  const sent = outcomes(Array.from({ length: HANDLERS }, () => asks.sendToId(stays.id, text("x"))));
  await sleep(HANDLER_MS / 5);
  await network.gone(asks);
  tell(`${HANDLERS} requests of its own that wait, stop(): answers`, await sent);
}

/** What was written to a stream, to a reader that takes its time. */
{
  let bytes = 0;
  let end = "no end";
  const over = new Promise((resolve) => {
    stays.registerStreamHandler(async (stream) => {
      try {
        for await (const chunk of stream) {
          bytes += chunk.length;
          await sleep(READ_MS);
        }
        end = "ended in order";
        stream.end();
      } catch (error) {
        end = error.code;
      }
      resolve();
    });
  });
  const writes = await network.member();
  const stream = await writes.openStream(stays.id);
  stream.resume();
  for (let count = 0; count < CHUNKS; count++)
    if (!stream.write(new Uint8Array(CHUNK_BYTES))) await once(stream, "drain");
  stream.end();
  await once(stream, "finish");
  await network.gone(writes);
  await over;
  tell(`${CHUNKS * CHUNK_BYTES} bytes on a stream, end(), "finish", stop(): bytes`, `${bytes}, ${end}`);
}

/** A stop that nobody waits for, of a member that has links and has exchanged messages. */
{
  const times = [];
  stays.registerMessageHandler((data) => data);
  for (let count = 0; count < IDLE_STOPS; count++) {
    const idle = await network.member((client) => client.registerMessageHandler((data) => data));
    await Promise.all([idle.sendToId(stays.id, text("x")), stays.sendToId(idle.id, text("x"))]);
    times.push(await network.gone(idle));
  }
  tell(
    `stop() of an idle member, median and most of ${IDLE_STOPS}, ms`,
    `${median(times).toFixed(1)}, ${Math.max(...times).toFixed(1)}`,
  );
}

/** One member's handlers never end; another one has a question. */
{
  let hanging = 0;
  const served = await network.member((client) =>
    client.registerMessageHandler((data) => {
      if (data.length > 1) return data;
      hanging += 1;
      return new Promise(() => {});
    }),
  );
  const greedy = await network.member();
  void outcomes(Array.from({ length: HANGING }, () => greedy.sendToId(served.id, text("x"), { timeout: 30_000 })));
  while (hanging < HANGING) await sleep(1);
  const startedAt = performance.now();
  const outcome = await outcomes([stays.sendToId(served.id, text("hello"), { timeout: SEND_MS })]);
  tell(
    `${HANGING} hanging handlers of one, another's message within ${SEND_MS} ms`,
    `${outcome}, ${(performance.now() - startedAt).toFixed(1)} ms`,
  );
  for (const client of [greedy, served]) await client.stop({ drain: 0 });
}
await network.close();
process.exit();
