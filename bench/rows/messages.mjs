/**
 * Signed, answered messages between two members, against unary calls of grpc-js. Two processes each; ours through the
 * public API with default settings and membership running.
 */
import { measuring } from "../talk/messages.mjs";
import { openPeers } from "../talk/pairs.mjs";

const openRaw = () => openPeers("raw.mjs", "raw");
const UNSIGNED = "grpc-js unary over mutual TLS, unsigned";
const SIGNED = "grpc-js unary over mutual TLS, each request and reply signed and verified";

export const rows = [
  {
    name: "message-1",
    what: "Latency of one signed request and its signed reply, 100 bytes each, one at a time (p50).",
    unit: "ms",
    aim: { atMost: 1.3 },
    peer: UNSIGNED,
    limits:
      "Two signatures and two verifications, one after the other (0.19 ms), and waking the other process twice; our own JavaScript is a tenth of it.",
    run: measuring({ peer: openRaw, inFlight: 1, bytes: 100, figure: "p50" }),
  },
  {
    name: "message-50",
    what: "Signed requests with signed replies, 100 bytes each, 50 in flight.",
    unit: "calls/s",
    aim: { atLeast: 8 },
    peer: UNSIGNED,
    limits:
      "A frame's fixed cost - signature, verification, a pass through gRPC, HTTP/2 and TLS, about 0.2 ms a side - shared by its 25 messages: they go in two halves, so that each side has one while the other side has the other.",
    tried: "All 50 in one frame: half the signatures, but the two sides take turns, and fewer calls go through.",
    run: measuring({ peer: openRaw, inFlight: 50, bytes: 100 }),
  },
  {
    name: "message-500",
    what: "Signed requests with signed replies, 100 bytes each, 500 in flight.",
    unit: "calls/s",
    aim: { atLeast: 15 },
    peer: UNSIGNED,
    limits:
      "For each message a side spends 4 us (called) or 6 us (caller): two SHA-256, a copy of the payload with memory of its own, a promise. Of a frame's fixed cost hardly anything is left.",
    run: measuring({ peer: openRaw, inFlight: 500, bytes: 100 }),
  },
  {
    name: "message-signed-500",
    what: "Signed requests with signed replies, 100 bytes each, 500 in flight, against calls that are signed too.",
    unit: "calls/s",
    aim: { atLeast: 40 },
    peer: SIGNED,
    limits: "As message-500; the peer spends its time on a signature and a verification for each message and side.",
    run: measuring({ peer: openRaw, inFlight: 500, bytes: 100, signed: true }),
  },
  {
    name: "message-10k-50",
    what: "Signed requests with signed replies, 10 KiB each, 50 in flight.",
    unit: "calls/s",
    aim: { atLeast: 1.6 },
    peer: UNSIGNED,
    limits: "Bytes: TLS and HTTP/2, SHA-256 at both ends, and three copies into frame, envelope and gRPC message.",
    run: measuring({ peer: openRaw, inFlight: 50, bytes: 10 * 1024 }),
  },
];
