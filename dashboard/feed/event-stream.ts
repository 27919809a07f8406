/** Server-sent events (WHATWG HTML, section 9.2) out of the pieces in which they arrive. */

export interface ServerEvent {
  readonly id: string;
  readonly event: string;
  readonly data: string;
}

/** Characters of one event; a longer one ends the connection, which is opened again. */
export const EVENT_CHARACTERS_MAX = 4 * 1024 * 1024;

export class EventStreamReader {
  #rest = "";
  #id = "";
  #event = "";
  #data: string[] = [];
  #characters = 0;

  /** The events that are whole now. Throws RangeError when one is too long. */
  push(piece: string): ServerEvent[] {
    const whole = this.#rest + piece;
    // A carriage return at the end may be half of a line's end.
    const end = whole.endsWith("\r") ? whole.length - 1 : whole.length;
    const lines = whole.slice(0, end).split(/\r\n|\r|\n/);
    this.#rest = (lines.pop() ?? "") + whole.slice(end);
    this.#bound(this.#rest.length);
    return lines.flatMap((line) => this.#line(line) ?? []);
  }

  #line(line: string): ServerEvent | undefined {
    if (line === "") return this.#take();
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
    if (name === "id") this.#id = value;
    if (name === "event") this.#event = value;
    if (name === "data") {
      this.#data.push(value);
      this.#characters += value.length;
      this.#bound(this.#characters);
    }
    return undefined;
  }

  #take(): ServerEvent | undefined {
    const [event, data] = [this.#event || "message", this.#data];
    this.#event = "";
    this.#data = [];
    this.#characters = 0;
    return data.length === 0 ? undefined : { id: this.#id, event, data: data.join("\n") };
  }

  #bound(characters: number): void {
    if (characters > EVENT_CHARACTERS_MAX) {
      throw new RangeError(`an event has more than ${EVENT_CHARACTERS_MAX} characters`);
    }
  }
}
