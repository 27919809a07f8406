/** The trace of members: what happened to them, what they told and signed, and what others told and signed about them. */
import { type Output, parseAccusation, parseNote } from "../../gossip/index.js";
import type { MemberId } from "../../rings/index.js";
import type { Seat, SimEvent, StatementKind, Watcher } from "../actor.js";

export interface TraceLine {
  /** Virtual milliseconds. */
  readonly at: number;
  readonly text: string;
}

/** Lines kept: the last ones, since a violation ends the story that it belongs to. */
const TRACE_LINES_MAX = 400;

type Line = { -readonly [K in keyof TraceLine]: TraceLine[K] };

export class Trace implements Watcher {
  readonly #traced: ReadonlySet<string>;
  readonly #members: () => readonly Seat[];
  #lines: Line[] = [];
  #rejecting: { readonly seat: Seat; readonly line: Line; readonly counts: Map<string, number> } | undefined;
  #dropped = 0;
  #names: ReadonlyMap<MemberId, string> = new Map();

  /** Names of members, such as "m3". */
  constructor(names: readonly string[], members: () => readonly Seat[]) {
    this.#traced = new Set(names);
    this.#members = members;
  }

  /** In their order. The first says how many earlier ones were dropped, if any were. */
  lines(): TraceLine[] {
    const kept: TraceLine[] = this.#lines.slice(-TRACE_LINES_MAX);
    const dropped = this.#dropped + this.#lines.length - kept.length;
    const first = kept[0];
    return dropped > 0 && first ? [{ at: first.at, text: `(${dropped} earlier lines left out)` }, ...kept] : kept;
  }

  told(seat: Seat, output: Output, now: number): void {
    const isOwn = this.#traced.has(seat.name);
    if (output.kind === "rejected") {
      if (isOwn) this.#reject(seat, output, now);
    } else if (isOwn || ("member" in output && this.#traced.has(this.#nameOf(output.member.id)))) {
      this.#add(now, `${labelOf(seat)} told: ${this.#describe(output)}`);
    }
  }

  signed(seat: Seat, type: StatementKind, body: Uint8Array, now: number): void {
    if (type !== "accusation") {
      const what = type === "interest" ? "statement of its interests" : describeNote(body);
      if (this.#traced.has(seat.name)) this.#add(now, `${labelOf(seat)} signed a ${what}`);
      return;
    }
    const accusation = parseAccusation(body);
    const accused = accusation ? this.#nameOf(accusation.accused) : "(unreadable)";
    if (!this.#traced.has(seat.name) && !this.#traced.has(accused)) return;
    const where = accusation ? ` on ring ${accusation.ring} at epoch ${accusation.epoch}` : "";
    this.#add(now, `${labelOf(seat)} signed an accusation of ${accused}${where}`);
  }

  threw(seat: Seat, error: unknown, now: number): void {
    if (this.#traced.has(seat.name)) this.#add(now, `${seat.name} threw ${String(error)}`);
  }

  happened(event: SimEvent, now: number): void {
    if (event.kind === "network") this.#add(now, `network: ${event.what}`);
    else if (event.kind === "issuer-retired") this.#add(now, "authority: an issuing certificate is retired");
    else if (this.#traced.has(event.seat.name)) {
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

  /** One line for many in a row: under a flood there are thousands. */
  #reject(seat: Seat, { what, reason }: Extract<Output, { kind: "rejected" }>, now: number): void {
    const last = this.#rejecting;
    const key = `${what}: ${reason}`;
    if (last?.seat === seat && last.line === this.#lines.at(-1)) {
      last.counts.set(key, (last.counts.get(key) ?? 0) + 1);
      const counts = [...last.counts].map(([each, count]) => (count > 1 ? `${each} (${count} times)` : each));
      last.line.text = `${labelOf(seat)} told: rejected ${counts.join(", ")}`;
      return;
    }
    const line = this.#add(now, `${labelOf(seat)} told: rejected ${key}`);
    this.#rejecting = { seat, line, counts: new Map([[key, 1]]) };
  }

  #add(at: number, text: string): Line {
    const line = { at, text };
    this.#lines.push(line);
    if (this.#lines.length >= 2 * TRACE_LINES_MAX) {
      this.#lines = this.#lines.slice(-TRACE_LINES_MAX);
      this.#dropped += TRACE_LINES_MAX;
    }
    return line;
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
