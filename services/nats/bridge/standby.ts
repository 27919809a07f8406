/**
 * What other bridges are to bring to NATS: held, and not acknowledged, until it was seen there with the data that it has. What
 * is not seen in time this bridge brings itself: another bridge delays a message, and swallows none.
 */
import { sha256Hex } from "../../../identity/index.js";
import type { Leaving } from "./exporter.js";
import { type Headers, MARK, MESSAGE_ID } from "./marks.js";

/** Milliseconds until what was not seen in NATS is brought by this bridge: longer than a busy bridge takes. */
export const OVERDUE_MS = 10_000;
/** Messages of which it is remembered that they were seen before they came to be held here. */
const SEEN_MAX = 16_384;

interface Kept {
  readonly leaving: Leaving;
  /** Since when NATS has been there to see it in, monotonic milliseconds. */
  since: number;
}

/** What others have brought, as NATS hands it out. */
export interface Seen {
  readonly subject: string;
  readonly headers: Headers;
  readonly data: Uint8Array;
}

export class Standby {
  readonly #now: () => number;
  readonly #kept = new Map<string, Kept>();
  readonly #seen = new Map<string, string>();

  /** Monotonic milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Messages that are held. */
  get size(): number {
    return this.#kept.size;
  }

  /** One that was seen already is held by NATS at once; one that is handed out again is held once for both. */
  keep(leaving: Leaving): void {
    if (this.#seen.get(leaving.id) === printOf(leaving)) {
      leaving.held();
      return;
    }
    const known = this.#kept.get(leaving.id);
    const held = known && (() => [known.leaving, leaving].map((each) => each.held()));
    this.#kept.set(leaving.id, {
      leaving: held ? { ...known.leaving, held } : leaving,
      since: known?.since ?? this.#now(),
    });
  }

  /** It is in NATS. One of this id with other data, or of another author, is another message: it counts for nothing. */
  saw(message: Seen): void {
    // Log and number; a bridge that found another message under them adds an end of its own.
    const id = message.headers[MESSAGE_ID]?.split(":").slice(0, 2).join(":");
    if (id === undefined) return;
    const print = printOf(message);
    const kept = this.#kept.get(id)?.leaving;
    if (kept !== undefined && printOf(kept) === print) {
      this.#kept.delete(id);
      kept.held();
    } else if (kept === undefined) this.#remember(id, print);
  }

  /** Those whose topic is this bridge's now, in order; they are kept no more. */
  take(isMine: (topic: string) => boolean): readonly Leaving[] {
    const mine = new Map<string, boolean>();
    return this.#takeAll(({ leaving: { topic } }) => {
      const answer = mine.get(topic) ?? isMine(topic);
      mine.set(topic, answer);
      return answer;
    });
  }

  /** Those that were not seen in time, in order; they are kept no more. */
  overdue(): readonly Leaving[] {
    const before = this.#now() - OVERDUE_MS;
    return this.#takeAll(({ since }) => since <= before);
  }

  /** NATS was away, and is there: only now the others can bring what waits. */
  restart(): void {
    for (const kept of this.#kept.values()) kept.since = this.#now();
  }

  #takeAll(isTaken: (kept: Kept) => boolean): readonly Leaving[] {
    const taken = [...this.#kept].filter(([, kept]) => isTaken(kept));
    for (const [id] of taken) this.#kept.delete(id);
    return taken.map(([, { leaving }]) => leaving);
  }

  #remember(id: string, print: string): void {
    this.#seen.delete(id);
    this.#seen.set(id, print);
    if (this.#seen.size > SEEN_MAX) this.#seen.delete(this.#seen.keys().next().value as string);
  }
}

/** By this two messages are one: where it goes, who wrote it, and what. */
export function printOf({ subject, headers, data }: Seen): string {
  const author = [MARK.author, MARK.log, MARK.sequence, MARK.first].map((name) => headers[name] ?? "");
  return [subject, ...author, sha256Hex(data)].join(" ");
}
