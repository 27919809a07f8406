/** The local program: fetches bytes, or asks by HTTP over connections that it keeps. */
import { once } from "node:events";
import { createConnection } from "node:net";
import { answer } from "../talk/child.mjs";

const MIB = 1024 * 1024;
const REQUEST = "GET / HTTP/1.1\r\nhost: bench\r\n\r\n";
const END = "\r\n\r\n";

/** MiB per second, from the first byte asked for to the last one read. */
async function bulk({ port, bytes }) {
  const buffer = Buffer.alloc(256 * 1024);
  let got = 0;
  const onread = { buffer, callback: (count) => (got += count) };
  const socket = createConnection({ port, host: "127.0.0.1", noDelay: true, onread });
  await once(socket, "connect");
  const since = performance.now();
  socket.write(`${bytes}`);
  await once(socket, "end");
  const ms = performance.now() - since;
  if (got !== bytes) throw new Error(`${got} bytes of ${bytes}`);
  return bytes / MIB / (ms / 1000);
}

/** Requests per second: each connection asks again when it is answered. */
async function requests({ port, connections, ms }) {
  const until = performance.now() + ms;
  const counts = await Promise.all(Array.from({ length: connections }, () => ask(port, until)));
  return counts.reduce((sum, count) => sum + count, 0) / (ms / 1000);
}

/** Answers on one connection. They have a length and no other form here. */
function ask(port, until) {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ port, host: "127.0.0.1", noDelay: true });
    let [count, held] = [0, ""];
    socket.on("error", reject);
    socket.on("connect", () => socket.write(REQUEST));
    socket.on("data", (chunk) => {
      held += chunk.toString("latin1");
      const head = held.indexOf(END);
      if (head === -1) return;
      const length = Number(/content-length: (\d+)/i.exec(held)[1]);
      if (held.length < head + END.length + length) return;
      held = held.slice(head + END.length + length);
      count += 1;
      if (performance.now() < until) socket.write(REQUEST);
      else resolve(socket.destroy() && count);
    });
  });
}

answer({ bulk, requests });
