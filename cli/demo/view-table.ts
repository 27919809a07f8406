/** The views of all members as one table: a row for who sees, a column for who is seen. */
import type { painter, Style } from "../output.js";
import type { ProcessEvent } from "./process.js";

export type Sight = "live" | "suspected" | "failed" | "left";

const SIGHTS: ReadonlyMap<string, Sight> = new Map<string, Sight>([
  ["joined", "live"],
  ["updated", "live"],
  ["rebutted", "live"],
  ["suspected", "suspected"],
  ["failed", "failed"],
  ["left", "left"],
]);

const MARKS: Readonly<Record<Sight, { readonly mark: string; readonly style: Style }>> = {
  live: { mark: "●", style: "green" },
  suspected: { mark: "?", style: "yellow" },
  failed: { mark: "✗", style: "red" },
  left: { mark: "–", style: "dim" },
};
const LEGEND = "● live   ? suspected   ✗ failed   – left   · itself";

export class ViewTable {
  readonly #names: readonly string[];
  readonly #idOf = new Map<string, string>();
  readonly #views = new Map<string, Map<string, Sight>>();

  constructor(names: readonly string[]) {
    this.#names = names;
  }

  /** Whose id that is, so that it has a column. */
  introduce(name: string, id: string): void {
    this.#idOf.set(name, id);
  }

  /** A guest has no column any more. */
  dismiss(name: string): void {
    this.#idOf.delete(name);
  }

  /** Takes what `observer` told. Returns whether the table has changed. */
  take(observer: string, { event, id }: ProcessEvent): boolean {
    const sight = SIGHTS.get(event);
    if (sight === undefined || id === undefined) return false;
    const view = this.#views.get(observer) ?? new Map<string, Sight>();
    this.#views.set(observer, view);
    view.set(id, sight);
    return true;
  }

  /** The observer runs no longer: it sees nothing. */
  blank(observer: string): void {
    this.#views.delete(observer);
  }

  render(paint: ReturnType<typeof painter>): string[] {
    const guests = [...this.#idOf.keys()].filter((name) => !this.#names.includes(name));
    const seen = [...this.#names, ...guests];
    const width = Math.max(...seen.map((name) => name.length)) + 2;
    const head = " ".repeat(width + 6) + seen.map((name) => name.padEnd(width)).join("");
    return [
      paint("dim", head.trimEnd()),
      ...this.#names.map((name) => this.#row(name, seen, width, paint)),
      paint("dim", `  ${LEGEND}`),
    ];
  }

  #row(observer: string, seen: readonly string[], width: number, paint: ReturnType<typeof painter>): string {
    const view = this.#views.get(observer);
    if (view === undefined) return `  ${paint("dim", observer)}`;
    const cells = seen.map((name) => this.#cell(observer, name, view, width, paint));
    return `  ${paint("bold", observer.padEnd(width - 2))}${paint("dim", " sees ")}${cells.join("")}`;
  }

  #cell(
    observer: string,
    seen: string,
    view: ReadonlyMap<string, Sight>,
    width: number,
    paint: ReturnType<typeof painter>,
  ) {
    if (observer === seen) return paint("dim", "·".padEnd(width));
    const id = this.#idOf.get(seen);
    const sight = id === undefined ? undefined : view.get(id);
    return sight === undefined ? " ".repeat(width) : paint(MARKS[sight].style, MARKS[sight].mark.padEnd(width));
  }
}
