/** A fleet in one process: members that all bring the same token, and renew by themselves. */
import { Client } from "../../dist/client/index.js";
import { answer } from "../talk/child.mjs";

/** Members that start at once: each is busy with keys and handshakes for a moment. */
const AT_ONCE = 4;
const clients = new Map();

const memberOf = (token, name) => new Client({ config: false, listen: "127.0.0.1:0", token, name });

answer({
  /** Resolves when all of them are in. */
  async start({ token, names }) {
    const left = [...names];
    const loop = async () => {
      for (let name = left.shift(); name !== undefined; name = left.shift()) {
        const client = memberOf(token, name);
        await client.start();
        clients.set(name, client);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, loop));
  },

  /** With which code a further one is refused; undefined when it is not. */
  async refused({ token, name }) {
    const client = memberOf(token, name);
    try {
      await client.start();
      await client.stop();
      return undefined;
    } catch (error) {
      return error.code;
    }
  },

  /** Resolves when each of them sees all others. */
  async whole() {
    const others = clients.size - 1;
    for (const client of clients.values()) {
      if (client.members().length === others) continue;
      for await (const _ of client.changes()) if (client.members().length === others) break;
    }
  },

  async stop() {
    await Promise.all([...clients.values()].map((client) => client.stop()));
    clients.clear();
  },
});
