/** A process with one member of ours, through the public API and with default settings: it publishes on a topic, or subscribes to it. */
import { Client } from "../../dist/client/index.js";
import { answer } from "../talk/child.mjs";
import { Deliveries, flatOut, paced, stamped } from "./load.mjs";

const TOPIC = "bench.topic";

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

  /** Resolves when this member sees so many others. */
  meet: async ({ others }) => void (await client.waitForMembers(others)),

  async subscribe() {
    await client.subscribe(TOPIC, { handler: ({ data }) => deliveries.take(data) });
  },

  /** Resolves when the member sees so many subscribers. */
  async seeSubscribers({ count }) {
    while (client.subscribers(TOPIC).length < count) await new Promise((done) => setTimeout(done, 20));
  },

  async publish({ ack, bytes, ...how }) {
    const publish = () => client.publish(TOPIC, stamped(bytes), { ack, timeout: 60_000 });
    return await (how.perSecond === undefined ? flatOut(publish, how) : paced(publish, how));
  },

  count: () => deliveries.count,
  told: () => deliveries.told(),

  /** Bytes that this member has read from its sessions, and packets of UDP that it was sent. */
  stop: () => client.stop(),
});
