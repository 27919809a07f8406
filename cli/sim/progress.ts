/** Progress of a run on stderr, and how fast it goes. */
import type { Progress, Run } from "../../sim/index.js";
import { coloured } from "../output.js";

/** Milliseconds between two lines: often enough to see that it lives. */
const LINE_EVERY_MS = 1_000;
const ERASE_LINE = "\u001b[2K\r";

export class ProgressLine {
  readonly #stream: NodeJS.WriteStream;
  readonly #isShown: boolean;
  /** One line that changes, where there is a terminal; else one line after the other. */
  readonly #isLive: boolean;
  #nextAt = performance.now() + LINE_EVERY_MS;
  #isDirty = false;

  constructor(isJson: boolean, stream: NodeJS.WriteStream = process.stderr) {
    this.#stream = stream;
    this.#isShown = stream.isTTY === true || !isJson;
    this.#isLive = coloured(stream) || stream.isTTY === true;
  }

  /** Shows where it stands, if it is time to. `text` is asked for then only. */
  show(text: () => string): void {
    const now = performance.now();
    if (!this.#isShown || now < this.#nextAt) return;
    this.#nextAt = now + LINE_EVERY_MS;
    this.#stream.write(this.#isLive ? `${ERASE_LINE}${text()}` : `${text()}\n`);
    this.#isDirty = this.#isLive;
  }

  /** Leaves no half line behind. */
  clear(): void {
    if (this.#isDirty) this.#stream.write(ERASE_LINE);
    this.#isDirty = false;
  }
}

export interface Timed {
  /** Milliseconds on the wall clock. */
  readonly elapsedMs: number;
  /** Virtual seconds per second on the wall clock. */
  readonly rate: number;
}

/** Runs to the end, and tells how it goes. */
export function runTimed(run: Run, line: ProgressLine): Timed {
  const started = performance.now();
  const timed = () => {
    const elapsedMs = performance.now() - started;
    return { elapsedMs, rate: rounded(run.simulation.now / Math.max(1, elapsedMs)) };
  };
  while (run.step()) line.show(() => progressText(run.progress, timed().rate));
  line.clear();
  return timed();
}

function progressText({ phase, now, end, events, violations }: Progress, rate: number): string {
  const seconds = (ms: number) => (ms / 1_000).toFixed(1);
  const where = phase === "faults" ? `${seconds(now)} of ${seconds(end)} s` : `${seconds(now)} s, settling`;
  const wrong = violations > 0 ? `, ${violations} violations` : "";
  return `${where}, ${rate} times real time, ${events.toLocaleString("en-US")} events${wrong}`;
}

/** Three digits that count. */
export function rounded(value: number): number {
  return Number(value.toPrecision(3));
}
