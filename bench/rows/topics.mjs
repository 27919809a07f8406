/** Topics: one publisher and ten subscribers, each in a process of its own, against NATS core and JetStream. */
import { openIn, openOut, openPlain } from "../topics/bridge.mjs";
import { openIdle } from "../topics/idle.mjs";
import { measuringTopics } from "../topics/measuring.mjs";
import { openMembers } from "../topics/members.mjs";
import { openCore, openJetStream } from "../topics/nats.mjs";

const SUBSCRIBERS = 10;
const WHAT = "One publisher, ten subscribers, each in a process of its own";
const PLAIN = "two clients of NATS core, mutual TLS, unsigned";
const CORE = "NATS core, mutual TLS, unsigned";
const JETSTREAM =
  "NATS JetStream, mutual TLS: three servers, file store, three replicas, explicit acknowledgement, unsigned";
/** Messages that the publisher has sent and that do not count as sent yet; and of 10 KiB. */
const IN_FLIGHT = 1_000;
const IN_FLIGHT_LARGE = 200;
const IN_FLIGHT_STREAM = 500;
/** Messages per second where the time until they are there is measured: far below what both sides can bear. */
const PACE = 2_000;

/** Gossip is in rounds: many of them, milliseconds. */
const IDLE_MS = 30_000;
const QUICK_MS = 1_000;

const ours = () => openMembers(SUBSCRIBERS);
const core = () => openCore(SUBSCRIBERS);
const jetStream = () => openJetStream(SUBSCRIBERS);

export const rows = [
  {
    name: "topic-10",
    what: `${WHAT}: messages of 100 bytes, signed, \`some\`, ${IN_FLIGHT} in flight; delivered to all together.`,
    unit: "messages/s",
    aim: { atLeast: 1 },
    peer: CORE,
    run: measuringTopics({
      ...{ ours, peer: core },
      how: { ack: "some", bytes: 100, inFlight: IN_FLIGHT },
      peerHow: { bytes: 100, inFlight: IN_FLIGHT },
    }),
  },
  {
    name: "topic-10-p99",
    what: `${WHAT}: messages of 100 bytes, ${PACE} a second; from the call to the handler in the other process (p99).`,
    unit: "ms",
    aim: { atMost: 1 },
    peer: CORE,
    run: measuringTopics({
      ...{ ours, peer: core, figure: "p99" },
      how: { ack: "some", bytes: 100, perSecond: PACE },
      peerHow: { bytes: 100, perSecond: PACE },
    }),
  },
  {
    name: "topic-10-js",
    what: `${WHAT}: messages of 100 bytes, signed, \`all\`, ${IN_FLIGHT_STREAM} in flight; delivered to all together.`,
    unit: "messages/s",
    aim: { atLeast: 3 },
    peer: JETSTREAM,
    run: measuringTopics({
      ...{ ours, peer: jetStream },
      how: { ack: "all", bytes: 100, inFlight: IN_FLIGHT_STREAM },
      peerHow: { ack: "stream", bytes: 100, inFlight: IN_FLIGHT_STREAM },
    }),
  },
  {
    name: "topic-10k",
    what: `${WHAT}: messages of 10 KiB, signed, \`some\`, ${IN_FLIGHT_LARGE} in flight; delivered to all together.`,
    unit: "messages/s",
    aim: { atLeast: 1 },
    peer: CORE,
    run: measuringTopics({
      ...{ ours, peer: core },
      how: { ack: "some", bytes: 10 * 1024, inFlight: IN_FLIGHT_LARGE },
      peerHow: { bytes: 10 * 1024, inFlight: IN_FLIGHT_LARGE },
    }),
  },
  {
    name: "nats-bridge-out",
    what: `From a member by a bridge to a client of NATS core, each in a process of its own: messages of 100 bytes, signed, ${IN_FLIGHT} in flight; delivered.`,
    unit: "messages/s",
    aim: { atLeast: 0.5 },
    peer: PLAIN,
    run: measuringTopics({
      ...{ ours: openOut, peer: openPlain },
      how: { ack: "some", bytes: 100, inFlight: IN_FLIGHT },
      peerHow: { bytes: 100, inFlight: IN_FLIGHT },
    }),
  },
  {
    name: "nats-bridge-in",
    what: `From a client of NATS core by a bridge to a member, each in a process of its own: messages of 100 bytes, signed by the bridge, ${IN_FLIGHT} in flight; delivered.`,
    unit: "messages/s",
    aim: { atLeast: 0.5 },
    peer: PLAIN,
    run: measuringTopics({
      ...{ ours: openIn, peer: openPlain },
      how: { bytes: 100, inFlight: IN_FLIGHT },
      peerHow: { bytes: 100, inFlight: IN_FLIGHT },
    }),
  },
  {
    name: "topic-idle",
    what: "Four members with 16 subscriptions each, while nothing is published: bytes per second and member over connections.",
    unit: "bytes/s",
    aim: { atMost: 1.05 },
    peer: "the same without a subscription",
    run: async ({ runs, quick }) => {
      const idle = await openIdle();
      try {
        const figures = [];
        for (let run = 0; run < runs; run++) figures.push(await idle.measure(quick ? QUICK_MS : IDLE_MS));
        return { ours: figures.map(([ours]) => ours), peer: figures.map(([, peer]) => peer) };
      } finally {
        await idle.close();
      }
    },
  },
];
