/** Tells the story: JSON lines, plain lines, or lines above a table that is drawn again with every change. */
import { failureLine } from "../failure.js";
import { coloured, painter, toJson, writeLine } from "../output.js";
import { placeOf } from "../place.js";
import type { Step, Told } from "./story.js";
import type { ViewTable } from "./view-table.js";

/** In the package that this is. As URLs, which terminals open. */
const QUICK_START = placeOf("../../README.md#quick-start").href;
const SECOND_MACHINE = placeOf("../../docs/second-machine.md").href;

export interface Narrator {
  begin(step: Step): void;
  end(step: Step, ms: number, told: Told): Promise<void>;
  fail(step: Step, ms: number, error: unknown): Promise<void>;
  /** The table has changed. */
  changed(table: ViewTable): void;
  say(text: string): Promise<void>;
  finish(ms: number): Promise<void>;
}

export class JsonNarrator implements Narrator {
  begin(): void {}
  changed(): void {}
  async say(): Promise<void> {}

  async end({ name }: Step, ms: number, { text, facts }: Told): Promise<void> {
    await writeLine(toJson({ step: name, ok: true, ms, text, ...facts }));
  }

  async fail({ name }: Step, ms: number, error: unknown): Promise<void> {
    await writeLine(toJson({ step: name, ok: false, ms, ...JSON.parse(failureLine(error, true)) }));
  }

  async finish(ms: number): Promise<void> {
    await writeLine(toJson({ step: "end", ok: true, ms, next: QUICK_START }));
  }
}

/** Milliseconds between two drawings of the table: faster than the eye follows only costs time. */
const REDRAW_MS = 80;
const CLEAR_BELOW = "\u001b[0J";
const up = (lines: number) => `\u001b[${lines}A\r`;

export class TextNarrator implements Narrator {
  readonly #isLive: boolean;
  readonly #paint = painter(coloured(process.stdout));
  #table: ViewTable | undefined;
  #tableIsNews = false;
  #current = "";
  #drawn = 0;
  #redraw: NodeJS.Timeout | undefined;

  /** Live means that the table is drawn over: for a terminal only. */
  constructor(isLive: boolean) {
    this.#isLive = isLive;
  }

  begin({ title }: Step): void {
    this.#current = `${this.#paint("cyan", "▸")} ${title} …`;
    this.#draw();
  }

  async end({ title }: Step, ms: number, { text }: Told): Promise<void> {
    await this.say(
      `${this.#paint("green", "✓")} ${this.#paint("bold", title)} ${this.#paint("dim", seconds(ms))}\n    ${text}`,
    );
  }

  async fail({ title }: Step, ms: number): Promise<void> {
    await this.say(`${this.#paint("red", "✗")} ${this.#paint("bold", title)} ${this.#paint("dim", seconds(ms))}`);
  }

  changed(table: ViewTable): void {
    this.#table = table;
    this.#tableIsNews = true;
    if (this.#isLive) this.#redraw ??= setTimeout(() => this.#draw(), REDRAW_MS).unref();
  }

  async say(text: string): Promise<void> {
    this.#current = "";
    this.#erase();
    await writeLine(text);
    if (!this.#isLive && this.#tableIsNews && this.#table) {
      await writeLine(`\n${this.#table.render(this.#paint).join("\n")}\n`);
      this.#tableIsNews = false;
    }
    this.#draw();
  }

  async finish(ms: number): Promise<void> {
    clearTimeout(this.#redraw);
    const next = `A network of your own, in three commands: "Quick start" in\n    ${QUICK_START}`;
    const further = `On several machines:\n    ${SECOND_MACHINE}`;
    await this.say(`${this.#paint("green", "Done")} in ${seconds(ms)}. What to do next:\n  ${next}\n  ${further}`);
  }

  #erase(): void {
    if (this.#drawn > 0) process.stdout.write(up(this.#drawn) + CLEAR_BELOW);
    this.#drawn = 0;
  }

  #draw(): void {
    clearTimeout(this.#redraw);
    this.#redraw = undefined;
    if (!this.#isLive) return;
    const lines = ["", ...(this.#table?.render(this.#paint) ?? []), "", this.#current];
    this.#erase();
    process.stdout.write(`${lines.join("\n")}\n`);
    this.#drawn = lines.length;
  }
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
