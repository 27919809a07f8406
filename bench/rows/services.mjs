/** Calls of a program's own gRPC service between two members, against the same service by grpc-js alone. */
import { measuring } from "../talk/messages.mjs";
import { openPeers } from "../talk/pairs.mjs";

const openRaw = () => openPeers("raw.mjs", "raw");

export const rows = [
  {
    name: "service-50",
    what: "Unary calls of a stub of grpc-js (`client.stub`), 100 bytes each way, 50 in flight.",
    unit: "calls/s",
    aim: undefined,
    peer: "grpc-js unary over mutual TLS",
    limits:
      "grpc-js at both ends, which is all that the peer has, and below it a stream of a session instead of a socket.",
    run: measuring({ peer: openRaw, inFlight: 50, bytes: 100, ask: "calls" }),
  },
];
