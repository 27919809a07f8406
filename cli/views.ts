/** Members, changes and rings as the command line shows them: flat records for JSON, lines for people. */

import type { Observed } from "../client/reach/observations.js";
import type {
  Change,
  Departed,
  FailureReason,
  Member,
  MemberPath,
  PathChange,
  PathName,
  RingNeighbours,
  RoundTrip,
} from "../client/types.js";
import { age, memberTitle, type painter, shortAddress, shortId, shown, table } from "./output.js";

/** How a member stands, seen from here. The last two are no longer in the view. */
export type MemberState = "live" | "suspected" | "unreachable" | "left" | "failed";

const NOBODY_LIVE = "No other member is live in this view.";
/** Services of a member that a table shows. */
const SERVICES_SHOWN_MAX = 5;
const NOBODY_FITS =
  "No other member in this view fits the filter (--name, --metadata, --service). Without it all are shown.";

/** A member in JSON. `epoch` is a string: it has 64 bits. */
export interface MemberView {
  readonly id: string;
  readonly name?: string | undefined;
  readonly address: string;
  readonly addresses: readonly string[];
  readonly metadata: unknown;
  /** The names of the protocols and services that it offers. */
  readonly services: readonly string[];
  readonly epoch: string;
  readonly state: MemberState;
  readonly suspected: boolean;
  readonly reachable: boolean;
  /** Unix milliseconds at which it joined. */
  readonly since: number;
  /** Of a member that is gone: why, and when in unix milliseconds. */
  readonly reason?: Departed["reason"];
  readonly gone?: number;
  /** With --paths, of a live one: null while there is no connection. */
  readonly path?: PathName | null;
  /** Ids of the members that pass the bytes on. */
  readonly via?: readonly string[];
  /** Present when the relay joins two connections that were made for it alone. */
  readonly conduit?: true;
  readonly pathAddress?: string | null;
  readonly rttMs?: number | null;
  readonly whyNotBetter?: string | null;
}

/** A change in JSON: `event` is its kind, then the member's fields. */
export interface ChangeView extends Partial<Omit<MemberView, "reason" | "gone">> {
  readonly event: Change["kind"];
  readonly at: number;
  readonly reason?: string;
  readonly count?: number;
  readonly until?: number;
  /** Of a path. */
  readonly what?: PathChange["what"];
  readonly before?: PathName | null;
}

export function memberView(member: Member): MemberView {
  const { id, name, address, addresses, metadata, services, epoch, suspected, reachable, since } = member;
  const state = stateOf(member);
  return { id, name, address, addresses, metadata, services, epoch: String(epoch), state, suspected, reachable, since };
}

export function departedView({ member, reason, at: gone }: Departed): MemberView {
  return { ...memberView(member), state: reason === "left" ? reason : "failed", reason, gone };
}

export function changeView(change: Change): ChangeView {
  const { kind: event, at } = change;
  if (change.kind === "back") return { event, at, reason: change.reason };
  if (change.kind === "isolated") {
    const { reason, until } = change;
    return until === undefined ? { event, at, reason } : { event, at, reason, until };
  }
  if (change.kind === "moved") return { event, at, addresses: change.addresses };
  if (change.kind === "dropped") return { event, at, count: change.count };
  const { state: _, ...member } = memberView(change.member);
  if (change.kind === "path") {
    const { what, before = null, path } = change;
    return { event, at, ...member, what, before, ...pathView(path) };
  }
  return { event, at, ...member, ...(change.kind === "failed" && { reason: change.reason }) };
}

export function pathView({ path, via, conduit, address, rttMs, whyNotBetter }: MemberPath) {
  return {
    path: path ?? null,
    via,
    ...(conduit && { conduit }),
    pathAddress: address ?? null,
    rttMs: rttMs === undefined ? null : Math.round(rttMs * 100) / 100,
    whyNotBetter: whyNotBetter ?? null,
  };
}

