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
    limits:
      "ours as in message-50; NATS passes each request and each reply through its server, so each crosses four sockets, and its client spends a quarter of its time on errors made ahead for stack traces (which its option noAsyncTraces spares), a sixth on collecting garbage",
    run: measuring({ peer: openNats, inFlight: 50, bytes: 100 }),
  },
  {
    name: "libp2p-50",
    what: `${WHAT} a stream of js-libp2p for each request, unsigned.`,
    unit: "calls/s",
    aim: { atLeast: 2 },
    peer: "js-libp2p: TCP, Noise, yamux, a stream for each request",
    limits:
      "ours as in message-50; js-libp2p opens, negotiates and closes a stream for each request: many small frames, each encrypted and written alone (an eighth of its time), a look into its peer store, events and abort signals, and nothing that stands out",
    run: measuring({ peer: openLibp2p, inFlight: 50, bytes: 100 }),
  },
];
