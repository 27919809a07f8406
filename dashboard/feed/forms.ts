/**
 * What the admin port tells, as values. Everything comes from a wire: `read...` takes what has the right form, leaves out what
 * has not, and never throws. Names, metadata and reasons were written by peers: they are text, and are only ever shown as such.
 */

/** More members than one page can show; the rest of a snapshot is left out. */
export const MEMBERS_MAX = 20_000;
/** Rings of a network are far fewer; a position takes two bytes on each. */
export const RINGS_MAX = 255;
/** Characters of anything that a peer wrote. */
const TEXT_CHARACTERS_MAX = 4_096;
/** Topics, services, relays and paths of one list. */
const LIST_MAX = 1_000;

export const HISTORY_KINDS = [
  "joined",
  "updated",
  "moved",
  "left",
  "missed",
  "suspected",
  "accused",
  "summoned",
  "rebutted",
  "removed",
  "revoked",
  "expired",
  "equivocated",
  "isolated",
  "back",
  "rejected",
] as const;
export type HistoryKind = (typeof HISTORY_KINDS)[number];

export interface MemberRecord {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  /** Unix ms at which it joined; of one that is gone, at which it went. */
  readonly since: number;
  /** Why it is gone; "" otherwise. */
  readonly reason: string;
  readonly address: string;
  readonly epoch: string;
  /** What the member says of itself, as text. */
  readonly metadata: string;
  /** "direct", "reversed", "punched", "relayed" or "none"; "" where nobody has said. */
  readonly path: string;
  /** Ids of the relays on the way. */
  readonly via: readonly string[];
  readonly rttMs: number | undefined;
  /** Unix ms. */
  readonly certificateEnd: number | undefined;
  readonly services: readonly string[];
  /** Place on each ring, in 1/65536 of the circle; ring r is at index r - 1. */
  readonly positions: Uint16Array;
}

export interface Plan {
  readonly membersMax: number;
  readonly byzantineShare: number;
}

export interface Snapshot {
  readonly sequence: number;
  readonly at: number;
  /** The id of the member that sees it so. */
  readonly self: string;
  readonly rings: number;
  readonly deltaMs: number;
  readonly planned: Plan | undefined;
  readonly members: readonly MemberRecord[];
}

export interface HistoryEvent {
  readonly event: "history";
  readonly at: number;
  readonly sequence: number;
  readonly kind: HistoryKind;
  readonly member: string;
  readonly name: string;
  /** The id of the accuser, teller or monitor; "" without one. */
  readonly by: string;
  readonly ring: number | undefined;
  readonly epoch: string;
  readonly reason: string;
  readonly path: string;
  /** With "joined" and "updated". */
  readonly record: MemberRecord | undefined;
}

/** How a member is reached has changed. */
export interface PathChange extends Pick<MemberRecord, "path" | "via" | "rttMs"> {
  readonly event: "path";
  readonly at: number;
  readonly sequence: number;
  readonly member: string;
}

export interface Alarm {
  readonly event: "alarm";
  readonly at: number;
  readonly kind: string;
  /** What is wrong, and what to do. */
  readonly message: string;
  readonly member: string;
  readonly sequence: number;
}

export interface TopicFigures {
  readonly topic: string;
  readonly backlog: number;
  /** Messages per second. */
  readonly rate: number;
}

/** Counters since the member's start, undefined where it does not count; and what is open now. */
export interface Figures {
  readonly event: "figures";
  readonly at: number;
  readonly messagesIn: number | undefined;
  readonly messagesOut: number | undefined;
  readonly bytesIn: number | undefined;
  readonly bytesOut: number | undefined;
  readonly streams: number;
  readonly lagMs: number;
  readonly topics: readonly TopicFigures[];
  /** Links by path. */
  readonly links: Readonly<Record<string, number>>;
}

export type FeedEvent = HistoryEvent | PathChange | Alarm | Figures;

export function readSnapshot(value: unknown): Snapshot | undefined {
  const from = fields(value);
  if (from === undefined || !Array.isArray(from.members)) return undefined;
  const rings = Math.min(RINGS_MAX, Math.max(1, Math.floor(number(from.rings) ?? 1)));
  return {
    sequence: number(from.sequence) ?? 0,
    at: number(from.at) ?? 0,
    self: text(from.self),
    rings,
    deltaMs: number(from.deltaMs) ?? 0,
    planned: readPlan(from.planned),
    members: from.members.slice(0, MEMBERS_MAX).flatMap((each) => readMember(each, rings) ?? []),
  };
}

function readPlan(value: unknown): Plan | undefined {
  const from = fields(value);
  const membersMax = number(from?.membersMax);
  const byzantineShare = number(from?.byzantineShare);
  return membersMax === undefined || byzantineShare === undefined ? undefined : { membersMax, byzantineShare };
}

