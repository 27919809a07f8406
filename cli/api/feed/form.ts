/**
 * What the page, and any other reader, is told of one member's view: a snapshot, then events. A recording is both in a file.
 * Every event may come twice: applying it again changes nothing.
 */
import type { HistoryEvent } from "../../../client/history/event.js";

/** "left", "failed" and "revoked" are no longer in the view. */
export type RecordState = "live" | "suspected" | "unreachable" | "left" | "failed" | "revoked";

/** A member as a snapshot has it. What is not known is null. */
export interface MemberRecord {
  readonly id: string;
  readonly name: string | null;
  readonly state: RecordState;
  /** Unix milliseconds at which this member saw it join. */
  readonly since: number;
  /** Of a member that is gone: why, and when in unix milliseconds. */
  readonly reason: string | null;
  readonly gone: number | null;
  readonly address: string;
  readonly metadata: unknown;
  readonly services: readonly string[];
  readonly epoch: string;
  /** "direct", "reversed", "punched", "relayed"; null while there is no connection. */
  readonly path: string | null;
  /** Ids of the members that pass the bytes on. */
  readonly via: readonly string[];
  readonly rttMs: number | null;
  /** Unix milliseconds. */
  readonly certificateEnd: number | null;
  /** Base64 of an unsigned 16-bit number per ring, most significant byte first: its place on the circle in 1/65536. */
  readonly positions: string;
}

/** What the ring count tolerates. */
export interface Planned {
  /** Members up to which this share of liars is tolerated, with a risk of one percent that any member is exposed. */
  readonly membersMax: number;
  /** 0 to 1. */
  readonly byzantineShare: number;
}

export interface Snapshot {
  /** Of the last event that it has; events after it follow. Rises over restarts of the agent too. */
  readonly sequence: number;
  /** Unix milliseconds. */
  readonly at: number;
  /** The id of the member that sees it so. */
  readonly self: string;
  /** 64 hex digits. */
  readonly network: string;
  readonly rings: number;
  readonly tolerance: number;
  readonly deltaMs: number;
  readonly planned: Planned;
  /** Itself first, then the live ones, then those that went lately. */
  readonly members: readonly MemberRecord[];
}

/** The names of events in the stream, and what each has. `sequence` is the event's id; figures have none. */
export type FeedEvent =
  /** `record`: of "joined" and "updated", all that is known of the member now. */
  | (HistoryEvent & { readonly event: "history"; readonly record?: MemberRecord })
  /** How a member is reached has changed. */
  | (PathFacts & { readonly event: "path"; readonly sequence: number; readonly at: number; readonly member: string })
  | (AlarmFacts & { readonly event: "alarm"; readonly sequence: number; readonly at: number })
  | (Figures & { readonly event: "figures" })
  | Gap;

/** Events are missing: the reader takes a new snapshot. `missed`: how many; null when that is not known. */
export interface Gap {
  readonly event: "gap";
  readonly sequence: number;
  readonly at: number;
  readonly missed: number | null;
}

/** With an id, in the order in which they happened. */
export type KeptEvent = Exclude<FeedEvent, { readonly event: "figures" | "gap" }>;
/** Before it has its number. */
export type NewEvent = KeptEvent extends infer E ? (E extends KeptEvent ? Omit<E, "sequence"> : never) : never;

export type PathFacts = Pick<MemberRecord, "path" | "via" | "rttMs">;

export interface AlarmFacts {
  readonly code: string;
  readonly message: string;
  readonly advice: string;
}

/** Counts since the start of the member; a page makes rates of them. */
export interface Figures {
  /** Unix milliseconds. */
  readonly at: number;
  readonly messagesIn: number;
  readonly messagesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Open now. */
  readonly streams: number;
  /** The longest that the event loop was late since the figures before, milliseconds. */
  readonly lagMs: number;
  /** `rate`: messages published here per second since the figures before. */
  readonly topics: readonly { readonly topic: string; readonly backlog: number; readonly rate: number }[];
  /** Live members by the path to them. */
  readonly links: Readonly<Record<string, number>>;
}

/** The first line of a recording; each later line is a `FeedEvent`. */
export interface RecordingHead {
  readonly recording: 1;
  readonly snapshot: Snapshot;
}
