/** One of two plain programs for the floor of reliable UDP (udx-floor.mjs): streams of udx-native or TCP, with TLS over them or not. */
import { once } from "node:events";
import { createConnection, createServer } from "node:net";
import { Duplex } from "node:stream";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { PEER_NAME } from "./certificates.mjs";
import { answer } from "./child.mjs";
import { drink, orderDown, pour, rate } from "./load.mjs";

const HOST = "127.0.0.1";
/** As ours. */
const CIPHERS = "TLS_AES_128_GCM_SHA256";
const ORDER_BYTES = 9;
/** Ids of the streams of both ends: the caller says by a datagram which of them is next. */
const FIRST_ID = { called: 1_000, caller: 2_000 };

let dial;

answer({
  async listen({ way, keys }) {
    const take = way.endsWith("tls") ? (socket) => secured(keys, socket).then(serve) : serve;
    return way.startsWith("udx") ? await listenUdx(take) : await listenTcp(take);
  },

  async connect({ way, keys, port }) {
    const below = way.startsWith("udx") ? await diallingUdx(port) : () => createConnection({ host: HOST, port });
    dial = way.endsWith("tls") ? () => dialSecured(keys, below()) : below;
  },

  async down(options) {
    const socket = dial();
    socket.write(orderDown(options));
    const mibs = await rate(drink(socket));
    socket.end();
    return mibs;
  },
});

/** The order is the only thing that comes. */
function serve(socket) {
  socket.on("error", () => {});
  const onReadable = () => {
    const order = socket.read(ORDER_BYTES);
    if (order === null) return;
    socket.off("readable", onReadable);
    socket.resume();
    pour(socket, Buffer.alloc(order.readUInt32BE(5), 7), order.readUInt32BE(1));
  };
  socket.on("readable", onReadable);
}

async function listenTcp(take) {
  const server = createServer(take).listen(0, HOST);
  await once(server, "listening");
  return server.address().port;
}

async function socketOfUdx() {
  const { default: Udx } = await import("udx-native");
  const library = new Udx();
  const socket = library.createSocket();
  socket.bind(0, HOST);
  return { library, socket };
}

async function listenUdx(take) {
  const { library, socket } = await socketOfUdx();
  socket.on("message", ([number], { port }) => {
    const stream = library.createStream(FIRST_ID.called + number);
    stream.connect(socket, FIRST_ID.caller + number, port, HOST);
    take(asNode(stream));
  });
  return socket.address().port;
}

async function diallingUdx(port) {
  const { library, socket } = await socketOfUdx();
  let number = 0;
  return () => {
    const stream = library.createStream(FIRST_ID.caller + ++number);
    stream.connect(socket, FIRST_ID.called + number, port, HOST);
    socket.trySend(Buffer.of(number), port, HOST);
    return asNode(stream);
  };
}

/** node:tls takes streams of Node's own alone, and those of the library are another package's. */
function asNode(stream) {
  const node = new Duplex({
    read: () => void stream.resume(),
    write(chunk, _encoding, done) {
      if (stream.write(chunk)) done();
      else stream.once("drain", done);
    },
    final(done) {
      stream.end();
      done();
    },
    destroy(error, done) {
      stream.destroy();
      done(error);
    },
  });
  stream.on("data", (bytes) => {
    if (!node.push(bytes)) stream.pause();
  });
  stream.on("end", () => node.push(null));
  stream.on("error", () => node.destroy());
  return node;
}

async function secured({ key, certificate: cert, root: ca }, below) {
  const server = createTlsServer({ key, cert, ca, ciphers: CIPHERS, requestCert: true, rejectUnauthorized: true });
  server.emit("connection", below);
  const [socket] = await once(server, "secureConnection");
  return socket;
}

function dialSecured({ key, certificate: cert, root: ca }, socket) {
  return connectTls({ socket, servername: PEER_NAME, key, cert, ca, ciphers: CIPHERS });
}
