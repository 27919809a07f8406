/**
 * A process with the client of NATS as its users write it, over mutual TLS: one that publishes on a subject, or one of those that
 * subscribe to it; to NATS core, or to a stream of JetStream.
 */
import { generateKeyPairSync, sign, verify } from "node:crypto";
import { AckPolicy, DeliverPolicy, jetstream, jetstreamManager, StorageType } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { PEER_NAME } from "../talk/certificates.mjs";
import { answer } from "../talk/child.mjs";
import { Deliveries, flatOut, paced, stamped } from "../topics/load.mjs";

const SUBJECT = "bench.topic";
const STREAM = "bench";
/** For three servers to have chosen a leader, milliseconds. */
const STREAM_MS = 20_000;
const REPLICAS = 3;

const deliveries = new Deliveries();
let connection;
/** Publishes one message; resolves when it counts as sent. */
let publish;

/** Of NATS core a message counts as sent when the server has answered a ping behind it: one ping for those of one turn. */
function publishingToCore(bytes) {
  let flushed;
  return () => {
    connection.publish(SUBJECT, stamped(bytes));
    flushed ??= Promise.resolve().then(() => {
      flushed = undefined;
      return connection.flush();
    });
    return flushed;
  };
}

function publishingToStream(bytes) {
  const stream = jetstream(connection);
  return () => stream.publish(SUBJECT, stamped(bytes));
}

/**
 * What proven authors cost at least: for the messages of one turn of the event loop, one check of a signature of Ed25519. Returns what
 * is to be called for each message, before it counts as delivered.
 */
function checkingOncePerTurn() {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const body = Buffer.alloc(256, 7); // As long as the body of a batch.
  const signature = sign(null, body, privateKey);
  let isChecked = false;
  return () => {
    if (isChecked) return;
    if (!verify(null, body, publicKey, signature)) throw new Error("a signature of its own is wrong");
    isChecked = true;
    setImmediate(() => {
      isChecked = false;
    });
  };
}

function taking(isChecking) {
  if (!isChecking) return (_, message) => deliveries.take(message.data);
  const check = checkingOncePerTurn();
  return (_, message) => {
    check();
    deliveries.take(message.data);
  };
}

async function addStream() {
  const config = { name: STREAM, subjects: [SUBJECT], storage: StorageType.File, num_replicas: REPLICAS };
  for (const end = performance.now() + STREAM_MS; ; ) {
    try {
      const manager = await jetstreamManager(connection);
      return await manager.streams.add(config);
    } catch (error) {
      if (performance.now() > end) throw error;
    }
  }
}

async function consume(name) {
  const manager = await jetstreamManager(connection);
  const config = { durable_name: name, ack_policy: AckPolicy.Explicit, deliver_policy: DeliverPolicy.New };
  await manager.consumers.add(STREAM, config);
  const consumer = await jetstream(connection).consumers.get(STREAM, name);
  await consumer.consume({
    callback: (message) => {
      deliveries.take(message.data);
      message.ack();
    },
  });
}

answer({
  async connect({ port, key, certificate, root }) {
    const tls = { key, cert: certificate, ca: root, servername: PEER_NAME };
    connection = await connect({ servers: `127.0.0.1:${port}`, tls, reconnect: false });
  },

  addStream: async () => void (await addStream()),

  async subscribe({ ack, name, isChecking = false }) {
    if (ack === undefined) connection.subscribe(SUBJECT, { callback: taking(isChecking) });
    else await consume(name);
    await connection.flush();
  },

  async publish({ ack, bytes, ...how }) {
    publish = ack === undefined ? publishingToCore(bytes) : publishingToStream(bytes);
    return await (how.perSecond === undefined ? flatOut(publish, how) : paced(publish, how));
  },

  count: () => deliveries.count,
  told: () => deliveries.told(),
});
