/** Settings of one service, checked by a table of its kind: key by key, with the line and the nearest key in what is refused. */
import type { Key, KeyTable } from "../../client/config/keys.js";
import { badValue, FILE_SPELLING, type RawSetting, toLayer } from "../../client/config/layers.js";
import { line, type Parsed, type Parser } from "../../client/config/values.js";
import { NAME_BYTES_MAX, requireName } from "../../client/offers/name.js";
import { FirefliesError, messageOf } from "../../identity/index.js";
import type { Where } from "./kind.js";

/** `V` of a setting that may be left out. */
export type SettingTable<S> = KeyTable<{ readonly [K in keyof S]-?: Exclude<S[K], undefined> }>;

/** `required`: those that cannot be left out. */
export function parseSettings<S>(
  table: SettingTable<S>,
  required: readonly (keyof S & string)[],
  raw: readonly RawSetting[],
  { id, where }: Where,
): S {
  const layer = toLayer(table, raw, FILE_SPELLING) as { readonly [K in keyof S]?: { readonly value: S[K] } };
  for (const name of required) {
    if (layer[name] !== undefined) continue;
    throw badValue(`${where}: the service ${id} needs ${(table[name] as Key<unknown>).file}.`);
  }
  const values = Object.entries(layer) as [string, { readonly value: unknown }][];
  return Object.fromEntries(values.map(([name, { value }]) => [name, value])) as S;
}

/**
 * Settings that are right one by one may not go together: what `check` refuses is told now, with the service's line, and not by a
 * service that fails again and again.
 */
export function together<S>(settings: S, { id, where }: Where, check: (settings: S) => unknown): S {
  try {
    check(settings);
    return settings;
  } catch (error) {
    if (!(error instanceof FirefliesError)) throw error;
    throw badValue(`${where}: the service ${id}: ${error.message}`, error.advice);
  }
}

/** A value that `check` refuses by throwing is a bad one, for the reason that it gives. */
export function checked<V>(parse: Parser<V>, check: (value: V) => unknown): Parser<V> {
  return (raw, origin): Parsed<V> => {
    const parsed = parse(raw, origin);
    if (!parsed.ok) return parsed;
    try {
      check(parsed.value);
      return parsed;
    } catch (error) {
      return { ok: false, problem: `cannot be used: ${messageOf(error).replace(/\.$/, "")}` };
    }
  };
}

/** The name of a protocol. */
export const protocolName: Parser<string> = checked(line(NAME_BYTES_MAX), (name) => requireName(name, "protocol"));
