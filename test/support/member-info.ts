/** A member's figures as `Client.info()` gives them, made up. */
import type { MemberInfo, TopicState } from "../../ops/index.js";

export const INFO: MemberInfo = {
  rings: 13,
  tolerance: 6,
  disabledRings: [3],
  members: 9,
  suspected: 1,
  isolated: undefined,
  links: 4,
  paths: { direct: 3, reversed: 0, punched: 0, relayed: 1, none: 5 },
  certificateEnds: 1_800_000_000_500,
  clock: "steady",
  rejected: { "note: stale": 7, "packet: refused": 1, odd: 2 },
  datagrams: {
    sentByUdp: 5,
    sentInSession: 6,
    received: 7,
    dropped: { full: 1, unreachable: 2 },
    refused: { forged: 3, replayed: 4 },
  },
  relay: { mine: [{}, {}], wanted: 3, reservations: 1, connections: 2, delayed: 0, passed: 8, bytes: 900, refused: 1 },
  punches: { tried: 2, succeeded: 1 },
  udx: undefined,
};

export const TOPIC: TopicState = {
  topic: 'orders."eu"\n',
  subscribers: 2,
  published: 10,
  settled: 8,
  backlog: 2,
  heldBytes: 1234,
};
