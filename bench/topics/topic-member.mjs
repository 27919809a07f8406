/** A member of ours that is measured on one topic: through the public API, and with default settings. */
import { Client } from "../../dist/client/index.js";
import { Deliveries, flatOut, paced, stamped } from "./load.mjs";

/** Between two looks at what has no event, milliseconds. */
const LOOK_MS = 20;

/** Resolves when the condition holds. */
export async function until(holds) {
  while (!holds()) await new Promise((done) => setTimeout(done, LOOK_MS));
}

/**
 * `answers` is what its process answers its parent (`answer` of talk/child.mjs); `client()` is the member, once it has started.
 * `bytesOf` takes the measured bytes out of what a message carries.
 */
export function topicMember(topic, bytesOf = (data) => data) {
  const deliveries = new Deliveries();
  let client;
  const answers = {
    async start(options) {
      client = new Client({ config: false, ...options });
      client.registerAlarmHandler((alarm) => {
        if (alarm.code !== "loopback-only") console.error(`${client.self.name}: ${alarm.message}`);
      });
      await client.start();
    },

    /** Resolves when this member sees as many others. */
    meet: async ({ others }) => void (await client.waitForMembers(others)),

    async subscribe() {
      await client.subscribe(topic, { handler: ({ data }) => deliveries.take(bytesOf(data)) });
    },

    /** Resolves when this member sees as many subscribers. */
    seeSubscribers: ({ count }) => until(() => client.subscribers(topic).length >= count),

    async publish({ ack, bytes, ...how }) {
      const publish = () => client.publish(topic, stamped(bytes), { ack, timeout: 60_000 });
      return await (how.perSecond === undefined ? flatOut(publish, how) : paced(publish, how));
    },

    count: () => deliveries.count,
    told: () => deliveries.told(),
    stop: () => client.stop(),
  };
  return { answers, client: () => client };
}
