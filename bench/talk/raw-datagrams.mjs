/** A process with a UDP socket as Node has it: what datagrams cost without anything above. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { answer } from "./child.mjs";
import { DatagramEnd } from "./datagrams.mjs";

const socket = createSocket("udp4");
let far;
const end = new DatagramEnd((data) => socket.send(data, far.port, far.address));
socket.on("message", (data, from) => {
  far = from;
  end.take(data);
});

async function bind() {
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return socket.address().port;
}

answer({
  listen: bind,
  async connect({ port }) {
    await bind();
    far = { address: "127.0.0.1", port };
  },
  datagrams: (options) => end.flood(options),
});
