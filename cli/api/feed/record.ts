/** A member as snapshots and events have it, and what an event makes of it. */
import type { Departed, Member, MemberPath } from "../../../client/types.js";
import { sha256 } from "../../../identity/keys/digest.js";
import { type MemberId, parseMemberId, position } from "../../../rings/index.js";
import { memberView } from "../../views.js";
import type { KeptEvent, MemberRecord, PathFacts, RecordState } from "./form.js";

const NO_PATH: PathFacts = { path: null, via: [], rttMs: null };
/** Bytes of a place on a ring: a circle of 65,536 steps is finer than a screen. */
const PLACE_BYTES = 2;
/** Members whose places are remembered, so that a snapshot of thousands costs no hash: some 2 MB. */
const PLACES_MAX = 16_384;

/** Where members stand on the rings of one network. */
export class Positions {
  readonly #rings: number;
  readonly #known = new Map<string, string>();

  constructor(rings: number) {
    this.#rings = rings;
  }

  /** As `MemberRecord.positions`; "" for what is no id. */
  of(id: string): string {
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    const memberId = parseMemberId(id);
    const made = memberId === undefined ? "" : placesOf(memberId, this.#rings);
    if (this.#known.size >= PLACES_MAX) this.#known.clear();
    this.#known.set(id, made);
    return made;
  }
}

function placesOf(id: MemberId, rings: number): string {
  const places = Buffer.alloc(PLACE_BYTES * rings);
  for (let ring = 1; ring <= rings; ring++)
    places.set(position(sha256, ring, id).subarray(0, PLACE_BYTES), PLACE_BYTES * (ring - 1));
  return places.toString("base64");
}

export function recordOf(member: Member, positions: Positions, path?: MemberPath): MemberRecord {
  const { id, name = null, address, metadata, services, epoch, state, since } = memberView(member);
  return {
    ...{ id, name, state: state as RecordState, since, reason: null, gone: null },
    ...{ address, metadata, services, epoch },
    ...(path === undefined ? NO_PATH : pathFacts(path)),
    certificateEnd: null,
    positions: positions.of(id),
  };
}

export function departedRecord({ member, reason, at }: Departed, positions: Positions): MemberRecord {
  return { ...recordOf(member, positions), state: stateOfGone(reason), reason, gone: at };
}

export function pathFacts({ path, via, rttMs }: Pick<MemberPath, "path" | "via" | "rttMs">): PathFacts {
  return { path: path ?? null, via, rttMs: rttMs === undefined ? null : Math.round(rttMs * 100) / 100 };
}

function stateOfGone(reason: string): RecordState {
  if (reason === "left") return "left";
  return reason === "revoked" ? "revoked" : "failed";
}

/** The state of a member after an event about it; undefined when the event says nothing of that. */
const STATE_AFTER: Readonly<Record<string, RecordState>> = {
  joined: "live",
  rebutted: "live",
  suspected: "suspected",
  left: "left",
  removed: "failed",
  expired: "failed",
  equivocated: "failed",
  revoked: "revoked",
};
const GONE: ReadonlySet<RecordState> = new Set(["left", "failed", "revoked"]);

/** What an event makes of the members; of those that it does not concern nothing. */
export function apply(members: Map<string, MemberRecord>, event: KeptEvent): void {
  if (event.event === "alarm") return;
  const known = members.get(event.member);
  if (event.event === "path") {
    const { path, via, rttMs } = event;
    if (known !== undefined) members.set(known.id, { ...known, path, via, rttMs });
    return;
  }
  const { kind, record, at } = event;
  const state = STATE_AFTER[kind];
  if (record !== undefined) members.set(record.id, record);
  else if (known !== undefined && state !== undefined) members.set(known.id, after(known, state, kind, at));
}

function after(known: MemberRecord, state: RecordState, kind: string, at: number): MemberRecord {
  if (!GONE.has(state)) return { ...known, state, reason: null, gone: null };
  return { ...known, ...NO_PATH, state, reason: kind, gone: at };
}
