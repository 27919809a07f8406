/** What members told in a while, as lines: one for each kind and member told of, with who told it and when. */
import type { Output } from "../../../gossip/index.js";
import type { Seat, Watcher } from "../../../sim/index.js";

const KINDS = ["joined", "suspected", "rebutted", "updated", "left", "failed", "isolated", "ready", "alarm"] as const;
type Kind = (typeof KINDS)[number];

interface Entry {
  readonly what: string;
  readonly by: string[];
  readonly first: number;
  last: number;
}

export class Diary implements Watcher {
  readonly #nameOf: (id: string) => string;
  #entries = new Map<string, Entry>();

  constructor(nameOf: (id: string) => string) {
    this.#nameOf = nameOf;
  }

  told(seat: Seat, output: Output, now: number): void {
    if (!(KINDS as readonly string[]).includes(output.kind)) return;
    const what = this.#what(output as Extract<Output, { kind: Kind }>);
    const entry = this.#entries.get(what) ?? { what, by: [], first: now, last: now };
    entry.by.push(seat.name);
    entry.last = now;
    this.#entries.set(what, entry);
  }

  /** What was told since the last time, in the order in which it was first told. */
  take(): string[] {
    const lines = [...this.#entries.values()].map(({ what, by, first, last }) => {
      const span = seconds(first) === seconds(last) ? seconds(first) : `${seconds(first)}-${seconds(last)}`;
      return `${span} s: ${what} (${[...new Set(by)].sort(byNumber).join(" ")})`;
    });
    this.#entries = new Map();
    return lines;
  }

  #what(output: Extract<Output, { kind: Kind }>): string {
    if (output.kind === "isolated") return `isolated: ${output.reason}`;
    if (output.kind === "alarm") return `alarm: ${output.what}`;
    if (output.kind === "ready") return "ready";
    const name = this.#nameOf(output.member.id);
    return output.kind === "failed" ? `${name} failed: ${output.reason}` : `${name} ${output.kind}`;
  }
}

/** m2 before m10. */
export function byNumber(a: string, b: string): number {
  return Number(a.slice(1)) - Number(b.slice(1));
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(2);
}
