/**
 * One `Client` as its users have it, in a process of a bench: answers each message with one of the same length, or as long as
 * asked for, and makes load of messages.
 */
import { Client } from "../../dist/client/index.js";
import { runLoad } from "../support/load.mjs";
import { serve } from "../support/worker.mjs";

let client;

serve({
  /** `dir` of `stage.member()`; resolves to { id, address }. */
  async start({ dir, entryAddrs = [], ...options }) {
    client = new Client({ dir, entryAddrs, useCa: false, config: false, listen: "127.0.0.1:0", ...options });
    client.registerMessageHandler((data) => data);
    await client.start();
    return { id: client.id, address: client.address };
  },

  /** Resolves when this one sees so many others. */
  async sees(count) {
    const changes = client.changes({ signal: AbortSignal.timeout(30_000) });
    if (client.members().length >= count) return true;
    for await (const _ of changes) if (client.members().length >= count) return true;
    throw new Error(`sees ${client.members().length} others, not ${count}, after 30 s`);
  },

  /** Requests to `to`, of `bytes` each, answered by the same: what `runLoad` tells. */
  burst({ to, bytes, ...load }) {
    const payload = new Uint8Array(bytes).fill(7);
    const send = async () => {
      const reply = await client.sendToId(to, payload);
      if (reply.length !== bytes) throw new Error(`a reply of ${reply.length} bytes, not ${bytes}`);
    };
    return runLoad(send, load);
  },
});
