/** Members, changes and rings as the command line shows them: flat records for JSON, lines for people. */
import type { Change, Member, RingNeighbours } from "../client/types.js";
import { age, type painter, shortId, shown, table } from "./output.js";

/** A member in JSON. `epoch` is a string: it has 64 bits. */
export interface MemberView {
  readonly id: string;
  readonly address: string;
  readonly addresses: readonly string[];
  readonly metadata: unknown;
  readonly epoch: string;
  readonly suspected: boolean;
  readonly reachable: boolean;
  readonly since: number;
}

/** A change in JSON: `event` is its kind, then the member's fields. */
export interface ChangeView extends Partial<MemberView> {
  readonly event: Change["kind"];
  readonly at: number;
  readonly reason?: string;
  readonly count?: number;
  readonly until?: number;
}

export function memberView(member: Member): MemberView {
  const { id, address, addresses, metadata, epoch, suspected, reachable, since } = member;
  return { id, address, addresses, metadata, epoch: String(epoch), suspected, reachable, since };
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
  return { event, at, ...memberView(change.member) };
}

export function membersTable(members: readonly MemberView[], now: number): string {
  if (members.length === 0) return "No other member is live in this view.";
  const rows = members.map((member) => [
    shortId(member.id),
    member.address,
    stateOf(member),
    age(now - member.since),
    JSON.stringify(member.metadata),
  ]);
  return table([["ID", "ADDRESS", "STATE", "SINCE", "METADATA"], ...rows]);
}

function stateOf({ suspected, reachable }: MemberView): string {
  if (!reachable) return "unreachable";
  return suspected ? "suspected" : "live";
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
} as const satisfies Record<Change["kind"], string>;

export function changeLine(change: ChangeView, paint: ReturnType<typeof painter>): string {
  const time = new Date(change.at).toISOString().slice(11, 23);
  const what = paint(STYLES[change.event], change.event.padEnd(9));
  if (change.id !== undefined) return `${time}  ${what}  ${shortId(change.id)}  ${shown(change.address ?? "")}`;
  return `${time}  ${what}  ${shown(factOf(change))}`;
}

/** Of a change that is about no other member. */
function factOf({ event, reason, until, addresses, count }: ChangeView): string {
  if (addresses !== undefined) return `now at ${addresses.join(", ")}`;
  if (event === "back") return `among the others again (was ${reason})`;
  if (until !== undefined) return `${reason} until ${new Date(until).toISOString().slice(11, 19)}`;
  return reason ?? `${count} changes were not read in time`;
}

export function ringsTable(rings: readonly RingNeighbours[]): string {
  const cell = (id: string | undefined | null) => (id ? shortId(id) : "-");
  const rows = rings.map(({ ring, predecessor, successor }) => [String(ring), cell(predecessor), cell(successor)]);
  return table([["RING", "PREDECESSOR", "SUCCESSOR"], ...rows]);
}

export function infoTable(info: Readonly<Record<string, unknown>>): string {
  return table(Object.entries(info).map(([name, value]) => [name, factText(name, value)]));
}

function factText(name: string, value: unknown): string {
  if (name === "certificateEnds" && typeof value === "number") return new Date(value).toISOString();
  if (Array.isArray(value)) return value.join(", ") || "-";
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "-");
}
