/** Findings of one kind: what a shrunk program says, whoever hears it and whenever. Known kinds are counted, not shrunk again. */
import type { InvariantName } from "../invariants/violation.js";
import type { Move, Program } from "../puppets/program.js";

export interface Kind {
  readonly invariant: InvariantName;
  /** What is said, each once, in the order of letters. */
  readonly said: readonly string[];
}

export function kindOf(invariant: InvariantName, { moves, withheld }: Program): Kind {
  const kept = withheld.map(({ what }) => `withheld ${what}`);
  return { invariant, said: [...new Set([...moves.map(wordOf), ...kept])].sort() };
}

/** Does a program that breaks this invariant do all that this kind does? */
export function isOf(kind: Kind, { invariant, said }: Kind): boolean {
  return invariant === kind.invariant && kind.said.every((word) => said.includes(word));
}

function wordOf(move: Move): string {
  const under = "under" in move && move.under === "last" ? " under its last certificate" : "";
  const of = move.say === "accusation" && move.of ? ` of ${move.of}` : "";
  return `${move.by} ${move.say}${of}${under}`;
}
