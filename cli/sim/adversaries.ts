/** The adversaries by name, and what the command line calls them. */
import { ADVERSARIES } from "../../sim/index.js";
import { usage } from "../failure.js";
import { print, table } from "../output.js";

/** "all", "none", or names with commas between them. */
export function adversariesNamed(text: string): readonly string[] {
  if (text === "none") return [];
  const names = text.split(",").map((name) => name.trim());
  const unknown = names.find((name) => !ADVERSARIES.has(name));
  if (unknown === undefined) return [...new Set(names)];
  throw usage(`There is no adversary "${unknown}".`, "See `fireflies sim --adversary help`.");
}

/** Does this ask for the list of them? */
export function asksForList(text: string): boolean {
  return text === "help" || text === "list";
}

export async function printAdversaries(json: boolean): Promise<void> {
  const all = [...ADVERSARIES].map(([name, { about }]) => ({ name, about }));
  const rows = all.map(({ name, about }) => [name, about]);
  await print(json, all, table([["adversary", "what it does"], ...rows, ["none", "nothing wrong"]]));
}
