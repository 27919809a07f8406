/** A process with a server of node:https, or with the global fetch of Node to one: what members are measured against. */
import { once } from "node:events";
import { createServer } from "node:https";
import { answer } from "./child.mjs";
import { answering, fetching } from "./http.mjs";

let target;

answer({
  async listen({ key, certificate }) {
    const server = createServer({ key, cert: certificate }, answering);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return server.address().port;
  },

  /** The global fetch takes no root; that costs the peer nothing but the check of a certificate for each connection. */
  connect({ port }) {
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
    process.on("warning", () => {});
    target = `https://127.0.0.1:${port}/`;
  },

  messages: (options) => fetching(fetch, target, options),
});
