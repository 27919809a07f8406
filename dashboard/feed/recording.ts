/**
 * A recording: lines of JSON, first `{ "recording": 1, "snapshot": ... }`, then `{ "event": NAME, "at": ..., ... }` each. A
 * simulator's run and the last hour of a member have this form.
 */
import { type FeedEvent, fields, readEvent, readSnapshot, type Snapshot } from "./forms.js";

/** Characters of a file; an hour of a busy network of 1,000 members takes a tenth of it. */
export const RECORDING_CHARACTERS_MAX = 256 * 1024 * 1024;

export interface Recording {
  readonly title: string;
  readonly snapshot: Snapshot;
  readonly events: readonly FeedEvent[];
  /** Lines that say nothing this page knows. */
  readonly skipped: number;
}

/** The recording, or a sentence that says why it is none. */
export function readRecording(content: string): Recording | string {
  if (content.length > RECORDING_CHARACTERS_MAX) return "This file is larger than a recording may be (256 MB).";
  const lines = content.split("\n").filter((line) => line.trim() !== "");
  const head = fields(parsed(lines[0] ?? ""));
  if (head?.recording !== 1) {
    return 'This file is no recording: its first line should be { "recording": 1, "snapshot": … }.';
  }
  const snapshot = readSnapshot(head.snapshot);
  if (snapshot === undefined) return "The first line of this recording has no snapshot that this page can read.";
  const events: FeedEvent[] = [];
  for (const line of lines.slice(1)) {
    const value = fields(parsed(line));
    const event = readEvent(String(value?.event), value, snapshot.rings);
    if (event !== undefined) events.push(event);
  }
  const title = typeof head.title === "string" ? head.title : "";
  return { title, snapshot, events, skipped: lines.length - 1 - events.length };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined; // A line that was cut off when the writer died: counted as skipped.
  }
}
