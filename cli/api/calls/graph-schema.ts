/** The shape of a graph as JSON Schema. */
const text = { type: "string" } as const;
const count = { type: "integer", minimum: 0 } as const;
const textOrNull = { type: ["string", "null"] } as const;
const via = { type: "array", items: text, description: "Ids of the members that pass the bytes on." } as const;
const path = {
  ...{ type: "string", enum: ["direct", "reversed", "punched", "relayed", "none"] },
  description: "How the other one is reached; none: there is no connection.",
} as const;
const rttMs = { type: ["number", "null"], description: "A round trip, milliseconds; null before the first." } as const;
const link = { type: "string", description: "The id of its link." } as const;

function listOf(description: string, properties: Readonly<Record<string, object>>): object {
  return { type: "array", description, items: { type: "object", required: Object.keys(properties), properties } };
}

export const GRAPH_ANSWER = {
  type: "object",
  properties: {
    version: { type: "integer", const: 1 },
    at: { type: "integer", description: "Unix milliseconds." },
    self: { type: "string", description: "The id of the member that sees it so." },
    members: listOf("The live members, itself first. The id is the member's.", {
      ...{ id: text, name: textOrNull, address: text },
      state: { type: "string", enum: ["live", "suspected", "unreachable"] },
    }),
    links: listOf("Of the member with each other one: the path in use.", {
      ...{ id: text, from: text, to: text, path, via, rttMs },
    }),
    sessions: listOf("Connections; a link may have several, and uses one.", {
      ...{ id: text, link, path, via, address: textOrNull, rttMs, inUse: { type: "boolean" } },
      open: { ...count, description: "Calls and streams on it, of either side." },
    }),
    streams: listOf("Streams of programs that are open, by protocol and by who opened them.", {
      ...{ id: text, link, openedBy: text, count },
      protocol: { type: "string", description: "Empty for those without one." },
    }),
    topics: listOf("Topics that the member publishes on, subscribes to, or holds messages of.", {
      ...{ id: text, member: text, topic: text, published: count, settled: count },
      backlog: { ...count, description: "Messages that are held and not done with." },
      subscribers: { type: "array", items: text, description: "Ids of the members that subscribe to it." },
    }),
    controllers: listOf("Services of the member.", {
      ...{ id: text, member: text, name: text, kind: text, state: text, at: textOrNull },
      ...{ streams: count, bytesIn: count, bytesOut: count },
    }),
  },
} as const;
