/** A process with node:tls alone, mutual TLS 1.3: the limit of Node for streams. The orders are fixed-size first bytes. */
import { once } from "node:events";
import { connect, createServer } from "node:tls";
import { PEER_NAME } from "./certificates.mjs";
import { answer } from "./child.mjs";
import { drink, orderDown, pour, rate } from "./load.mjs";

const ORDER_BYTES = 9;
let target;

answer({
  async listen({ key, certificate, root }) {
    const server = createServer({ key, cert: certificate, ca: root, requestCert: true, rejectUnauthorized: true });
    server.on("secureConnection", (socket) => {
      socket.on("error", () => {});
      socket.once("readable", () => {
        const order = socket.read(ORDER_BYTES);
        pour(socket, Buffer.alloc(order.readUInt32BE(5), 7), order.readUInt32BE(1));
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return server.address().port;
  },

  connect({ port, key, certificate, root }) {
    target = { host: "127.0.0.1", port, servername: PEER_NAME, key, cert: certificate, ca: root };
  },

  async down(options) {
    const socket = connect(target);
    await once(socket, "secureConnect");
    socket.write(orderDown(options));
    return await rate(drink(socket));
  },
});
