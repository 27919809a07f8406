/** A process with one member of ours that forwards, or listens for another one that does. */
import { Client } from "../../dist/client/index.js";
import { forward, listen } from "../../dist/services/forward/index.js";
import { answer } from "../talk/child.mjs";

let client;

answer({
  async start(options) {
    client = new Client({ config: false, ...options });
    await client.start();
    return client.id;
  },

  /** Resolves when the other one is in the view. */
  async meet({ id }) {
    for await (const { member } of client.changes()) if (member?.id === id) return;
  },

  forward: (settings) => forward(client, settings).protocol,
  listen: async (settings) => (await listen(client, settings)).address,
  stop: () => client.stop(),
});
