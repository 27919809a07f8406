/** Where a search stands: what it keeps in its file, and goes on from. */
import { isCode, PUBLIC_FILE_MODE } from "../../identity/files/files.js";
import { writeOutput } from "../../identity/files/output-file.js";
import type { Finding, Tried } from "../../sim/index.js";
import { usage } from "../failure.js";
import { readInput } from "../input-file.js";

export interface Found extends Finding {
  /** Attacks played until then, this one included, and what they took of a core. */
  readonly after: number;
  readonly coreMinutes: number;
  /** How often a later attack broke the same in the same way. */
  readonly again: number;
}

export interface SearchState {
  /** Of the program that searched: another one may play the same attack otherwise. */
  readonly version: string;
  /** The rules that it searched: "" for those of this package. */
  readonly rules: string;
  /** The first seed, and the next one: all between have been played. */
  readonly from: number;
  readonly next: number;
  readonly coreMs: number;
  readonly population: readonly Tried[];
  readonly found: readonly Found[];
}

/** What the file holds; undefined when there is none. Rejects with "input-failed", or "cli-usage" when it holds something else. */
export async function readState(file: string): Promise<SearchState | undefined> {
  let text: string;
  try {
    text = (await readInput(file)).toString("utf8");
  } catch (error) {
    if (isCode((error as Error).cause, "ENOENT")) return undefined;
    throw error;
  }
  const state = parsed(text);
  if (!state) throw usage(`${file} holds no state of a search.`);
  return state;
}

/** Writes all of it or nothing: after an interruption the state before is still there. Rejects with "output-failed". */
export async function writeState(file: string, state: SearchState): Promise<void> {
  await writeOutput(file, `${JSON.stringify(state)}\n`, { mode: PUBLIC_FILE_MODE });
}

function parsed(text: string): SearchState | undefined {
  try {
    const state = JSON.parse(text) as Partial<SearchState>;
    const isWhole = [state.from, state.next, state.coreMs].every(Number.isFinite);
    return isWhole && Array.isArray(state.population) && Array.isArray(state.found)
      ? (state as SearchState)
      : undefined;
  } catch {
    return undefined;
  }
}
