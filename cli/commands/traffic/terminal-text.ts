/** What another member streams, as a terminal may show it: each of its lines behind a mark, and nothing in it acts on the terminal. */
import { shown } from "../../output.js";

/** Before each line of the other side, so that none looks like one of ours. */
const MARK = "< ";

export class TerminalText {
  readonly #decoder = new TextDecoder();
  #isInLine = false;

  take(bytes: Uint8Array): string {
    return this.#lines(this.#decoder.decode(bytes, { stream: true }));
  }

  /** What is left; the last line ends, too. */
  end(): string {
    return this.#lines(this.#decoder.decode()) + (this.#isInLine ? "\n" : "");
  }

  #lines(text: string): string {
    if (text === "") return "";
    const lines = text.split("\n").map((line) => shown(line.replace(/\r$/, "")));
    const out = lines.map((line, index) => (index === 0 && this.#isInLine ? line : `${MARK}${line}`));
    // After a last line end nothing has begun yet.
    this.#isInLine = !text.endsWith("\n");
    if (!this.#isInLine) out[out.length - 1] = "";
    return out.join("\n");
  }
}
