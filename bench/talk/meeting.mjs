/** A process of the rendezvous row: the server with an echo beside it, the one that accepts, or the one that dials. */
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { connect, createServer } from "node:net";
import { AddressSpaces, RdvClient, RdvServer } from "../../dist/rdv/index.js";
import { median } from "../support/measure.mjs";
import { answer } from "./child.mjs";

const HOST = "127.0.0.1";
const client = new RdvClient({ addressSpaces: AddressSpaces.of("loopback4"), timeoutMs: 30_000 });

async function portOf(server) {
  await once(server.listen(0, HOST), "listening");
  return server.address().port;
}

/** Milliseconds of each of `times`, one after the other. */
async function timed(times, once) {
  const found = [];
  for (let turn = 0; turn < times; turn++) {
    const start = performance.now();
    await once(turn);
    found.push(performance.now() - start);
  }
  return median(found);
}

answer({
  async serve() {
    const http = createHttpServer();
    const unlimited = Number.MAX_SAFE_INTEGER;
    new RdvServer({ limits: { requestsPerSecond: unlimited, requestsBurst: unlimited } }).attach(http);
    const echo = createServer((socket) =>
      socket
        .setNoDelay(true)
        .pipe(socket)
        .on("error", () => {}),
    );
    return { url: `http://${HOST}:${await portOf(http)}`, port: await portOf(echo) };
  },

  /** Waits for the one that dials, and greets it with a byte. */
  async accept({ url, token }) {
    const accepted = client.accept(url, token).then((conn) => conn.on("error", () => {}).end("x"));
    accepted.catch(() => {});
  },

  async dial({ url, tokens }) {
    let direct = 0;
    const ms = await timed(tokens.length, async (turn) => {
      const conn = await client.dial(url, tokens[turn]);
      await once(conn, "data");
      if (!conn.isRelay) direct += 1;
      conn.on("error", () => {}).destroy();
    });
    return { ms, direct };
  },

  /** A connection, and a byte with its echo. */
  async twoRoundTrips({ port, times }) {
    return await timed(times, async () => {
      const socket = connect({ port, host: HOST, noDelay: true });
      socket.write("x");
      await once(socket, "data");
      socket.destroy();
    });
  },
});
