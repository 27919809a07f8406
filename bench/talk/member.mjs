/** A process with one member of ours, through the public API and with default settings. */

import { createServer } from "node:http";
import { makeGenericClientConstructor } from "@grpc/grpc-js";
import { Client, tcpTransport } from "../../dist/client/index.js";
import { attachHttp, memberFetch } from "../../dist/services/http/index.js";
import { answer } from "./child.mjs";
import { DatagramEnd } from "./datagrams.mjs";
import { answering, fetching } from "./http.mjs";
import { download, load, serve, upload } from "./load.mjs";
import { scrape, trace } from "./watching.mjs";

const asItIs = (bytes) => bytes;
const ECHO = {
  echo: {
    path: "/bench/echo",
    requestStream: false,
    responseStream: false,
    requestSerialize: asItIs,
    requestDeserialize: asItIs,
    responseSerialize: asItIs,
    responseDeserialize: asItIs,
  },
};
const EchoClient = makeGenericClientConstructor(ECHO, "bench");

const PROTOCOL = "/bench/echo/1.0.0";
const STREAMS = 256;

async function echo(stream) {
  for await (const chunk of stream) stream.write(chunk);
  stream.end();
}

let client;
/** By the other member's id. */
const ends = new Map();

function endTo(id) {
  const end = ends.get(id) ?? new DatagramEnd((data) => client.sendDatagram(id, data));
  ends.set(id, end);
  return end;
}

function pass(from, to) {
  from.on("data", (chunk) => {
    if (!to.write(chunk)) from.pause();
  });
  to.on("drain", () => from.resume());
  from.once("end", () => to.end());
}

answer({
  async start(options) {
    // A member that is to be reached through relays alone does not punch: with a transport of its own it has no port for that.
    const network = options.behindNat ? { transports: [tcpTransport()] } : {};
    client = new Client({ config: false, network, ...options });
    client.registerMessageHandler((data) => data);
    client.registerStreamHandler(serve);
    client.onDatagram((data, { from }) => endTo(from.id).take(data));
    client.handle(PROTOCOL, echo, { streamsPerPeer: STREAMS });
    client.addService(ECHO, { echo: (call, callback) => callback(null, call.request) });
    attachHttp(client, createServer(answering));
    await client.start();
    return client.id;
  },

  /** Is watched from now on: by "metrics", a page each second, by "tracing", each message a span, or by "sampling", one in a hundred. */
  async watch({ how }) {
    if (how === "metrics") await scrape(client);
    if (how === "tracing") await trace(client, 1);
    if (how === "sampling") await trace(client, 1 / 100);
  },

  /** Resolves when the other one is in the view, with `through` among its relays if that is said. */
  async meet({ id, through }) {
    const isThere = ({ addresses }) => through === undefined || addresses.includes(`relay://${through}`);
    for await (const { member } of client.changes()) if (member?.id === id && isThere(member)) return;
  },

  /** What leads to this member now: "direct", "relayed", ... */
  path: ({ id }) => client.paths().find((path) => path.id === id)?.path,

  /** Passes on each stream to this member by another one, from now on. */
  forward({ id }) {
    client.registerStreamHandler(async (stream) => {
      const next = await client.openStream(id);
      pass(stream, next);
      pass(next, stream);
    });
  },

  datagrams: ({ id, ...options }) => endTo(id).flood(options),

  messages({ id, bytes, inFlight, ms }) {
    const data = new Uint8Array(bytes).fill(7);
    return load(() => client.sendToId(id, data), { inFlight, ms });
  },

  async calls({ id, bytes, inFlight, ms }) {
    const data = Buffer.alloc(bytes, 7);
    const stub = await client.stub(id, EchoClient);
    const call = () =>
      new Promise((resolve, reject) => {
        stub.echo(data, (error, reply) => (error ? reject(error) : resolve(reply)));
      });
    return load(call, { inFlight, ms });
  },

  streams({ id, bytes, inFlight, ms }) {
    const data = new Uint8Array(bytes).fill(7);
    const call = async () => {
      const stream = await client.openStream(id, { protocol: PROTOCOL });
      stream.end(data);
      let length = 0;
      for await (const chunk of stream) length += chunk.length;
      if (length !== bytes) throw new Error(`a reply of ${length} bytes, not ${bytes}`);
    };
    return load(call, { inFlight, ms });
  },

  requests: ({ id, ...options }) => fetching(memberFetch(client), `http://${id}.fireflies/`, options),

  up: async ({ id, ...options }) => upload(await client.openStream(id), options),
  down: async ({ id, ...options }) => download(await client.openStream(id), options),

  stop: () => client.stop(),
});
