/**
 * A process with js-libp2p as its users write it: TCP, Noise, yamux, and a stream for each request. The limits of streams
 * per protocol are raised, or 32 in flight were all.
 */
import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import { tcp } from "@libp2p/tcp";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import { answer } from "../talk/child.mjs";
import { load } from "../talk/load.mjs";

// Its version 3 calls it; Node has it from 22 on.
Promise.withResolvers ??= function () {
  let settle;
  const promise = new this((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { promise, ...settle };
};

const PROTOCOL = "/bench/echo/1.0.0";
const STREAMS = 2048;
let node;
let other;

const create = (addresses) =>
  createLibp2p({ addresses, transports: [tcp()], connectionEncrypters: [noise()], streamMuxers: [yamux()] });

async function echo(stream) {
  for await (const chunk of stream) stream.send(chunk);
  await stream.close();
}

answer({
  async listen() {
    node = await create({ listen: ["/ip4/127.0.0.1/tcp/0"] });
    await node.handle(PROTOCOL, echo, { maxInboundStreams: STREAMS });
    return node.getMultiaddrs()[0].toString();
  },

  async connect({ port: address }) {
    node = await create({});
    other = (await node.dial(multiaddr(address))).remotePeer;
  },

  messages({ bytes, inFlight, ms }) {
    const data = new Uint8Array(bytes).fill(7);
    const call = async () => {
      const stream = await node.dialProtocol(other, PROTOCOL, { maxOutboundStreams: STREAMS });
      stream.send(data);
      const [length] = await Promise.all([lengthOf(stream), stream.close()]);
      if (length !== bytes) throw new Error(`a reply of ${length} bytes, not ${bytes}`);
    };
    return load(call, { inFlight, ms });
  },
});

async function lengthOf(chunks) {
  let length = 0;
  for await (const chunk of chunks) length += chunk.byteLength;
  return length;
}
