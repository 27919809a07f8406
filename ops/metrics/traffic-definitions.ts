/**
 * The metrics of what a member says and hears, by service and protocol. Names of services are labels only where this member offers
 * them or asks for them: what others ask for besides is "other".
 */
import type { Definition, HistogramDefinition, Sample, Spread, ValueDefinition } from "./definition.js";
import type { Tally, TallyByName, TrafficState, Ways } from "./member-source.js";

/** What traffic is read from. */
interface Source {
  readonly traffic: TrafficState;
}

/** One kind of thing that members ask of each other and answer. */
interface Kind {
  readonly key: "messages" | "gossip" | "rpc" | "calls";
  /** In names of metrics: of many, and of one. */
  readonly many: string;
  readonly one: string;
  /** Of its names; undefined when it has none. */
  readonly label: "service" | "protocol" | undefined;
  /** In sentences. */
  readonly words: string;
}

const KINDS: readonly Kind[] = [
  { key: "messages", many: "messages", one: "message", label: "service", words: "Messages" },
  { key: "gossip", many: "gossip", one: "gossip", label: undefined, words: "The program's gossip" },
  { key: "rpc", many: "rpc", one: "rpc", label: "service", words: "Calls of gRPC" },
  {
    ...{ key: "calls", many: "protocol_calls", one: "protocol_call", label: "protocol" },
    words: "Calls of the overlay's own protocol",
  },
];

/** Codes of what was refused because there was too much of it: ours, and gRPC's. */
const OVERLOADED = ["overloaded", "resource-exhausted"];

function ofKind(kind: Kind): Definition<Source>[] {
  const { key, many, one, label, words } = kind;
  const labels = label === undefined ? [] : [label];
  const of = (traffic: TrafficState) => traffic[key];
  const named = (name: string): Record<string, string> => (label === undefined ? {} : { [label]: name });
  const ended = (way: keyof Ways, name: string, help: string): ValueDefinition<Source> => ({
    ...{ name: `fireflies_${many}_${name}_total`, help, kind: "counter", labels: [...labels, "code"] },
    read: ({ traffic }) => endedOf(of(traffic)[way], named),
  });
  const spread = (way: keyof Ways, name: string, help: string): HistogramDefinition<Source> => ({
    ...{ name: `fireflies_${one}_${name}_seconds`, help, kind: "histogram", labels },
    read: ({ traffic }) => spreadOf(of(traffic)[way], named, traffic.bounds),
  });
  return [
    ended("asked", "sent", `${words} of this member that have ended, by code: ok, or why not.`),
    ended("answered", "received", `${words} of others that were answered here, by code: ok, or why not.`),
    openOf(`fireflies_${many}_open`, `${words} without an answer yet, of this member (self) and of others (peer).`, {
      ...{ labels: [...labels, "by"], of, named },
    }),
    ...bytesOf(one, `${words}: bytes of programs`, { labels, of, named }),
    spread("asked", "duration", `${words}: from asking to the answer.`),
    spread("answered", "handling", `${words}: from arrival here to the answer.`),
  ];
}

interface Reading {
  readonly labels: readonly string[];
  readonly of: (traffic: TrafficState) => Ways;
  readonly named: (name: string) => Record<string, string>;
}

const BY = { asked: "self", answered: "peer" } as const;
const WAYS = ["asked", "answered"] as const;

function openOf(name: string, help: string, { labels, of, named }: Reading): ValueDefinition<Source> {
  return {
    ...{ name, help, kind: "gauge", labels },
    read: ({ traffic }) =>
      eachTally(of(traffic), (way, key, tally) => [
        { value: tally.begun - sumOf(tally.ended), labels: { ...named(key), by: BY[way] } },
      ]),
  };
}

/** Both ways together: requests and replies. */
function bytesOf(one: string, words: string, { labels, of, named }: Reading): ValueDefinition<Source>[] {
  const bytes = (which: "bytesIn" | "bytesOut", name: string): ValueDefinition<Source> => ({
    ...{ name: `fireflies_${one}_${name}_bytes_total`, help: `${words} that were ${name}.`, kind: "counter", labels },
    read: ({ traffic }) => {
      const sums = new Map<string, number>();
      eachTally(of(traffic), (_, key, tally) => {
        sums.set(key, (sums.get(key) ?? 0) + tally[which]);
        return [];
      });
      return [...sums].map(([key, value]) => ({ value, labels: named(key) }));
    },
  });
  return [bytes("bytesOut", "sent"), bytes("bytesIn", "received")];
}

