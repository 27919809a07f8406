/** What a relay gives to others, and what members may ask of it: ids on the wire, and every limit. */
import type { Limits } from "../session/protocol.js";
import { REACHES_MAX } from "./messages.js";

/** A call: keep me a place, or give it back. */
export const RELAY_RESERVE = "relay-reserve";
/** A call: which of these members have you a session with? */
export const RELAY_REACHES = "relay-reaches";
/** A duplex to a relay: splice this with a member that has a reservation. */
export const RELAY_OPEN = "relay-open";
/** A duplex of a relay to a member with a reservation: somebody is at the other end. */
export const RELAY_TAKE = "relay-take";
/** A call to a relay: a token of a conduit to a member that has a reservation. */
export const RELAY_CONDUIT = "relay-conduit";
/** A call of a relay to a member with a reservation: a token of the other end of a conduit. */
export const RELAY_ENTER = "relay-enter";

/** What this member gives to others as a relay. Each is a key of the configuration, with `relay_` before its name. */
export interface RelayLimits {
  /** Members with a reservation at once. */
  readonly reservations: number;
  /** Spliced connections at once, in all. */
  readonly connections: number;
  /** Of those, asked for by one member. */
  readonly connectionsPerMember: number;
  /** Bytes per second that pass, in all, both directions counted. */
  readonly bytesPerSecond: number;
  /** Of those, of the connections that one member asked for. */
  readonly bytesPerSecondPerMember: number;
  /** How long one connection lasts, milliseconds. */
  readonly connectionMs: number;
}

export const RELAY_LIMITS: RelayLimits = {
  // Each keeps a session open, about 100 KB. In a network of which half is behind NATs a relay has some 5 to 16.
  reservations: 512,
  // About 10 KB each while nothing passes, and 2 MB at most while its reader waits.
  connections: 512,
  connectionsPerMember: 64,
  // More than one process passes on: by default its share of the processor is the limit, which members have by their sessions and
  // conduits. Whose line is slower, or shared, tells the relay less.
  bytesPerSecond: 2 * 1024 * 1024 * 1024,
  bytesPerSecondPerMember: 1024 * 1024 * 1024,
  // As long as a session that was replaced may stay for its streams.
  connectionMs: 24 * 60 * 60_000,
};

/** Connections to one member at once. Its session with the relay has 128 streams, and needs some for itself. */
export const PER_TARGET_MAX = 96;
/** From one member to the same other one: a session, its successor, and those of a restart. */
export const PER_PAIR_MAX = 4;
/** How long a reservation lasts that is not renewed, milliseconds: a path that died silently is given up with it. */
export const RESERVATION_MS = 5 * 60_000;
/** Between renewals, milliseconds. They also keep the mapping of a NAT alive, which may forget after two minutes (RFC 5382). */
export const RENEW_MS = 60_000;
/** Connections that a member may ask for at once after a pause, and milliseconds until it has one more. */
export const OPENS = { burst: 64, refillMs: 100 };
/** Who asks whether a relay reaches another one has it dial so many that it has no session with ... */
export const REACHES_DIALS_MAX = 2;
/** ... for so long, milliseconds: who asks waits for a second. */
export const REACHES_DIAL_MS = 750;
/** Members whose pace of asking is remembered. */
export const OPENERS_MAX = 4_096;
/** Bytes that pass at once after a pause, as a share of a second's. */
export const BURST_SECONDS = 0.25;
/** When to ask again where nobody can say, milliseconds. */
export const RETRY_MS = 5_000;
/** When to ask a relay again that was told to relay for nobody, milliseconds: its note says when that changes. */
export const DECLINED_RETRY_MS = 10 * 60_000;
/** From the duplex to its first message, and from there to the first one that comes back, milliseconds. */
export const OPENING_MS = 3_000;
/** From the tokens to both ends, milliseconds: two dials. */
export const CONDUIT_AWAITED_MS = 5_000;
/** Conduits of which an end is awaited, at once: asked for by one member, and in all. An honest pair takes a round trip. */
export const CONDUITS_AWAITED_PER_MEMBER_MAX = 8;
export const CONDUITS_AWAITED_MAX = 256;
/** From the first byte of a connection to a relay to the last one of its token, milliseconds: they are in one packet. */
export const PREFACE_MS = 3_000;
/** Bytes that one end of a conduit does not take yet, before the other end is not read any more. */
export const CONDUIT_ROOM_BYTES = 512 * 1024;
/** Conduits that relays ask a member to enter, at once: each costs it a dial of that relay. */
export const ENTERING_MAX = 16;
/** One message with bytes, in bytes: given all its room at once when its first byte comes (session/inbox.ts). */
export const RELAY_CHUNK_BYTES_MAX = 64 * 1024;

const SMALL_BYTES_MAX = 1_024;

type Relayed = "reserve" | "reaches" | "open" | "take" | "conduit" | "enter";

export const RELAY_PROTOCOL_LIMITS: Readonly<Record<Relayed, Limits>> = {
  reserve: { bytesMax: SMALL_BYTES_MAX, openPerPeerMax: 2 },
  reaches: { bytesMax: 1 + 32 * REACHES_MAX, openPerPeerMax: 4 },
  // The relay's own limits decide, with a reason.
  open: { bytesMax: RELAY_CHUNK_BYTES_MAX, openPerPeerMax: 1_024 },
  take: { bytesMax: RELAY_CHUNK_BYTES_MAX, openPerPeerMax: PER_TARGET_MAX },
  conduit: { bytesMax: SMALL_BYTES_MAX, openPerPeerMax: CONDUITS_AWAITED_PER_MEMBER_MAX },
  enter: { bytesMax: SMALL_BYTES_MAX, openPerPeerMax: ENTERING_MAX },
};
