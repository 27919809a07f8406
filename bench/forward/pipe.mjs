/**
 * One of two plain programs between a target and a local program, for the floor of forwarding (floor.mjs): the least that Node
 * does to carry bytes over two processes. No members, streams, limits, or checks of what was carried.
 */
import { once } from "node:events";
import { createConnection, createServer } from "node:net";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { PEER_NAME } from "../talk/certificates.mjs";
import { answer } from "../talk/child.mjs";

const HOST = "127.0.0.1";
/** Node reads that much at once into a buffer of one's own, of connections that were dialled; 64 KiB otherwise. */
const READ_BYTES = 256 * 1024;
/** As fast as the other one on machines of today, and never slower. */
const CIPHERS = "TLS_AES_128_GCM_SHA256";

/** How the far program listens and the near one dials. */
const WAYS = {
  plain: {
    listen: (_keys, onConnection) => createServer({ noDelay: true, allowHalfOpen: true }, onConnection),
    dial: (_keys, options) => createConnection(options),
  },
  tls: {
    listen: ({ key, certificate: cert, root: ca }, onConnection) => {
      const options = { key, cert, ca, requestCert: true, noDelay: true, allowHalfOpen: true, ciphers: CIPHERS };
      return createTlsServer(options, onConnection);
    },
    dial: ({ key, certificate: cert, root: ca }, options) =>
      connectTls({ ...options, servername: PEER_NAME, key, cert, ca, ciphers: CIPHERS }),
  },
};

/** Dials, and passes on what comes without a copy: it may be overwritten before it has left, which is nothing to a floor. */
function dialInto(dial, to, port) {
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  const pass = (count, bytes) => {
    if (to.write(bytes.subarray(0, count))) return true;
    to.once("drain", () => from.resume());
    return false;
  };
  const from = dial({ host: HOST, port, noDelay: true, allowHalfOpen: true, onread: { buffer, callback: pass } });
  from.once("end", () => to.end());
  to.pipe(from);
  for (const socket of [from, to]) socket.on("error", () => socket.destroy());
}

async function listening(server) {
  server.listen(0, HOST);
  await once(server, "listening");
  return server.address().port;
}

answer({
  /** Takes connections of the near program and dials the target. Its port. */
  far: ({ way, keys, port }) =>
    listening(WAYS[way].listen(keys, (tunnel) => dialInto((options) => createConnection(options), tunnel, port))),

  /** Takes local connections and dials the far program. Its port. */
  near({ way, keys, port }) {
    const dial = (options) => WAYS[way].dial(keys, options);
    return listening(createServer({ noDelay: true, allowHalfOpen: true }, (local) => dialInto(dial, local, port)));
  },
});
