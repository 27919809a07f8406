/** The program that is forwarded to: one port sends bytes, the other answers HTTP. */
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { answer } from "../talk/child.mjs";

const CHUNK = Buffer.alloc(256 * 1024, 7);
const BODY = Buffer.alloc(100, 7);

/** Sends as many bytes as the line says, and ends. */
function send(socket, bytes) {
  for (let left = bytes; left > 0; ) {
    const part = left < CHUNK.length ? CHUNK.subarray(0, left) : CHUNK;
    left -= part.length;
    if (!socket.write(part) && left > 0) {
      socket.once("drain", () => send(socket, left));
      return;
    }
  }
  socket.end();
}

async function listening(server) {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server.address().port;
}

answer({
  async start() {
    const bulk = createServer({ noDelay: true }, (socket) => {
      socket.on("error", () => {});
      socket.once("data", (line) => send(socket, Number(line)));
    });
    const http = createHttpServer((_, response) => response.end(BODY));
    return { bulk: await listening(bulk), http: await listening(http) };
  },
});
