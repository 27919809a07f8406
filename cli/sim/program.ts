/** `fireflies sim --program`: plays an attack that a search found, once. */
import { FirefliesError } from "../../identity/errors/error.js";
import { type Attack, attackLines, parseAttack, play } from "../../sim/index.js";
import { usage } from "../failure.js";
import { readInput } from "../input-file.js";
import { print, table } from "../output.js";
import { violationLine } from "./text.js";

/** What the parts of a nearness are, for people. */
const PARTS = {
  longest: "longest time accused in one view, of the time that removes",
  mean: "the same, the mean over all views",
  blind: "notes of one member accused in a view that differs from its own, of five",
  breadth: "views that held one member as accused at once",
  parted: "beats for which views differed about one member, of ten",
  burnt: "notes of one member, of the most that its pace allows",
} as const;

/** `given`: JSON, or the file that holds it; `played`: on another simulator than our own. Rejects with "sim-violated" when it breaks an invariant. */
export async function playProgram(given: string, json: boolean, played = play): Promise<void> {
  const attack = parsed(given.trimStart().startsWith("{") ? given : String(await readInput(given)));
  const { violation, nearness, events } = played(attack);
  const rows = Object.entries(PARTS).map(([name, what]) => [
    what,
    `${(100 * nearness[name as keyof typeof PARTS]).toFixed(1)} %`,
  ]);
  const verdict = violation ? violationLine(violation) : "All invariants held.";
  await print(
    json,
    { violation: violation ?? null, nearness, events },
    [attackText(attack), verdict, table(rows)].join("\n"),
  );
  if (violation) throw new FirefliesError("sim-violated", `${violationLine(violation)}.`);
}

export function attackText(attack: Attack): string {
  return attackLines(attack).join("\n");
}

/** A command that plays exactly this attack, in any shell: its JSON holds no single quote. */
export function programCommand(attack: Attack, command = "fireflies sim"): string {
  return `${command} --program '${JSON.stringify(attack)}'`;
}

function parsed(text: string): Attack {
  try {
    return parseAttack(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw usage(`The attack cannot be used: ${error.message}.`);
  }
}
