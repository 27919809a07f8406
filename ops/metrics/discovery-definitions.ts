/** The metrics of where a member hears of others, by kind of source: names of sources are the operator's, and may be many. */
import type { Sample, ValueDefinition } from "./definition.js";
import type { DiscoveryState, MemberInfo } from "./member-source.js";

/** What they are read from. */
interface Source {
  readonly info: Pick<MemberInfo, "discovery">;
}

const KINDS: ReadonlySet<string> = new Set(["authority", "list", "dns", "srv", "file", "kubernetes", "mdns"]);
/** Of sources that a program brings along, under names of its own. */
const PROGRAM = "program";

/** Of a source's name. */
function kindOf({ source }: DiscoveryState): string {
  const [kind = ""] = source.split(":", 1);
  return KINDS.has(kind) ? kind : PROGRAM;
}

type Reading = (state: DiscoveryState) => number | undefined;

/** One sample for each kind that there is: of several sources what `join` makes of two. */
function byKind(read: Reading, join: (a: number, b: number) => number) {
  return ({ info }: Source): Sample[] => {
    const values = new Map<string, number>();
    for (const state of info.discovery) {
      const [source, value] = [kindOf(state), read(state)];
      if (value === undefined) continue;
      const before = values.get(source);
      values.set(source, before === undefined ? value : join(before, value));
    }
    return [...values].map(([source, value]) => ({ value, labels: { source } }));
  };
}

function gauge(name: string, help: string, read: (source: Source) => Sample[]): ValueDefinition<Source> {
  return { name: `fireflies_discovery_${name}`, help, kind: "gauge", labels: ["source"], read };
}

export const DISCOVERY_DEFINITIONS: readonly ValueDefinition<Source>[] = [
  gauge(
    "contacts",
    "Contacts in the last answers of sources, by kind of source.",
    byKind(
      ({ contacts }) => contacts,
      (a, b) => a + b,
    ),
  ),
  gauge(
    "answered_timestamp_seconds",
    "Last answer, unix time; of several sources of a kind the one that answered least lately. None before the first.",
    byKind(({ answeredAt }) => answeredAt && answeredAt / 1_000, Math.min),
  ),
  gauge(
    "failures_in_a_row",
    "Questions that have failed in a row, 0 while it answers; of several sources of a kind the most.",
    byKind(({ failures }) => failures, Math.max),
  ),
];
