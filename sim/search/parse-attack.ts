/** An attack from JSON that somebody wrote: the plan is checked as any plan, and the program word by word. */
import type { Program } from "../puppets/program.js";
import { parsePlan } from "../run/parse.js";
import type { Attack } from "./attack.js";
import { AUDIENCES, CASTINGS, SAYINGS, WITHHELD } from "./draw-move.js";

type Json = Readonly<Record<string, unknown>>;
type Check = (value: unknown) => boolean;

/** Beats, statements, liars and scenes beyond which a program is a slip of the pen. */
const NUMBER_MAX = 1_000_000;

const isNumber: Check = (value) => typeof value === "number" && value >= 0 && value <= NUMBER_MAX;
const oneOf =
  (values: readonly unknown[]): Check =>
  (value) =>
    values.includes(value);
const isCount: Check = (value) => value === "budget" || isNumber(value);
const isSide = oneOf(["victim", "all"]);
/** A value, or none. */
const maybe =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);

const TELLING: Readonly<Record<string, Check>> = {
  by: oneOf(["screen", "accuser", "crowd"]),
  say: oneOf(Object.keys(SAYINGS)),
  rings: maybe(oneOf(["scene", "strange", "held"])),
  of: maybe(oneOf(["victim", "screen", "shields"])),
  way: maybe(oneOf(["datagram", "call"])),
  count: maybe(isCount),
  under: maybe(oneOf(["first", "last"])),
  to: oneOf(AUDIENCES),
  when: isWhen,
  bearers: maybe((value) => value === "any" || isNumber(value)),
  copies: maybe(isNumber),
};
const RENEWAL = { by: oneOf(["screen", "accuser"]), when: isWhen, overAfter: maybe(isNumber) };
const WITHHOLDING = { what: oneOf(WITHHELD), from: isSide };
const LATE = { from: isSide, beats: isNumber };
const PROGRAM: Readonly<Record<string, Check>> = {
  casting: oneOf(CASTINGS),
  scenes: isNumber,
  lasts: isNumber,
  few: maybe(isNumber),
  prelude: maybe(areMoves),
  moves: areMoves,
  withheld: (value) => isList(value, (each) => isObject(each, WITHHOLDING)),
  late: maybe((value) => isObject(value, LATE)),
};

/** Throws RangeError, which names the field, for what is no attack. */
export function parseAttack(text: string): Attack {
  const attack = parseJson(text);
  const { plan, program } = attack;
  const wrong = Object.entries(PROGRAM).find(([name, isRight]) => !isRight((program as Json | undefined)?.[name]));
  if (wrong) throw new RangeError(`its program has no valid "${wrong[0]}"`);
  return { plan: parsePlan(JSON.stringify(plan ?? null)), program: program as unknown as Program };
}

function parseJson(text: string): Json {
  try {
    return (JSON.parse(text) ?? {}) as Json;
  } catch {
    throw new RangeError("it is no JSON");
  }
}

function areMoves(value: unknown): boolean {
  return isList(value, (each) => {
    const move = (each ?? {}) as Json;
    return move.say === "renewal" ? isObject(move, RENEWAL) : isObject(move, TELLING) && isNamed(move);
  });
}

/** Whoever names rings says which. */
function isNamed(move: Json): boolean {
  const names = move.say === "accusation" || move.say === "summons";
  return names === (move.rings !== undefined) && (move.say === "summons") === (move.way !== undefined);
}

function isWhen(value: unknown): boolean {
  const when = (value ?? {}) as Json;
  if ("at" in when) return isNumber(when.at);
  if ("epochsFrom" in when) return isNumber(when.epochsFrom);
  const isRepeated = isNumber(when.from) && isNumber(when.every) && when.every !== 0;
  return isRepeated && maybe(isNumber)(when.times) && maybe(isNumber)(when.apart);
}

function isList(value: unknown, isRight: Check): boolean {
  return Array.isArray(value) && value.every(isRight);
}

function isObject(value: unknown, fields: Readonly<Record<string, Check>>): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(fields).every(([name, isRight]) => isRight((value as Json)[name]));
}
