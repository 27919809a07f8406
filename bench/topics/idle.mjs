/** What a subscription costs while nothing is published: bytes over the connections of members that subscribe, beside those that do not. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CertificateAuthority, serveAuthority } from "../../dist/ca/index.js";
import { Client, tcpTransport } from "../../dist/client/index.js";
import { makeDirectory, removeDirectory } from "../support/scratch.mjs";

const MEMBERS = 4;
/** Patterns that each of them subscribes to. */
const PATTERNS = 16;
/** Until interests have spread and all is compared, milliseconds. */
const SETTLE_MS = 15_000;

/** TCP that counts what is written. */
class Counted {
  bytes = 0;

  transport() {
    const tcp = tcpTransport();
    const counted = (duplex) => {
      const { write } = duplex;
      duplex.write = (chunk, ...rest) => {
        this.bytes += chunk.length;
        return write.call(duplex, chunk, ...rest);
      };
      return duplex;
    };
    return {
      ...tcp,
      dial: async (...dialled) => counted(await tcp.dial(...dialled)),
      listen: (at, onConnection) => tcp.listen(at, (connection, from) => onConnection(counted(connection), from)),
    };
  }
}

/** Two networks: members of the first subscribe. `measure(ms)` is bytes per second and member in each. */
export async function openIdle() {
  const networks = await Promise.all([openNetwork(PATTERNS), openNetwork(0)]);
  await sleep(SETTLE_MS);
  const measure = async (ms) => {
    const before = networks.map(({ counted }) => counted.bytes);
    await sleep(ms);
    return networks.map(({ counted }, index) => (counted.bytes - before[index]) / (ms / 1000) / MEMBERS);
  };
  return { measure, close: async () => void (await Promise.all(networks.map(({ close }) => close()))) };
}

async function openNetwork(patterns) {
  const directory = makeDirectory();
  const authority = await CertificateAuthority.open({ directory: join(directory, "ca"), open: true });
  const server = await serveAuthority(authority, { port: 0 });
  const counted = new Counted();
  const options = { config: false, preset: "local", ca: server.urls[0], caFingerprint: authority.fingerprint };
  const clients = [];
  for (let index = 0; index < MEMBERS; index++) {
    const client = new Client({ ...options, name: `m${index}`, network: { transports: [counted.transport()] } });
    clients.push(client);
    await client.start();
  }
  await Promise.all(clients.map((client) => client.waitForMembers(MEMBERS - 1)));
  for (const client of clients)
    for (let index = 0; index < patterns; index++) await client.subscribe(`idle.${index}.>`, { handler: () => {} });
  const close = async () => {
    await Promise.all(clients.map((client) => client.stop()));
    await server.close();
    await authority.close();
    removeDirectory(directory);
  };
  return { counted, close };
}
