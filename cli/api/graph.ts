/**
 * What a visualizer needs of one member: who there is, how each is reached, and what runs between them. Ids stay: of a member
 * its id, of a link the ids of its ends, of a session and of streams what they are for as long as they live.
 */
import type { ServiceState } from "../../services/controllers/runner.js";
import type { AgentClient } from "../agent-client.js";
import { memberView } from "../views.js";

const GRAPH_VERSION = 1;

export interface Graph {
  readonly version: typeof GRAPH_VERSION;
  /** Unix milliseconds. */
  readonly at: number;
  /** The id of the member that sees it so. */
  readonly self: string;
  readonly members: readonly GraphMember[];
  readonly links: readonly GraphLink[];
  readonly sessions: readonly GraphSession[];
  readonly streams: readonly GraphStreams[];
  readonly topics: readonly GraphTopic[];
  readonly controllers: readonly GraphController[];
}
interface GraphMember {
  readonly id: string;
  readonly name: string | null;
  readonly address: string;
  readonly state: string;
}
/** Of this member with another one; `via`: ids of the members that pass the bytes on. */
interface GraphLink {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly path: string;
  readonly via: readonly string[];
  readonly rttMs: number | null;
}
interface GraphSession {
  readonly id: string;
  readonly link: string;
  readonly path: string;
  readonly via: readonly string[];
  readonly address: string | null;
  readonly rttMs: number | null;
  readonly inUse: boolean;
  /** Calls and streams that are open on it. */
  readonly open: number;
}
interface GraphStreams {
  readonly id: string;
  readonly link: string;
  /** "" for those without one. */
  readonly protocol: string;
  /** The id of the member that opened them. */
  readonly openedBy: string;
  readonly count: number;
}
/** That this member speaks of. */
interface GraphTopic {
  readonly id: string;
  readonly member: string;
  readonly topic: string;
  /** Ids of the members that subscribe to it. */
  readonly subscribers: readonly string[];
  readonly published: number;
  readonly settled: number;
  readonly backlog: number;
}
interface GraphController {
  readonly id: string;
  readonly member: string;
  readonly name: string;
  readonly kind: string;
  readonly state: string;
  readonly at: string | null;
  readonly streams: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

type Seen = Pick<AgentClient, "self" | "members" | "connections" | "topics" | "subscribers">;

export function graphOf(client: Seen, services: readonly ServiceState[], at: number): Graph {
  const self = client.self.id;
  const connections = client.connections();
  const linkOf = (id: string) => `link:${self}:${id}`;
  return {
    ...{ version: GRAPH_VERSION, at, self },
    members: [client.self, ...client.members()].map((member) => {
      const { id, name = null, address, state } = memberView(member);
      return { id, name, address, state };
    }),
    links: connections.map(({ id, path, via, rttMs }) => ({
      ...{ id: linkOf(id), from: self, to: id, path: path ?? "none", via, rttMs: rounded(rttMs) },
    })),
    sessions: connections.flatMap(({ id: to, sessions }) =>
      sessions.map(({ id, path, via, address, rttMs, inUse, open }) => ({
        ...{ id: `session:${self}:${id}`, link: linkOf(to), path: path ?? "none", via },
        ...{ address: address ?? null, rttMs: rounded(rttMs), inUse, open },
      })),
    ),
    streams: connections.flatMap(({ id: to, streams }) =>
      streams.map(({ protocol, openedHere, count }) => {
        const openedBy = openedHere ? self : to;
        return { id: `streams:${self}:${to}:${openedBy}:${protocol}`, link: linkOf(to), protocol, openedBy, count };
      }),
    ),
    topics: client.topics().map(({ topic, published, settled, backlog }) => ({
      ...{ id: `topic:${self}:${topic}`, member: self, topic, published, settled, backlog },
      subscribers: [...new Set(client.subscribers(topic).map(({ id }) => id))],
    })),
    controllers: services.map(({ id, kind, state, at: place, streams, bytesIn, bytesOut }) => ({
      ...{ id: `controller:${self}:${id}`, member: self, name: id, kind, state, at: place ?? null },
      ...{ streams, bytesIn, bytesOut },
    })),
  };
}

function rounded(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms * 100) / 100;
}
