/** The dashboard as one file that plays a recording which is in it: out of the package, made by scripts/bundle-dashboard.mjs. */
import { readFile } from "node:fs/promises";
import { placeOf } from "../place.js";

/** Where the recording goes in that file. */
const MARK = "RECORDING-HERE";

/** Undefined in a tree that was compiled and not bundled. */
export async function readPlayer(place: URL = placeOf("../dashboard/report.html")): Promise<string | undefined> {
  const text = await readFile(place, "utf8").catch(() => undefined);
  return text?.includes(MARK) ? text : undefined;
}

/** Nothing in the lines ends the element that holds them. A function as replacement: the lines have "$" in them. */
export function playerOf(player: string, lines: readonly string[]): string {
  const recording = lines.join("\n").replaceAll("<", "\\u003c");
  return player.replace(MARK, () => recording);
}
