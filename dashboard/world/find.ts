/** Searching members, and filtering events. */
import type { HistoryKind } from "../feed/forms.js";
import type { Change, Step } from "./timeline.js";
import { isThere, type MemberNow, type World } from "./world.js";

/** Members by name, id, service or what they say of themselves; the best first. */
export function findMembers(world: World, query: string, most: number): readonly MemberNow[] {
  const words = query.trim().toLowerCase();
  const ranked = [...world.members.values()].flatMap((member) => {
    const rank = words === "" ? 0 : rankOf(member, words);
    return rank === undefined ? [] : [{ member, rank: rank + (isThere(member) ? 0 : 0.5) }];
  });
  const named = ({ record }: MemberNow) => record.name || record.id;
  return ranked
    .sort((a, b) => a.rank - b.rank || compare(named(a.member), named(b.member)))
    .slice(0, most)
    .map(({ member }) => member);
}

function rankOf({ record, state }: MemberNow, words: string): number | undefined {
  const name = record.name.toLowerCase();
  if (name === words) return 0;
  if (name.startsWith(words)) return 1;
  if (record.id.startsWith(words)) return 2;
  if (name.includes(words)) return 3;
  if (record.services.some((each) => each.toLowerCase().includes(words))) return 4;
  if (state === words || record.path === words) return 5;
  return record.metadata.toLowerCase().includes(words) ? 6 : undefined;
}

const DIGITS = /(\d+)/;

/** "web-9" before "web-10", in every browser's language alike. */
export function compare(a: string, b: string): number {
  const [left, right] = [a.split(DIGITS), b.split(DIGITS)];
  for (let index = 0; index < Math.min(left.length, right.length); index++) {
    const [one, other] = [left[index]!, right[index]!];
    if (one === other) continue;
    const difference = index % 2 === 1 ? Number(one) - Number(other) : 0;
    return difference || (one < other ? -1 : 1);
  }
  return left.length - right.length;
}

export interface EventFilter {
  /** Empty for all. */
  readonly kinds: ReadonlySet<HistoryKind | "alarm">;
  /** In names, ids, reasons and messages. */
  readonly words: string;
  readonly ring: number | undefined;
}

export const ALL_EVENTS: EventFilter = { kinds: new Set(), words: "", ring: undefined };

/** The newest first, of those up to `seen` events. */
export function filterEvents(
  events: readonly Step[],
  seen: number,
  filter: EventFilter,
  nameOf: (id: string) => string,
  most: number,
): readonly Change[] {
  const found: Change[] = [];
  const words = filter.words.trim().toLowerCase();
  for (let index = Math.min(seen, events.length) - 1; index >= 0 && found.length < most; index--) {
    const event = events[index]!;
    if (event.event !== "path" && matches(event, filter, words, nameOf)) found.push(event);
  }
  return found;
}

function matches(event: Change, filter: EventFilter, words: string, nameOf: (id: string) => string): boolean {
  const kind = event.event === "alarm" ? "alarm" : event.kind;
  if (filter.kinds.size > 0 && !filter.kinds.has(kind)) return false;
  if (filter.ring !== undefined && (event.event === "alarm" || event.ring !== filter.ring)) return false;
  if (words === "") return true;
  const texts =
    event.event === "alarm"
      ? [event.message, event.kind, event.member, nameOf(event.member)]
      : [event.member, event.name, nameOf(event.member), event.by, nameOf(event.by), event.reason, event.path];
  return texts.some((each) => each.toLowerCase().includes(words));
}
