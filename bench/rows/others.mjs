/** Signed, answered messages between two members, against request and reply of NATS and of js-libp2p. */
import { measuring } from "../talk/messages.mjs";
import { openLibp2p, openNats } from "../talk/others.mjs";

const WHAT = "Signed requests with signed replies, 100 bytes each, 50 in flight, against";

export const rows = [
  {
    name: "nats-50",
    what: `${WHAT} request and reply through a NATS server, unsigned.`,
    unit: "calls/s",
    aim: { atLeast: 2 },
    peer: "NATS request and reply, mutual TLS",
    run: measuring({ peer: openNats, inFlight: 50, bytes: 100 }),
  },
  {
    name: "libp2p-50",
    what: `${WHAT} a stream of js-libp2p for each request, unsigned.`,
    unit: "calls/s",
    aim: { atLeast: 2 },
    peer: "js-libp2p: TCP, Noise, yamux, a stream for each request",
    run: measuring({ peer: openLibp2p, inFlight: 50, bytes: 100 }),
  },
];