const streams: Reading = {
  labels: ["protocol"],
  of: (traffic) => traffic.streams,
  named: (protocol) => ({ protocol }),
};
const WITH_BY = ["protocol", "by"];

const STREAMS: readonly Definition<Source>[] = [
  {
    ...{ name: "fireflies_streams_opened_total", kind: "counter", labels: WITH_BY },
    help: "Streams that were opened, by this member (self) and by others (peer), those that were refused among them.",
    read: ({ traffic }) =>
      eachTally(traffic.streams, (way, protocol, { begun }) => [{ value: begun, labels: { protocol, by: BY[way] } }]),
  },
  {
    ...{ name: "fireflies_streams_ended_total", kind: "counter", labels: [...WITH_BY, "code"] },
    help: "Streams that have ended, by code: ok for both directions to their end, or why not.",
    read: ({ traffic }) =>
      WAYS.flatMap((way) => endedOf(traffic.streams[way], (protocol) => ({ protocol, by: BY[way] }))),
  },
  openOf("fireflies_streams_open", "Streams that are open.", { ...streams, labels: WITH_BY }),
  ...bytesOf("stream", "Streams: bytes of programs", streams),
  {
    ...{ name: "fireflies_stream_duration_seconds", kind: "histogram", labels: WITH_BY },
    help: "Streams: from opening to their end.",
    read: ({ traffic }) =>
      WAYS.flatMap((way) => spreadOf(traffic.streams[way], (protocol) => ({ protocol, by: BY[way] }), traffic.bounds)),
  },
];

const CHECKS: readonly Definition<Source>[] = [
  {
    ...{ name: "fireflies_signature_checks_total", kind: "counter", labels: ["what", "outcome"] },
    help: "Signatures that were checked: of frames of messages, statements, certificates, batches of topics.",
    read: ({ traffic }) =>
      Object.entries(traffic.signatures).flatMap(([what, counts]) =>
        Object.entries(counts).map(([outcome, value]) => ({ value, labels: { what, outcome } })),
      ),
  },
  {
    ...{ name: "fireflies_budget_hits_total", kind: "counter", labels: ["kind", "by"] },
    help: "What was refused because a budget was used up: asked by this member (self), or by others and refused here (peer).",
    read: ({ traffic }) =>
      (["messages", "gossip", "streams", "rpc", "calls"] as const).flatMap((kind) =>
        WAYS.map((way) => ({ value: refusedOf(traffic[kind][way]), labels: { kind, by: BY[way] } })),
      ),
  },
];

export const TRAFFIC_DEFINITIONS: readonly Definition<Source>[] = [...KINDS.flatMap(ofKind), ...STREAMS, ...CHECKS];

function eachTally(ways: Ways, read: (way: keyof Ways, name: string, tally: Tally) => readonly Sample[]): Sample[] {
  return WAYS.flatMap((way) => Object.entries(ways[way]).flatMap(([name, tally]) => read(way, name, tally)));
}

function endedOf(tallies: TallyByName, named: (name: string) => Record<string, string>): Sample[] {
  return Object.entries(tallies).flatMap(([name, { ended }]) =>
    Object.entries(ended).map(([code, value]) => ({ value, labels: { ...named(name), code } })),
  );
}

function spreadOf(
  tallies: TallyByName,
  named: (name: string) => Record<string, string>,
  bounds: readonly number[],
): Spread[] {
  return Object.entries(tallies).map(([name, { durations }]) => ({ bounds, ...durations, labels: named(name) }));
}

function refusedOf(tallies: TallyByName): number {
  const counts = Object.values(tallies).flatMap(({ ended }) => OVERLOADED.map((code) => ended[code] ?? 0));
  return counts.reduce((sum, count) => sum + count, 0);
}

function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
