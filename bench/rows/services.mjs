/** Services by name between two members: gRPC calls against grpc-js alone, streams of a protocol against js-libp2p's. */
import { measuring } from "../talk/messages.mjs";
import { openLibp2p } from "../talk/others.mjs";
import { openPeers } from "../talk/pairs.mjs";

const openRaw = () => openPeers("raw.mjs", "raw");

export const rows = [
  {
    name: "rpc-50",
    what: "Unary calls of a stub of grpc-js (`client.stub`), 100 bytes each way, 50 in flight.",
    unit: "calls/s",
    aim: { atLeast: 0.9 },
    peer: "grpc-js unary over mutual TLS",
    limits:
      "grpc-js at both ends, which is all that the peer has, and below it a stream of a session instead of a socket: Node hands what HTTP/2 writes to such a stream in a buffer for each frame or part of one, three for a call and four for its answer.",
    run: measuring({ peer: openRaw, inFlight: 50, bytes: 100, ask: "calls" }),
  },
  {
    name: "streams-open",
    what: "A stream of a protocol is opened, carries one message of 100 bytes each way, and is closed, 50 at once.",
    unit: "streams/s",
    aim: { atLeast: 3 },
    peer: "js-libp2p: TCP, Noise, yamux, `dialProtocol` for each stream",
    limits:
      "A stream of Node's HTTP/2 with its headers and trailers, and a duplex above it: a quarter of the time is collecting their garbage. What 50 say leaves in one write, so each side waits for the other.",
    run: measuring({ peer: openLibp2p, inFlight: 50, bytes: 100, ask: "streams" }),
  },
];
