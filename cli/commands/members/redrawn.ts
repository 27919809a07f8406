/** Text that takes the whole terminal and is drawn over, as by watch(1): no longer than the terminal is high. */
import type { WriteStream } from "node:tty";
import { shown } from "../../output.js";

const HOME = "\u001b[H";
const CLEAR_LINE = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";
/** Of a terminal that does not say its height. */
const ROWS = 24;

export class Redrawn {
  readonly #out: Pick<WriteStream, "write" | "rows" | "columns">;
  #isFirst = true;

  constructor(out: Pick<WriteStream, "write" | "rows" | "columns">) {
    this.#out = out;
  }

  draw(text: string): void {
    const rows = this.#out.rows || ROWS;
    const lines = text.split("\n").map((line) => shown(line).slice(0, this.#out.columns || undefined));
    const kept = lines.length < rows ? lines : [...lines.slice(0, rows - 2), `... and ${lines.length - rows + 2} more`];
    // The first time what is below is cleared at once: drawing over it line by line would look torn.
    const start = this.#isFirst ? HOME + CLEAR_BELOW : HOME;
    this.#isFirst = false;
    this.#out.write(`${start}${kept.map((line) => `${line}${CLEAR_LINE}\n`).join("")}${CLEAR_BELOW}`);
  }
}
