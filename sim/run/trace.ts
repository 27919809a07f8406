/** The trace of one member: what happened to it, what it told and signed, and what others told and signed about it. */
import { type Output, parseAccusation, parseNote } from "../../gossip/index.js";
import type { MemberId } from "../../rings/index.js";
import type { Seat, SimEvent, StatementKind, Watcher } from "../actor.js";

export interface TraceLine {
  /** Virtual milliseconds. */
  readonly at: number;
  readonly text: string;
}

/** Lines kept: the last ones, since a violation ends the story that it belongs to. */
export const TRACE_LINES_MAX = 400;

export class Trace implements Watcher {
  readonly #name: string;
  readonly #members: () => readonly Seat[];
  #lines: TraceLine[] = [];
  #dropped = 0;
  #names: ReadonlyMap<MemberId, string> = new Map();

  /** `name` of a member, such as "m3". */
  constructor(name: string, members: () => readonly Seat[]) {
    this.#name = name;
    this.#members = members;
  }

  /** In their order. The first says how many earlier ones were dropped, if any were. */
  lines(): TraceLine[] {
    const kept = this.#lines.slice(-TRACE_LINES_MAX);
    const dropped = this.#dropped + this.#lines.length - kept.length;
    const first = kept[0];
    return dropped > 0 && first ? [{ at: first.at, text: `(${dropped} earlier lines left out)` }, ...kept] : kept;
  }

  told(seat: Seat, output: Output, now: number): void {
    if (seat.name === this.#name) {
      this.#add(now, `${seat.name} told: ${this.#describe(output)}`);
    } else if ("member" in output && this.#nameOf(output.member.id) === this.#name) {
      this.#add(now, `${labelOf(seat)} told: ${this.#describe(output)}`);
    }
  }

  signed(seat: Seat, type: StatementKind, body: Uint8Array, now: number): void {
    if (type !== "accusation") {
      if (seat.name === this.#name) this.#add(now, `${labelOf(seat)} signed a ${describeNote(body)}`);
      return;
    }
    const accusation = parseAccusation(body);
    const accused = accusation ? this.#nameOf(accusation.accused) : "(unreadable)";
    if (seat.name !== this.#name && accused !== this.#name) return;
    const where = accusation ? ` on ring ${accusation.ring} at epoch ${accusation.epoch}` : "";
    this.#add(now, `${labelOf(seat)} signed an accusation of ${accused}${where}`);
  }

  threw(seat: Seat, error: unknown, now: number): void {
    if (seat.name === this.#name) this.#add(now, `${seat.name} threw ${String(error)}`);
  }

  happened(event: SimEvent, now: number): void {
    if (event.kind === "network") this.#add(now, `network: ${event.what}`);
    else if (event.seat.name === this.#name) {
      this.#add(now, `${event.seat.name} ${event.kind}${event.kind === "clock-skewed" ? ` by ${event.ms} ms` : ""}`);
    }
  }

  #describe(output: Output): string {
    switch (output.kind) {
      case "joined":
      case "suspected":
      case "rebutted":
      case "updated":
      case "left":
        return `${output.kind} ${this.#nameOf(output.member.id)} (epoch ${output.member.epoch})`;
      case "failed":
        return `failed ${this.#nameOf(output.member.id)} (epoch ${output.member.epoch}, ${output.reason})`;
      case "rejected":
        return `rejected ${output.what} of ${output.from ? this.#nameOf(output.from) : "nobody"}: ${output.reason}`;
      case "isolated":
        return `isolated (${output.reason})`;
      case "alarm":
        return `alarm ${output.what}`;
      case "save":
        return `save mark ${output.mark}`;
      default:
        return output.kind;
    }
  }

  #nameOf(id: MemberId): string {
    const known = this.#names.get(id);
    if (known !== undefined) return known;
    this.#names = new Map(this.#members().map((seat) => [seat.id, seat.name]));
    return this.#names.get(id) ?? id.slice(0, 8);
  }

  #add(at: number, text: string): void {
    this.#lines.push({ at, text });
    if (this.#lines.length < 2 * TRACE_LINES_MAX) return;
    this.#lines = this.#lines.slice(-TRACE_LINES_MAX);
    this.#dropped += TRACE_LINES_MAX;
  }
}

function labelOf(seat: Seat): string {
  return seat.isCorrect ? seat.name : `${seat.name} (Byzantine)`;
}

function describeNote(body: Uint8Array): string {
  const note = parseNote(body);
  if (!note) return "note (unreadable)";
  const enabled = note.mask.reduce((sum, byte) => sum + ones(byte), 0);
  return `${note.leaving ? "last " : ""}note: epoch ${note.epoch}, ${enabled} rings enabled`;
}

function ones(byte: number): number {
  let count = 0;
  for (let rest = byte; rest > 0; rest >>>= 1) count += rest & 1;
  return count;
}
