/** Members in one process under measurement: what they hold after what they did. Garbage does not count. */
import { Client } from "../../dist/client/index.js";
import { memoryAfterCollection } from "../support/collect.mjs";
import { answer } from "../talk/child.mjs";

const clients = [];

answer({
  /** One for each directory, with default settings; resolves to { id, address } of each. */
  async start({ directories, entryAddrs = [] }) {
    for (const dir of directories) {
      const client = new Client({ config: false, useCa: false, dir, listen: "127.0.0.1:0", entryAddrs });
      client.registerMessageHandler((data) => data);
      clients.push(client);
      await client.start();
    }
    return clients.map(({ id, address }) => ({ id, address }));
  },

  /** Resolves when the first of them sees so many others. */
  async sees(count) {
    const [client] = clients;
    if (client.members().length >= count) return;
    for await (const _ of client.changes()) if (client.members().length >= count) return;
  },

  /** So many requests of the first of them to each of `ids`, `inFlight` at once. */
  async send({ ids, calls, inFlight, bytes }) {
    const [client] = clients;
    const data = new Uint8Array(bytes).fill(7);
    for (const id of ids) {
      let left = calls;
      const loop = async () => {
        while (left-- > 0) await client.sendToId(id, data);
      };
      await Promise.all(Array.from({ length: Math.min(inFlight, calls) }, loop));
    }
  },

  /** Bytes in use; and of the first of them links, of the process timers and how often it has waited for something so far. */
  held() {
    const timers = process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
    const { voluntaryContextSwitches: waits } = process.resourceUsage();
    const { heapUsed, external, rss } = memoryAfterCollection();
    return { used: heapUsed + external, rss, links: clients[0].info().links, timers, waits };
  },
});
