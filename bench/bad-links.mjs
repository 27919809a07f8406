/**
 * What a bad network between members costs: how long until messages flow again over a connection that went silent or was
 * reset, how long a call may take when nobody answers, how soon a member joins whose contact's first address is dead, and
 * whether a liar's names without an answer harm the others. Whole clients in one process, over real sockets on loopback.
 * Prints a line for each; scenes may be named: silent reset late seed outbound names
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { CertificateAuthority, serveAuthority } from "../dist/ca/index.js";
import { Client } from "../dist/client/index.js";
import { makeDirectory } from "./support/scratch.mjs";

const RESETS = 50;
const ROGUES = 2;
const ROGUE_NAMES = 38;
const ROGUE_NOTES = 64;
const NAMES_MS = 40_000;

const text = (value) => new TextEncoder().encode(value);
const tell = (what, value) => console.log(`${what.padEnd(72)}${value}`);
const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`;

class Network {
  #members = 0;
  clients = [];

  static async open() {
    const network = new Network();
    network.authority = await CertificateAuthority.open({ directory: makeDirectory(), open: true, deltaMs: 1500 });
    network.server = await serveAuthority(network.authority, { port: 0 });
    return network;
  }

  async start(options = {}, parts = {}) {
    const client = this.client(options, parts);
    await client.start();
    return client;
  }

  client(options = {}, parts = {}) {
    const place = { ca: this.server.urls[0], caFingerprint: this.authority.fingerprint, name: `m${this.#members++}` };
    const client = new Client({ config: false, preset: "lan", listen: "127.0.0.1:0", ...place, ...options }, parts);
    client.registerMessageHandler((data) => data);
    this.clients.push(client);
    return client;
  }

  async close() {
    await Promise.all(this.clients.map((client) => client.stop({ drain: 0 })));
    await this.server.close();
    await this.authority.close();
  }
}

/** Forwards to `target`; what is open can be made silent, or be reset. */
async function proxyTo(target) {
  const pairs = new Set();
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (outer) => {
    const inner = connect({ port: target, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
    const pair = [inner, outer];
    pairs.add(pair);
    for (const [socket, other] of [pair, [outer, inner]]) {
      socket
        .on("error", () => {})
        .on("close", () => {
          pairs.delete(pair);
          other.destroy();
        });
      socket.pipe(other);
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const each = (run) => {
    for (const pair of [...pairs]) for (const socket of pair) run(socket);
  };
  return {
    port: server.address().port,
    silence: () => each((socket) => socket.unpipe().pause()),
    reset: () => each((socket) => socket.resetAndDestroy()),
    close: () => {
      server.close();
      each((socket) => socket.destroy());
    },
  };
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

async function until(condition, ms) {
  const startedAt = performance.now();
  while (!(await condition())) {
    if (performance.now() - startedAt > ms) return undefined;
    await sleep(20);
  }
  return performance.now() - startedAt;
}

const answers =
  (from, to, timeout = 1000) =>
  () =>
    from.sendToId(to.id, text("x"), { timeout }).then(
      () => true,
      () => false,
    );
const orNever = (ms, limit) => (ms === undefined ? `not within ${seconds(limit)}` : seconds(ms));

/** a, and b behind a proxy. */
async function behindProxy(network) {
  const port = await freePort();
  const proxy = await proxyTo(port);
  const a = await network.start();
  const entryAddrs = [a.address];
  const b = await network.start({ listen: `127.0.0.1:${port}`, advertise: [`127.0.0.1:${proxy.port}`], entryAddrs });
  await until(() => a.members().length === 1 && b.members().length === 1, 20_000);
  await until(answers(a, b), 20_000);
  return { a, b, proxy };
}

const SCENES = {
  async silent(network) {
    const { a, b, proxy } = await behindProxy(network);
    const LIMIT_MS = 30_000;
    for (const time of ["", ", and again"]) {
      proxy.silence();
      const ms = await until(answers(a, b), LIMIT_MS);
      tell(`a connection goes silent: messages flow again after${time}`, orNever(ms, LIMIT_MS));
    }
    proxy.close();
  },

  async reset(network) {
    const { a, b, proxy } = await behindProxy(network);
    const taken = [];
    for (let round = 0; round < RESETS; round++) {
      const calls = Array.from({ length: 20 }, answers(a, b));
      setImmediate(() => proxy.reset());
      await Promise.all(calls);
      taken.push((await until(answers(a, b), 5000)) ?? Number.POSITIVE_INFINITY);
    }
    const whole = taken.filter(Number.isFinite);
    tell(
      `resets under load: whole again within 5 s, slowest`,
      `${whole.length} of ${RESETS}, ${seconds(Math.max(...whole))}`,
    );
    proxy.close();
  },

  async late(network) {
    const a = await network.start();
    const held = createServer((socket) => socket.on("error", () => {})).listen(0, "127.0.0.1");
    await once(held, "listening");
    const startedAt = performance.now();
    const code = await a.sendTo(`127.0.0.1:${held.address().port}`, text("x"), { timeout: 2000 }).catch((e) => e.code);
    tell(
      `a call of 2 s to an address that accepts and never answers ends (${code})`,
      seconds(performance.now() - startedAt),
    );
    held.close();
  },

  async seed(network) {
    const LIMIT_MS = 35_000;
    const held = createServer((socket) => socket.on("error", () => {})).listen(0, "127.0.0.1");
    await once(held, "listening");
    const port = await freePort();
    const dead = `127.0.0.1:${held.address().port}`;
    const a = await network.start({ listen: `127.0.0.1:${port}`, advertise: [dead, `127.0.0.1:${port}`] });
    const b = network.client();
    const startedAt = performance.now();
    await b.start();
    const ms = await until(() => b.members().some(({ id }) => id === a.id), LIMIT_MS);
    tell(
      "a contact's first address is dead: joined after",
      ms === undefined ? orNever(ms, LIMIT_MS) : seconds(performance.now() - startedAt),
    );
    held.close();
  },

  async outbound(network) {
    const a = await network.start();
    const b = await network.start({ entryAddrs: [a.address] });
    // Its advertised port refuses everybody.
    const c = await network.start({ entryAddrs: [a.address], advertise: [`127.0.0.1:${await freePort()}`] });
    const kinds = [];
    for (const client of [a, b])
      (async () => {
        for await (const { kind, member } of client.changes()) if (member?.id === c.id) kinds.push(kind);
      })();
    await until(() => a.members().length === 2 && b.members().length === 2, 20_000);
    await until(answers(c, a), 5_000);
    await until(answers(c, b), 5_000);
    const ms = await until(answers(a, c), 10_000);
    tell("a member that can only dial out is answered, and asked, after", orNever(ms, 10_000));
    await sleep(20_000);
    const count = (kind) => kinds.filter((each) => each === kind).length;
    tell("the same, in 20 s: suspected, removed", `${count("suspected")}, ${count("failed")}`);
  },

  async names(network) {
    const { NameResolver } = await import("../dist/net/index.js");
    const dns = createSocket("udp4").bind(0, "127.0.0.1"); // Hears questions, and answers none.
    await once(dns, "listening");
    const servers = [`127.0.0.1:${dns.address().port}`];
    const resolver = () => new NameResolver({ now: () => performance.now(), servers });
    const honest = [];
    for (let member = 0; member < 5; member++) {
      const port = await freePort();
      const entryAddrs = honest.map(({ address }) => address);
      const names = { listen: `127.0.0.1:${port}`, advertise: [`localhost:${port}`], entryAddrs };
      honest.push(await network.start(names, { resolver: resolver() }));
    }
    const rogues = [];
    for (let rogue = 0; rogue < ROGUES; rogue++)
      rogues.push(await network.start({ entryAddrs: honest.map(({ address }) => address) }, { resolver: resolver() }));
    await until(() => honest.every((each) => each.members().length === honest.length + ROGUES - 1), 20_000);
    const kinds = [];
    const honestIds = new Set(honest.map(({ id }) => id));
    for (const client of honest)
      (async () => {
        for await (const { kind, member } of client.changes()) if (honestIds.has(member?.id)) kinds.push(kind);
      })();
    for (let note = 0; note < ROGUE_NOTES; note++) {
      const name = (index) => `n${(note * 4 + index) % ROGUE_NAMES}.silent.example:4000`;
      await Promise.all(rogues.map((rogue) => rogue.setAdvertise([0, 1, 2, 3].map(name))));
      await sleep(NAMES_MS / ROGUE_NOTES);
    }
    const count = (kind) => kinds.filter((each) => each === kind).length;
    const what = `${ROGUES} rogues, ${ROGUE_NOTES} notes each with names that nobody answers: honest suspected, removed`;
    tell(what, `${count("suspected")}, ${count("failed")}`);
    const ms = await until(answers(honest[0], honest[1]), 10_000);
    tell("the same: a message between two honest members takes", orNever(ms, 10_000));
    dns.close();
  },
};

const chosen = process.argv.slice(2);
for (const name of chosen.length > 0 ? chosen : Object.keys(SCENES)) {
  const network = await Network.open();
  await SCENES[name](network);
  await network.close();
}
process.exit(0);
