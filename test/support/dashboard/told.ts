/** What an admin port would tell, for tests of how the dashboard reads and shows it. */
import {
  type FeedEvent,
  type HistoryEvent,
  readEvent,
  readSnapshot,
  type Snapshot,
} from "../../../dashboard/feed/forms.js";

/** Members "a", "b" and so on, at these places of each ring. */
export function snapshotOf(
  places: Readonly<Record<string, readonly number[]>>,
  more: Readonly<Record<string, unknown>> = {},
): Snapshot {
  const members = Object.entries(places).map(([id, positions]) => {
    const bytes = Uint8Array.from(positions.flatMap((each) => [each >> 8, each & 255]));
    return { id, name: `name of ${id}`, state: "live", since: 500, positions: Buffer.from(bytes).toString("base64") };
  });
  const rings = Object.values(places)[0]?.length ?? 1;
  return readSnapshot({ sequence: 7, at: 1_000, self: "a", rings, deltaMs: 1_000, members, ...more })!;
}

export function event(
  at: number,
  kind: string,
  member: string,
  more: Readonly<Record<string, unknown>> = {},
): HistoryEvent {
  return readEvent("history", { at, kind, member, ...more }, 255) as HistoryEvent;
}

export function figures(at: number, more: Readonly<Record<string, unknown>> = {}): FeedEvent {
  return readEvent("figures", { at, ...more }, 1)!;
}
