/**
 * The metrics of a member. Dashboards and alarms hang on the names, so they stay. No label has the id or the name of a member: a
 * network of a thousand would make a thousand series of each.
 */
import { byKey, type Definition, type Sample } from "./definition.js";
import { DISCOVERY_DEFINITIONS } from "./discovery-definitions.js";
import type { MemberInfo, TopicState, TrafficState } from "./member-source.js";
import { TRAFFIC_DEFINITIONS } from "./traffic-definitions.js";

/** Series of one metric with a topic as label, at most: the program's topics, of which it may have any number. */
const TOPICS_MAX = 64;
const REASON = "none";

/** What is read at once when somebody asks. */
export interface MemberState {
  readonly info: MemberInfo;
  readonly topics: readonly TopicState[];
  readonly traffic: TrafficState;
  /** Changes of the view since the metrics began, by kind and reason. */
  readonly changes: readonly Sample[];
}

type Metric = Definition<MemberState>;

function gauge(name: string, help: string, read: (info: MemberInfo) => number | undefined): Metric {
  return { name: `fireflies_${name}`, help, kind: "gauge", read: ({ info }) => read(info) };
}

function counter(name: string, help: string, read: (info: MemberInfo) => number | undefined): Metric {
  return { name: `fireflies_${name}_total`, help, kind: "counter", read: ({ info }) => read(info) };
}

function counters(name: string, help: string, labels: string[], read: (info: MemberInfo) => readonly Sample[]): Metric {
  return { name: `fireflies_${name}_total`, help, kind: "counter", labels, read: ({ info }) => read(info) };
}

function ofTopics(name: string, help: string, read: (topic: TopicState) => number): Metric {
  return {
    name: `fireflies_topic_${name}`,
    help,
    kind: name.endsWith("_total") ? "counter" : "gauge",
    labels: ["topic"],
    read: ({ topics }) =>
      topics.slice(0, TOPICS_MAX).map((topic) => ({ value: read(topic), labels: { topic: topic.topic } })),
  };
}

const VIEW: readonly Metric[] = [
  gauge("members", "Live members other than this one.", ({ members }) => members),
  gauge("members_suspected", "Of those, the ones that stand accused.", ({ suspected }) => suspected),
  {
    name: "fireflies_view_changes_total",
    help: "Changes of the view: joined, left, suspected, rebutted, updated, failed, isolated, back, moved.",
    kind: "counter",
    labels: ["kind", "reason"],
    read: ({ changes }) => changes,
  },
  gauge("rings", "Rings of the network.", ({ rings }) => rings),
  gauge("tolerance", "Lying predecessors that a member tolerates.", ({ tolerance }) => tolerance),
  gauge("rings_disabled", "Rings disabled to answer accusations.", ({ disabledRings }) => disabledRings.length),
  gauge("isolated", "1 while the others do not have this member among them.", ({ isolated }) => (isolated ? 1 : 0)),
  gauge("clock_in_doubt", "1 after a step of the wall clock that nothing has confirmed.", ({ clock }) =>
    clock === "steady" ? 0 : 1,
  ),
  gauge(
    "certificate_expiry_timestamp_seconds",
    "End of this member's certificate, unix time.",
    ({ certificateEnds }) => certificateEnds / 1_000,
  ),
  counters(
    "rejected",
    "What partners sent and was not taken, by what it was and why. Duplicates are ordinary; lies are not.",
    ["what", "reason"],
    ({ rejected }) => Object.entries(rejected).map(([kind, value]) => ({ value, labels: rejection(kind) })),
  ),
];

const LINKS: readonly Metric[] = [
  gauge("links", "Members with a connection, whoever made it.", ({ links }) => links),
  {
    name: "fireflies_members_by_path",
    help: "Live members by the path to them: direct, reversed, punched, relayed, none.",
    kind: "gauge",
    labels: ["path"],
    read: ({ info }) => byKey("path", info.paths),
  },
  counter("punches_tried", "Paths through NATs that were tried.", ({ punches }) => punches.tried),
  counter("punches_succeeded", "Paths through NATs that gave a connection.", ({ punches }) => punches.succeeded),
];

const RELAYS: readonly Metric[] = [
  gauge("relays", "Members that relay for this one.", ({ relay }) => relay.mine.length),
  gauge("relays_wanted", "Relays that this member should have.", ({ relay }) => relay.wanted),
  gauge("relay_reservations", "Members that this one relays for.", ({ relay }) => relay.reservations),
  gauge("relay_connections", "Connections that pass through here now.", ({ relay }) => relay.connections),
  gauge("relay_members_delayed", "Members whose bytes wait for their rate.", ({ relay }) => relay.delayed),
  counter("relay_connections_passed", "Connections that passed through here.", ({ relay }) => relay.passed),
  counter("relay_bytes", "Bytes that passed through here, both directions.", ({ relay }) => relay.bytes),
  counter("relay_refused", "Requests to relay that were refused.", ({ relay }) => relay.refused),
];

const DATAGRAMS: readonly Metric[] = [
  counters("datagrams_sent", "Datagrams of programs that were sent, by way.", ["way"], ({ datagrams }) =>
    byKey("way", { udp: datagrams.sentByUdp, session: datagrams.sentInSession }),
  ),
  counter("datagrams_received", "Datagrams that were handed to the handler.", ({ datagrams }) => datagrams.received),
  counters("datagrams_dropped", "Datagrams that were not sent, by reason.", ["reason"], ({ datagrams }) =>
    byKey("reason", datagrams.dropped),
  ),
  counters("datagrams_refused", "Datagrams that came and were not taken, by reason.", ["reason"], ({ datagrams }) =>
    byKey("reason", datagrams.refused),
  ),
  gauge("udx_connections", "Connections over reliable UDP.", ({ udx }) => udx?.connections),
  counter("udx_sent_bytes", "Bytes sent over reliable UDP.", ({ udx }) => udx?.bytesSent),
  counter("udx_received_bytes", "Bytes received over reliable UDP.", ({ udx }) => udx?.bytesReceived),
  counter("udx_sent_packets", "Packets sent over reliable UDP.", ({ udx }) => udx?.packetsSent),
  counter("udx_received_packets", "Packets received over reliable UDP.", ({ udx }) => udx?.packetsReceived),
  counter("udx_retransmits", "Packets sent again over reliable UDP.", ({ udx }) => udx?.retransmits),
];

const TOPICS: readonly Metric[] = [
  ofTopics("subscribers", "Live members that subscribe, this one included.", ({ subscribers }) => subscribers),
  ofTopics("published_total", "Messages that were published here.", ({ published }) => published),
  ofTopics("settled_total", "Messages that subscriptions here are done with.", ({ settled }) => settled),
  ofTopics("backlog", "Messages that not every subscription here is done with.", ({ backlog }) => backlog),
  ofTopics("held_bytes", "Bytes of messages that are held.", ({ heldBytes }) => heldBytes),
];

export const MEMBER_DEFINITIONS: readonly Metric[] = [
  ...VIEW,
  ...TRAFFIC_DEFINITIONS,
  ...DISCOVERY_DEFINITIONS,
  ...LINKS,
  ...RELAYS,
  ...DATAGRAMS,
  ...TOPICS,
];

/** A kind is "what: reason". */
function rejection(kind: string): { readonly what: string; readonly reason: string } {
  const cut = kind.indexOf(": ");
  return cut < 0 ? { what: kind, reason: REASON } : { what: kind.slice(0, cut), reason: kind.slice(cut + 2) };
}
