/** A process with the client of NATS as its users write it, over mutual TLS to a server beside it: requests and replies. */
import { connect } from "@nats-io/transport-node";
import { PEER_NAME } from "../talk/certificates.mjs";
import { answer } from "../talk/child.mjs";
import { load } from "../talk/load.mjs";

const SUBJECT = "bench";
let connection;

async function dial({ port, key, certificate, root }) {
  const tls = { key, cert: certificate, ca: root, servername: PEER_NAME };
  connection = await connect({ servers: `127.0.0.1:${port}`, tls, reconnect: false });
}

answer({
  async listen(keys) {
    await dial(keys);
    connection.subscribe(SUBJECT, { callback: (_, message) => message.respond(message.data) });
    await connection.flush();
    return keys.port;
  },

  connect: dial,

  messages({ bytes, inFlight, ms }) {
    const data = new Uint8Array(bytes).fill(7);
    return load(() => connection.request(SUBJECT, data), { inFlight, ms });
  },
});