/** For people: how each live member is reached. */
export function pathsTable(members: readonly MemberView[], isFiltered = false): string {
  const live = members.filter(({ path }) => path !== undefined);
  if (live.length === 0) return isFiltered ? NOBODY_FITS : NOBODY_LIVE;
  const names = new Map(members.map(({ id, name }) => [id, name]));
  const rows = live.map(({ id, name, path, via = [], conduit, pathAddress, rttMs, whyNotBetter }) => [
    name ?? "-",
    shortId(id),
    conduit ? `${path}, conduit` : (path ?? "none"),
    via.map((relay) => memberTitle({ id: relay, name: names.get(relay) })).join(" > ") || (pathAddress ?? "-"),
    rttMs === undefined || rttMs === null ? "-" : milliseconds(rttMs),
    whyNotBetter ?? "",
  ]);
  return table([["NAME", "ID", "PATH", "BY", "RTT", "WHY NOT BETTER"], ...rows]);
}

/** For people: a row for each, or why there is none. */
export function membersTable(members: readonly MemberView[], now: number, isFiltered = false): string {
  if (members.length === 0) return isFiltered ? NOBODY_FITS : NOBODY_LIVE;
  const isOffered = members.some(({ services }) => services.length > 0);
  const rows = members.map((member) => [
    member.name ?? "-",
    shortId(member.id),
    member.address,
    stateText(member),
    member.gone === undefined ? age(now - member.since) : `${timeOf(member.gone)}, ${age(now - member.gone)} ago`,
    JSON.stringify(member.metadata),
    ...(isOffered ? [servicesText(member.services)] : []),
  ]);
  const titles = ["NAME", "ID", "ADDRESS", "STATE", "SINCE", "METADATA", ...(isOffered ? ["SERVICES"] : [])];
  return table([titles, ...rows]);
}

function servicesText(services: readonly string[]): string {
  const more = services.length - SERVICES_SHOWN_MAX;
  const shown = services.slice(0, SERVICES_SHOWN_MAX).join(" ") || "-";
  return more > 0 ? `${shown} and ${more} more` : shown;
}

function stateOf({ suspected, reachable }: Member): MemberState {
  if (!reachable) return "unreachable";
  return suspected ? "suspected" : "live";
}

function stateText({ state, reason }: MemberView): string {
  return state === "failed" && reason !== undefined ? `failed: ${failureText(reason)}` : state;
}

/** Why a member was taken out of the view, for people. */
const FAILURES: Readonly<Record<FailureReason, string>> = {
  removed: "no answer",
  waiting: "came and went too often",
  revoked: "revoked",
  expired: "certificate expired",
  equivocated: "identity used twice",
  silent: "no word of its own",
};

function failureText(reason: string): string {
  return Object.hasOwn(FAILURES, reason) ? FAILURES[reason as FailureReason] : reason;
}

