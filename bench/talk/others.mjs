/** Pairs of processes of the peers in bench/peers/, which has a lock file of its own: nobody else needs these packages. */
import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeDirectory, removeDirectory, startProgram } from "../support/scratch.mjs";
import { Skipped } from "../support/skipped.mjs";
import { pairOfKeys } from "./certificates.mjs";
import { openPeers } from "./pairs.mjs";

/** For the server to say its port, milliseconds. */
const START_MS = 20_000;
const ASK_AGAIN_MS = 20;

/** Throws a `Skipped` for a package of bench/peers that is not there. */
export function requirePackage(name) {
  if (existsSync(new URL(`../peers/node_modules/${name}/`, import.meta.url))) return;
  throw new Skipped(`${name} is not installed: npm ci --prefix bench/peers`);
}

export async function openLibp2p() {
  requirePackage("libp2p");
  return await openPeers("../peers/libp2p.mjs", "libp2p");
}

/** Two clients, and the server of NATS between them. */
export async function openNats() {
  requirePackage("@nats-io/transport-node");
  const directory = makeDirectory();
  const close = () => {
    server?.kill("SIGKILL");
    removeDirectory(directory);
  };
  let server;
  try {
    const keys = await pairOfKeys();
    server = startNats(await configureNats(directory, keys.server));
    const port = await portOfNats(server, directory);
    const pair = await openPeers("../peers/nats.mjs", "nats", { keys, port });
    return {
      ...pair,
      close: async () => {
        await pair.close();
        close();
      },
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** With the configuration in this file. Throws a `Skipped`. */
export function startNats(configuration) {
  return startProgram(
    "nats-server",
    ["-c", configuration],
    "nats-server is not installed: apt-get install nats-server",
  );
}

/** Writes the configuration of a server that asks its clients for certificates; `extra` are further lines of it. */
export async function configureNats(directory, { key, certificate, root }, extra = "") {
  const files = { "key.pem": key, "certificate.pem": certificate, "root.pem": root };
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text, { mode: 0o600 });
  const path = (name) => JSON.stringify(join(directory, name));
  const tls = `cert_file: ${path("certificate.pem")}, key_file: ${path("key.pem")}, ca_file: ${path("root.pem")}, verify: true`;
  const text = `listen: "127.0.0.1:-1"\nports_file_dir: ${JSON.stringify(directory)}\ntls { ${tls} }\n${extra}\n`;
  const configuration = join(directory, "nats.conf");
  await writeFile(configuration, text);
  return configuration;
}

/** The server writes it to a file when it listens. */
export async function portOfNats(server, directory) {
  for (const end = performance.now() + START_MS; performance.now() < end && server.exitCode === null; ) {
    const file = (await readdir(directory)).find((name) => name.endsWith(".ports"));
    const text = file ? await readFile(join(directory, file), "utf8") : "";
    if (text.endsWith("}")) return Number(new URL(JSON.parse(text).nats[0]).port);
    await sleep(ASK_AGAIN_MS);
  }
  throw new Error(`nats-server does not listen (exit code ${server.exitCode})`);
}
