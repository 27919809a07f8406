/** A recording as it lies on disk: what a command says of it, and that it is one. */
import { usage } from "../failure.js";

export interface Recorded {
  readonly lines: readonly string[];
  readonly members: number;
  /** Besides figures, which come every two seconds. */
  readonly events: number;
  /** Unix milliseconds: of the snapshot, and of the last event. */
  readonly from: number;
  readonly to: number;
}

/** Throws "cli-usage" for text that is no recording. `name`: of the file. */
export function recordedIn(text: string, name: string): Recorded {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const head = parsed(lines[0]) as { recording?: unknown; snapshot?: { at?: unknown; members?: unknown } } | undefined;
  const { at, members } = head?.snapshot ?? {};
  if (head?.recording !== 1 || typeof at !== "number" || !Array.isArray(members))
    throw usage(`${name} is no recording.`, "Make one with `fireflies record --out FILE`.");
  const events = lines.slice(1).map((line) => parsed(line) as { event?: unknown; at?: unknown } | undefined);
  const times = events.flatMap((event) => (typeof event?.at === "number" ? [event.at] : []));
  return {
    ...{ lines, members: members.length, from: at },
    events: events.filter((event) => event !== undefined && event.event !== "figures").length,
    to: times.reduce((last, each) => Math.max(last, each), at),
  };
}

/** "12 members, 340 events, from 18:00:00Z to 18:20:11Z" */
export function recordedText({ members, events, from, to }: Recorded): string {
  const time = (at: number) => `${new Date(at).toISOString().slice(11, 19)}Z`;
  return `${members} members, ${events} events, from ${time(from)} to ${time(to)}`;
}

/** A line that was cut off when its writer died is none. */
function parsed(line = ""): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
