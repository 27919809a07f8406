/** The services of a member as they are wanted, and what is to be done to get there. Functions of values. */
import type { ServiceEntry } from "../../client/config/service-entries.js";
import type { ControllerKind } from "./kind.js";

/** A service whose settings were checked. */
export interface PlannedService {
  readonly id: string;
  readonly kind: string;
  /** As they were said: what they are compared by, and what is written to a file. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly parsed: unknown;
}

export interface Difference {
  /** Ids of those that are no longer wanted, or wanted otherwise. */
  readonly stop: readonly string[];
  /** In the order in which they were said. */
  readonly start: readonly PlannedService[];
  /** Ids of those that go on as they are. */
  readonly keep: readonly string[];
}

export type Kinds = ReadonlyMap<string, ControllerKind<unknown>>;

/** All of them, or what is wrong with the first that is wrong: "config-unknown-key" or "config-bad-value". */
export function planServices(
  entries: readonly ServiceEntry[],
  parse: (entry: ServiceEntry) => unknown,
): PlannedService[] {
  return entries.map((entry) => ({
    id: entry.id,
    kind: entry.kind,
    settings: Object.fromEntries(entry.settings.map(({ key, value }) => [key, value])),
    parsed: parse(entry),
  }));
}

/** What was said in another order, or on another line, is the same. */
export function differenceOf(before: readonly PlannedService[], after: readonly PlannedService[]): Difference {
  const [held, wanted] = [byId(before), byId(after)];
  const keep = before.filter((each) => isSame(each, wanted.get(each.id))).map(({ id }) => id);
  const kept = new Set(keep);
  return {
    keep,
    stop: [...held.keys()].filter((id) => !kept.has(id)),
    start: [...wanted.values()].filter(({ id }) => !kept.has(id)),
  };
}

function byId(services: readonly PlannedService[]): Map<string, PlannedService> {
  return new Map(services.map((each) => [each.id, each]));
}

function isSame(a: PlannedService, b: PlannedService | undefined): boolean {
  return b !== undefined && a.kind === b.kind && plain(a.settings) === plain(b.settings);
}

/** One text for one value, whatever the order of its keys. */
function plain(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(plain).join()}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${plain(each)}`).join()}}`;
}
