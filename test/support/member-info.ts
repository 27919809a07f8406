/** A member's figures as `Client.info()` gives them, made up. */
import type { MemberInfo, Tally, TopicState, TrafficState } from "../../ops/index.js";

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
  discovery: [
    { source: "authority", contacts: 2, answeredAt: 1_700_000_000_500, failures: 0 },
    { source: "dns:a.example:7", contacts: 3, answeredAt: 1_700_000_002_000, failures: 0 },
    { source: "dns:b.example:7", contacts: 1, answeredAt: 1_700_000_001_000, failures: 4 },
    { source: "registry of ours", contacts: 0, answeredAt: undefined, failures: 1 },
  ],
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

/** As `Client.traffic()` gives it, made up. */
export const TRAFFIC: TrafficState = {
  messages: {
    asked: { kv: tally({ begun: 8, ended: { ok: 5, timeout: 1 }, bytesIn: 50, bytesOut: 600 }, 3.5, [4, 1, 1]) },
    answered: {
      kv: tally({ begun: 1, ended: { ok: 1 }, bytesIn: 7, bytesOut: 40 }, 0.1, [0, 1, 0]),
      other: tally({ begun: 3, ended: { "handler-missing": 3 }, bytesIn: 30, bytesOut: 0 }, 0, [3, 0, 0]),
    },
  },
  gossip: {
    asked: {},
    answered: { none: tally({ begun: 1, ended: { ok: 1 }, bytesIn: 9, bytesOut: 0 }, 0, [1, 0, 0]) },
  },
  streams: {
    asked: {},
    answered: { "/x": tally({ begun: 2, ended: { ok: 1 }, bytesIn: 1, bytesOut: 2 }, 1, [0, 1, 0]) },
  },
  rpc: {
    asked: {},
    answered: { "a.B": tally({ begun: 4, ended: { "resource-exhausted": 4 }, bytesIn: 0, bytesOut: 0 }, 0, [4, 0, 0]) },
  },
  calls: { asked: {}, answered: {} },
  bounds: [0.001, 1],
  signatures: { frame: { right: 12, wrong: 1 } },
};

function tally(counts: Omit<Tally, "durations">, sum: number, spread: readonly number[]): Tally {
  return { ...counts, durations: { sum, counts: spread } };
}
