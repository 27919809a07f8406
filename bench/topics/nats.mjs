/** Servers of NATS and the processes of one topic on them: one publisher, and subscribers. */
import { mkdir } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { makeDirectory, removeDirectory } from "../support/scratch.mjs";
import { pairOfKeys } from "../talk/certificates.mjs";
import { Child } from "../talk/child.mjs";
import { configureNats, portOfNats, requirePackage, startNats } from "../talk/others.mjs";

const SERVERS = 3;

/** One server of NATS core. */
export function openCore(subscribers) {
  return opened({ servers: 1, subscribers });
}

/** The same, with subscribers that check one signature for what comes in one turn. */
export function openCheckedCore(subscribers) {
  return opened({ servers: 1, subscribers, isChecking: true });
}

/** Three servers of JetStream, whose stream has three replicas in files. */
export function openJetStream(subscribers) {
  return opened({ servers: SERVERS, subscribers, ack: "stream" });
}

async function opened({ servers, subscribers: count, ack, isChecking }) {
  requirePackage("@nats-io/transport-node");
  requirePackage("@nats-io/jetstream");
  const directory = makeDirectory();
  const running = [];
  const children = [];
  const close = async () => {
    await Promise.all(children.map((child) => child.end()));
    for (const server of running) server.kill("SIGKILL");
    removeDirectory(directory);
  };
  try {
    const keys = await pairOfKeys();
    const routes = servers === 1 ? [] : await freePorts(servers);
    for (let index = 0; index < servers; index++) {
      const place = join(directory, `server-${index}`);
      await mkdir(place);
      const extra = routes.length === 0 ? "" : clusterOf(place, routes, index);
      running.push(startNats(await configureNats(place, keys.server, extra)));
    }
    const ports = await Promise.all(
      running.map((server, index) => portOfNats(server, join(directory, `server-${index}`))),
    );
    children.push(new Child("../peers/nats-topic.mjs", "nats-publisher"));
    for (let index = 0; index < count; index++)
      children.push(new Child("../peers/nats-topic.mjs", `nats-subscriber-${index}`));
    await Promise.all(
      children.map((child, index) => child.ask("connect", { ...keys.client, port: ports[index % servers] })),
    );
    const [publisher, ...subscribers] = children;
    if (ack !== undefined) await publisher.ask("addStream");
    for (const [index, child] of subscribers.entries())
      await child.ask("subscribe", { ack, isChecking, name: `c${index}` });
    return { publisher, subscribers, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Routes of the cluster are not encrypted, which costs it nothing. */
function clusterOf(place, routes, index) {
  const others = routes.map((port) => JSON.stringify(`nats://127.0.0.1:${port}`)).join(", ");
  return [
    `server_name: bench-${index}`,
    `jetstream { store_dir: ${JSON.stringify(join(place, "jetstream"))} }`,
    `cluster { name: bench, listen: "127.0.0.1:${routes[index]}", routes: [${others}] }`,
  ].join("\n");
}

async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(servers.map((server) => new Promise((done) => server.listen(0, "127.0.0.1", done))));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}