function readMember(value: unknown, rings: number): MemberRecord | undefined {
  const from = fields(value);
  const id = text(from?.id);
  if (from === undefined || id === "") return undefined;
  return {
    id,
    name: text(from.name),
    state: text(from.state) || "live",
    since: number(from.gone) ?? number(from.since) ?? 0,
    ...{ reason: text(from.reason), address: text(from.address), epoch: text(from.epoch) },
    metadata: text(from.metadata),
    path: text(from.path),
    via: texts(from.via),
    rttMs: number(from.rttMs),
    certificateEnd: number(from.certificateEnd),
    services: texts(from.services),
    positions: readPositions(from.positions, rings),
  };
}

/** Base64 of big-endian numbers of 16 bits; what is missing is 0. */
function readPositions(value: unknown, rings: number): Uint16Array {
  const positions = new Uint16Array(rings);
  const bytes = typeof value === "string" ? decoded(value) : "";
  for (let ring = 0; ring < rings && 2 * ring + 1 < bytes.length; ring++) {
    positions[ring] = bytes.charCodeAt(2 * ring) * 256 + bytes.charCodeAt(2 * ring + 1);
  }
  return positions;
}

function decoded(base64: string): string {
  try {
    return atob(base64);
  } catch {
    return ""; // Not base64: the member stands at the top of each ring, and is there.
  }
}

/** What came under this name; undefined for names of later versions and for what has another form. */
export function readEvent(event: string, value: unknown, rings: number): FeedEvent | undefined {
  const from = fields(value);
  const at = number(from?.at);
  if (from === undefined || at === undefined) return undefined;
  if (event === "history") return readHistory(from, at, rings);
  if (event === "path") return readPathChange(from, at);
  if (event === "alarm") return readAlarm(from, at);
  return event === "figures" ? readFigures(from, at) : undefined;
}

function readHistory(from: Fields, at: number, rings: number): HistoryEvent | undefined {
  const kind = HISTORY_KINDS.find((each) => each === from.kind);
  const member = text(from.member);
  if (kind === undefined || member === "") return undefined;
  const ring = number(from.ring);
  return {
    ...{ event: "history", at, kind, member },
    sequence: number(from.sequence) ?? 0,
    name: text(from.name),
    by: text(from.by),
    ring: ring !== undefined && Number.isInteger(ring) && ring >= 1 && ring <= rings ? ring : undefined,
    epoch: text(from.epoch),
    reason: text(from.reason),
    path: text(from.path),
    record: readMember(from.record, rings),
  };
}

function readPathChange(from: Fields, at: number): PathChange | undefined {
  const member = text(from.member);
  if (member === "") return undefined;
  const way = { path: text(from.path), via: texts(from.via), rttMs: number(from.rttMs) };
  return { event: "path", at, sequence: number(from.sequence) ?? 0, member, ...way };
}

function readAlarm(from: Fields, at: number): Alarm {
  const message = [text(from.message), text(from.advice)].filter((each) => each !== "").join(" ");
  const more = { member: text(from.member), sequence: number(from.sequence) ?? 0 };
  return { event: "alarm", at, kind: text(from.code) || "alarm", message, ...more };
}

function readFigures(from: Fields, at: number): Figures {
  const count = (value: unknown) => Math.max(0, number(value) ?? 0);
  return {
    event: "figures",
    at,
    messagesIn: number(from.messagesIn),
    messagesOut: number(from.messagesOut),
    bytesIn: number(from.bytesIn),
    bytesOut: number(from.bytesOut),
    streams: count(from.streams),
    lagMs: count(from.lagMs),
    topics: list(from.topics).flatMap((each) => {
      const topic = fields(each);
      return topic === undefined
        ? []
        : [{ topic: text(topic.topic), backlog: count(topic.backlog), rate: count(topic.rate) }];
    }),
    links: Object.fromEntries(
      Object.entries(fields(from.links) ?? {})
        .slice(0, LIST_MAX)
        .map(([path, links]) => [path, count(links)]),
    ),
  };
}

export type Fields = Readonly<Record<string, unknown>>;

export function fields(value: unknown): Fields | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

export function number(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

/** A string as it is; anything else that is there as JSON. */
export function text(value: unknown): string {
  if (value === undefined || value === null) return "";
  return (typeof value === "string" ? value : JSON.stringify(value)).slice(0, TEXT_CHARACTERS_MAX);
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value.slice(0, LIST_MAX) : [];
}

/** The strings of a list; what is none, or empty, is left out. */
export function texts(value: unknown): readonly string[] {
  return list(value).flatMap((each) => (typeof each === "string" && each !== "" ? [text(each)] : []));
}
