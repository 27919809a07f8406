/** Sections of fireflies.yaml that hold named things: each value remembers its line, however deep it stands. */
import { badValue, type RawSetting } from "./layers.js";

/** A value as it was found; of a mapping also what is in it, in its order. */
export interface Section extends RawSetting {
  readonly entries?: readonly Section[];
}

/** How deep a section is read: `identities`, one of them, its `services`, one of them, a setting that is a mapping. */
export const SECTION_DEPTH_MAX = 6;

/** Of a section that is a mapping; none for one that is empty. Throws "config-bad-value" for anything else. */
export function entriesOf({ key, value, where, entries }: Section): readonly Section[] {
  if (value === null || value === undefined) return [];
  if (entries !== undefined) return entries;
  throw badValue(`${where}: ${key} must be a mapping of names to settings.`);
}

/** What a program or a call says, as a section: `where` is for messages. */
export function sectionOf(key: string, value: unknown, where: string, depth = 0): Section {
  const isMap = typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isMap || depth >= SECTION_DEPTH_MAX) return { key, value, where };
  const entries = Object.entries(value).map(([name, each]) => sectionOf(name, each, where, depth + 1));
  return { key, value, where, entries };
}
