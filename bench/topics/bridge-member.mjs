/** A process with one member of ours that publishes on a topic, reads it, or brings it to NATS and back. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "../../dist/client/index.js";
import { fromNats, NatsBridge } from "../../dist/services/nats/index.js";
import { PEER_NAME } from "../talk/certificates.mjs";
import { answer } from "../talk/child.mjs";
import { Deliveries, flatOut, paced, stamped } from "./load.mjs";

/** With this prefix the subject is that of plain clients, "bench.topic". */
const PREFIX = "bench.";
const TOPIC = "topic";

const deliveries = new Deliveries();
let client;

answer({
  async start(options) {
    client = new Client({ config: false, ...options });
    client.registerAlarmHandler((alarm) => {
      if (alarm.code !== "loopback-only") console.error(`${client.self.name}: ${alarm.message}`);
    });
    await client.start();
  },

  meet: async ({ others }) => void (await client.waitForMembers(others)),

  async subscribe() {
    await client.subscribe(TOPIC, { handler: ({ data }) => deliveries.take(fromNats(data).data) });
  },

  async bridge({ way, directory, port, keys }) {
    const file = async (name, text) => {
      const path = join(directory, `bridge-${name}`);
      await writeFile(path, text, { mode: 0o600 });
      return path;
    };
    const bridge = new NatsBridge(client, {
      servers: `localhost:${port}`,
      tls: {
        caFile: await file("root.pem", keys.root),
        certFile: await file("certificate.pem", keys.certificate),
        keyFile: await file("key.pem", keys.key),
        serverName: PEER_NAME,
      },
      ...{ prefix: PREFIX, [way === "in" ? "fromNats" : "toNats"]: [TOPIC] },
      onTrouble: (error) => console.error(`bridge: ${error.message}`),
    });
    await bridge.start();
    while (!bridge.figures().connected) await new Promise((done) => setTimeout(done, 20));
  },

  async seeSubscribers({ count }) {
    while (client.subscribers(TOPIC).length < count) await new Promise((done) => setTimeout(done, 20));
  },

  async publish({ ack, bytes, ...how }) {
    const publish = () => client.publish(TOPIC, stamped(bytes), { ack, timeout: 60_000 });
    return await (how.perSecond === undefined ? flatOut(publish, how) : paced(publish, how));
  },

  count: () => deliveries.count,
  told: () => deliveries.told(),
  stop: () => client.stop(),
});
