/** The shapes of the agent's calls as JSON Schema: what is checked, and what docs/agent-openapi.json is made of. */
import { DRAIN_MS_MAX } from "../../../client/talk/drain-deadline.js";
import { BYTES, IN_FLIGHT, SECONDS } from "../../../services/bench/wire.js";
import { FACTS_MAX } from "../member-query.js";

/** Nobody waits longer for an answer. */
export const TIMEOUT_MS_MAX = 3_600_000;
/** A message of 4 MiB in base64, and its envelope. */
export const MESSAGE_BODY_BYTES_MAX = 6 * 1024 * 1024;
/** Names, ids, addresses. */
const TEXT_MAX = 512;
/** The longest path that Linux takes. */
const PATH_MAX = 4_096;

const text = (description: string, maxLength = TEXT_MAX) => ({ type: "string", maxLength, description }) as const;
const flag = (description: string) => ({ type: "string", enum: ["true", "false"], description }) as const;
const bytes = { type: "string", pattern: "^[A-Za-z0-9+/]*={0,2}$", description: "Bytes in base64." } as const;
const timeoutMs = {
  ...{ type: "number", exclusiveMinimum: 0, maximum: TIMEOUT_MS_MAX },
  description: "Milliseconds to wait for the answer.",
} as const;
const member = text("A member: its name, its id or the beginning of that.");

function body(properties: Readonly<Record<string, object>>, required = Object.keys(properties)): object {
  return { type: "object", additionalProperties: false, required, properties };
}

/** Which members: of lists and of changes. */
export const MEMBER_QUERY = {
  name: text('Only members of this name; "*" stands for any characters, "?" for one.'),
  metadata: {
    anyOf: [text("A fact."), { type: "array", maxItems: FACTS_MAX, items: text("A fact.") }],
    description: '"key=value", or "key" for any value; given again, all must hold.',
  },
  service: text("Only members that offer this protocol or service."),
} as const;
export const PROTOCOL = { protocol: text("The name of a protocol.") } as const;
export const ALL = { all: flag("Also those who have left or failed.") } as const;
export const PATHS = { paths: flag("Also how each is reached, or changes of that.") } as const;

export const MESSAGE_BODY = body(
  { to: member, data: bytes, service: text("Whose handler answers it; the nameless one without."), timeoutMs },
  ["to", "data"],
);
export const PING_BODY = body({ to: member, timeoutMs }, ["to"]);
export const BENCH_BODY = body(
  {
    to: member,
    seconds: { type: "number", minimum: SECONDS.min, maximum: SECONDS.max, description: "For each of the four parts." },
    bytes: { type: "integer", minimum: BYTES.min, maximum: BYTES.max, description: "Of a message." },
    inFlight: {
      ...{ type: "integer", minimum: IN_FLIGHT.min, maximum: IN_FLIGHT.max },
      description: "Messages that wait for their answers in the second part.",
    },
  },
  ["to"],
);
export const JOIN_BODY = body({ address: text("Where the member listens, host:port or a URL.") });
export const GOSSIP_BODY = body({ data: bytes });
export const LEAVE_BODY = body({
  drainMs: { type: "number", minimum: 0, maximum: DRAIN_MS_MAX, description: "For what is open to end." },
});

const ack = {
  ...{ type: "string", enum: ["none", "some", "all"] },
  description: "How safe it is made: sent, held by enough others (the default), acknowledged by all subscribers.",
} as const;
const topic = text("A topic: tokens with dots between them.");
export const PUBLICATION_BODY = body(
  {
    topic,
    data: bytes,
    ack,
    durable: { type: "boolean", description: "Also on disk before it is answered." },
    timeoutMs,
  },
  ["topic", "data"],
);
export const PUBLICATION = {
  ...{ topic, ack, durable: flag("Also on disk before each is told.") },
  timeoutMs: text("Milliseconds for each message."),
} as const;
export const SUBSCRIPTION = {
  topic: text("A topic, or a pattern: * is one token, > the rest."),
  durable: text("Goes on where the last one of this name was."),
  queue: text("One of those with this name gets each message."),
  last: flag("First the newest message of each publisher."),
} as const;

export const SERVICE_BODY = body(
  {
    id: {
      type: "string",
      pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
      description: "Its name; chosen when left out.",
    },
    kind: text("forward, listen, proxy, http, topics, relay or rdv."),
    settings: { type: "object", additionalProperties: true, description: "Of its kind: docs/daemon.md." },
  },
  ["kind"],
);
export const SERVICE_CHANGE_QUERY = { save: flag("Also in the agent's configuration file.") } as const;
export const IDENTITY_BODY = body(
  {
    name: { type: "string", pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description: "How the agent calls it." },
    dir: text("Its directory, absolute.", PATH_MAX),
    settings: { type: "object", additionalProperties: true, description: "Keys of a member, as a file has them." },
  },
  ["name", "dir"],
);
export const DRAIN_BODY = body(
  { drainMs: { type: "number", minimum: 0, maximum: DRAIN_MS_MAX, description: "For what is open to end." } },
  [],
);

const names = (description: string) => ({ type: "array", items: { type: "string" }, description }) as const;
export const RELOAD_ANSWER = {
  type: "object",
  properties: {
    services: {
      type: "object",
      properties: {
        started: names("New, or with other settings."),
        stopped: names("No longer wanted, or with other settings."),
        kept: names("Not touched."),
      },
    },
    identities: {
      type: "object",
      properties: { mounted: names("New."), unmounted: names("No longer wanted."), kept: names("They go on.") },
    },
    nextStart: names("Keys whose change waits for the agent's next start."),
  },
} as const;

/** Shapes that commands print as they are; docs/daemon.md says what the fields mean. */
export const ANY_OBJECT = { type: "object", additionalProperties: true } as const;
export const ANY_LIST = { type: "array", items: ANY_OBJECT } as const;

const ERROR_ANSWER = {
  description: "Why not.",
  ...body({
    code: { type: "string", description: 'Stable; docs/errors.md lists all. "reply:..." is a code of another member.' },
    message: { type: "string", description: "What is wrong." },
    advice: { type: "string", description: "What to do about it." },
  }),
} as const;
/** Of every call. */
export const FAILURES = { "4xx": ERROR_ANSWER, "5xx": ERROR_ANSWER } as const;
