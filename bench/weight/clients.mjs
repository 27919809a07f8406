/** Many clients in one process, started one after the other: what each takes, and where the process's time goes. */
import { join } from "node:path";
import { CertificateAuthority, serveAuthority } from "../../dist/ca/index.js";
import { Client } from "../../dist/client/index.js";
import { makeDirectory, removeDirectory } from "../support/scratch.mjs";

/** Clients whose starts are told together. */
const STEP = 10;
const RATE = { burst: 1_000_000, perSecond: 1_000_000, callersMax: 10 };
const UNLIMITED = { address: RATE, gate: { handshakes: RATE, unfinishedMax: 1_024, connectionsMax: 2_048 } };

export async function weighClients({ clients: count }) {
  const directory = makeDirectory();
  const authority = await CertificateAuthority.open({ directory: join(directory, "ca"), open: true });
  const server = await serveAuthority(authority, { port: 0, limits: UNLIMITED });
  const clients = [];
  try {
    for (let first = 0; first < count; first += STEP) {
      const [began, cpu] = [performance.now(), process.cpuUsage()];
      for (let index = first; index < first + STEP; index++) {
        const token = await authority.createToken(`m${index}`);
        const client = new Client({ config: false, token, dir: join(directory, String(index)) });
        clients.push(client);
        await client.start();
      }
      const { user, system } = process.cpuUsage(cpu);
      const each = [(performance.now() - began) / 1000 / STEP, (user + system) / 1e6 / STEP];
      const rss = process.memoryUsage().rss / 2 ** 20;
      console.log(
        `clients ${first + 1} to ${first + STEP}`.padEnd(24) +
          `${each[0].toFixed(2).padStart(6)} s each ${each[1].toFixed(2).padStart(6)} s CPU each ${rss.toFixed(0).padStart(6)} MiB`,
      );
    }
  } finally {
    await Promise.all(clients.map((client) => client.stop({ drain: 0 })));
    await server.close();
    await authority.close();
    removeDirectory(directory);
  }
}
