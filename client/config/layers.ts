/**
 * Layers of settings. Each place that may say something (a file, the environment, flags or a program) becomes one
 * layer of checked values that remember where they were said; a later layer wins over an earlier one.
 */
import { FirefliesError } from "../../identity/index.js";
import { nearest } from "../nearest.js";
import type { KeyTable } from "./keys.js";
import type { Origin } from "./values.js";

/** One value as it was found, before its key is known to exist. */
export interface RawSetting {
  /** As written: a file's key, a variable, a flag or an option. */
  readonly key: string;
  readonly value: unknown;
  /** For messages: "/etc/fireflies/fireflies.yaml, line 3", "environment", "command line", "options". */
  readonly where: string;
}

export type Layer<S> = { readonly [K in keyof S]?: { readonly value: S[K]; readonly where: string } };

/** How the names of one kind of place are written. */
export interface Spelling {
  readonly origin: Origin;
  /** The name of a key in this kind of place. */
  readonly name: (setting: string, file: string) => string;
}

export const FILE_SPELLING: Spelling = { origin: "text", name: (_, file) => file };
export const PROGRAM_SPELLING: Spelling = { origin: "program", name: (setting) => setting };

/** Checks raw settings against the table. Throws "config-unknown-key" or "config-bad-value". */
export function toLayer<S>(
  table: KeyTable<S>,
  raw: readonly RawSetting[],
  spelling: Spelling,
  /** Keys of other tables that stand in the same place: one of them may have been meant. */
  others: readonly string[] = [],
): Layer<S> {
  const settings = new Map<string, keyof S & string>();
  for (const setting of settingNames(table)) settings.set(spelling.name(setting, table[setting].file), setting);
  const layer: { [K in keyof S]?: { value: S[K]; where: string } } = {};
  for (const { key, value, where } of raw) {
    const setting = settings.get(key);
    if (setting === undefined) throw unknownKey(key, where, [...settings.keys(), ...others]);
    const parsed = table[setting].parse(value, spelling.origin);
    if (!parsed.ok) throw badValue(`${where}: ${key} ${parsed.problem}, not ${shown(value)}.`);
    layer[setting] = { value: parsed.value, where: `${where}: ${key}` };
  }
  return layer;
}

/** The layers as one; later ones win. */
export function mergeLayers<S>(layers: readonly Layer<S>[]): Layer<S> {
  return Object.assign({}, ...layers) as Layer<S>;
}

export function settingNames<S>(table: KeyTable<S>): (keyof S & string)[] {
  return Object.keys(table) as (keyof S & string)[];
}

export function badValue(message: string, advice?: string): FirefliesError {
  return new FirefliesError("config-bad-value", message, { advice });
}

export function unknownKey(key: string, where: string, known: readonly string[]): FirefliesError {
  const near = nearest(key, known);
  const advice = near === undefined ? `The keys are ${[...known].sort().join(", ")}.` : `Did you mean ${near}?`;
  return new FirefliesError("config-unknown-key", `${where}: there is no key ${shown(key)}.`, { advice });
}

/** A message is for one line of a terminal. */
const SHOWN_LENGTH_MAX = 60;

function shown(value: unknown): string {
  const text = textOf(value);
  return text.length <= SHOWN_LENGTH_MAX ? text : `${text.slice(0, SHOWN_LENGTH_MAX)}…`;
}

/** Also of what JSON cannot carry: a cycle, a bigint, a getter that throws. */
function textOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return `a value of type ${typeof value} that cannot be written as JSON`;
  }
}