/** "2026-11-30 18:00:00Z" */
function timeOf(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19).replace("T", " ")}Z`;
}

const STYLES = {
  joined: "green",
  rebutted: "green",
  updated: "cyan",
  left: "yellow",
  suspected: "yellow",
  failed: "red",
  isolated: "red",
  back: "green",
  moved: "cyan",
  dropped: "yellow",
  path: "cyan",
} as const satisfies Record<Change["kind"], string>;

/** Room for a name, so that ids stand below each other for all but the longest. */
const NAME_WIDTH = 12;

export function changeLine(change: ChangeView, paint: ReturnType<typeof painter>): string {
  const time = new Date(change.at).toISOString().slice(11, 23);
  const what = paint(STYLES[change.event], change.event.padEnd(9));
  if (change.id === undefined) return `${time}  ${what}  ${shown(factOf(change))}`;
  const who = `${(change.name ?? "-").padEnd(NAME_WIDTH)}  ${shortId(change.id)}  ${change.address}`;
  return `${time}  ${what}  ${shown(`${who}${moreOf(change)}`)}`;
}

/** Of a change that is about another member: its metadata while they may be news, or why it failed. */
function moreOf(change: ChangeView): string {
  const { event, metadata, reason } = change;
  if (event === "path") return `  ${pathText(change)}`;
  if (event === "failed" && reason !== undefined) return `  ${failureText(reason)}`;
  const isNews = event === "joined" || event === "updated";
  const text = JSON.stringify(metadata);
  return isNews && text !== "{}" ? `  ${text}` : "";
}

function pathText({ what, before, path, via = [] }: ChangeView): string {
  const by = via.length > 0 ? ` by ${via.map(shortId).join(", ")}` : "";
  if (what === "went") return `${before} path gone`;
  return before && before !== path ? `${path}${by}, was ${before}` : `${path}${by}`;
}

/** Of a change that is about no other member. */
function factOf({ event, reason, until, addresses, count }: ChangeView): string {
  if (addresses !== undefined) return `now at ${addresses.join(", ")}`;
  if (event === "back") return `among the others again (was ${reason})`;
  if (until !== undefined) return `${reason} until ${new Date(until).toISOString().slice(11, 19)}`;
  return reason ?? `${count} changes were not read in time`;
}

/** Neighbours in JSON: ids, and names of those that have one. */
export interface RingView extends RingNeighbours {
  readonly predecessorName?: string | undefined;
  readonly successorName?: string | undefined;
}

export function ringViews(rings: readonly RingNeighbours[], members: readonly Member[]): RingView[] {
  const names = new Map<string | undefined, string | undefined>(members.map(({ id, name }) => [id, name]));
  return rings.map((neighbours) => ({
    ...neighbours,
    predecessorName: names.get(neighbours.predecessor),
    successorName: names.get(neighbours.successor),
  }));
}

export function ringsTable(rings: readonly RingView[]): string {
  const cell = (id: string | undefined | null, name: string | undefined) => (id ? memberTitle({ id, name }) : "-");
  const rows = rings.map(({ ring, predecessor, predecessorName, successor, successorName }) => [
    String(ring),
    cell(predecessor, predecessorName),
    cell(successor, successorName),
  ]);
  return table([["RING", "PREDECESSOR", "SUCCESSOR"], ...rows]);
}

export function infoTable(info: Readonly<Record<string, unknown>>): string {
  return table(Object.entries(info).map(([name, value]) => [name, factText(name, value)]));
}

function factText(name: string, value: unknown): string {
  if (name === "certificateEnds" && typeof value === "number") return new Date(value).toISOString();
  if (Array.isArray(value)) return value.map(partText).join(", ") || "-";
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "-");
}

/** Of a list: what is seen and by how many, or as it is. */
function partText(part: unknown): string {
  if (typeof part !== "object" || part === null) return String(part);
  const { address, transport, by } = part as Partial<Observed>;
  return address === undefined ? JSON.stringify(part) : `${address} (${transport}, by ${by})`;
}

/** A round trip in JSON: what did not come back is left out. */
export interface RoundTripView {
  readonly id: string;
  readonly name?: string | undefined;
  readonly udpMs?: number | undefined;
  readonly udpAddress?: string | undefined;
  readonly linkMs?: number | undefined;
  readonly path?: RoundTrip["path"];
  readonly connectMs?: number | undefined;
  readonly error?: { readonly code: string; readonly message: string } | undefined;
}

export function roundTripView({ id, name }: Member, { error, ...trip }: RoundTrip): RoundTripView {
  return { id, name, ...trip, error: error && { code: error.code, message: error.message } };
}

export function roundTripLine(trip: RoundTripView): string {
  const { path, linkMs } = trip;
  if (path?.address.startsWith("self:") && linkMs !== undefined)
    return `${memberTitle(trip)}  this member itself, ${milliseconds(linkMs)}`;
  return `${memberTitle(trip)}  ${udpText(trip)}  ${linkText(trip)}`;
}

function udpText({ udpMs, udpAddress }: RoundTripView): string {
  if (udpAddress === undefined) return "UDP: no address to send to";
  return `UDP ${udpMs === undefined ? "no answer" : milliseconds(udpMs)} (${udpAddress})`;
}

function linkText({ linkMs, path, connectMs, error }: RoundTripView): string {
  if (linkMs === undefined || path === undefined) return `connection: ${error?.message ?? "no answer"}`;
  const made = connectMs === undefined ? "" : `, made in ${milliseconds(connectMs)}`;
  const way = `${path.direction === "dialled" ? "to" : "from"} ${shortAddress(path.address)}`;
  return `connection ${milliseconds(linkMs)} (${way}${made})`;
}

/** "0.42 ms", "12.3 ms", "120 ms": three digits. */
export function milliseconds(ms: number): string {
  return `${ms < 10 ? ms.toFixed(2) : ms < 100 ? ms.toFixed(1) : ms.toFixed(0)} ms`;
}
