/**
 * When to punch: as soon as the best way to a member is a relayed one, then again and again with growing pauses, and anew
 * when addresses change. The side that made the relayed session begins; the other one waits for a pause first.
 */
import { FirefliesError } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";
import type { Session } from "../session/session.js";

/** After the first punch, the second and so on, milliseconds; the last one stays. NATs change seldom, and laptops move. */
const PAUSES_MS = [3_000, 10_000, 30_000, 120_000, 600_000] as const;
/** Members remembered: those that are reached through relays. */
const MEMBERS_MAX = 4_096;

export interface ImprovingOptions {
  /** As `Punches.punch`. */
  readonly punch: (over: Session) => Promise<Session>;
  /** The best session with a member now. */
  readonly best: (id: MemberId) => Session | undefined;
  /** Is there an address that I can offer, and room for a punch? It takes others to see me first. */
  readonly isReady: () => boolean;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

interface Tries {
  readonly count: number;
  /** Monotonic milliseconds. */
  readonly dueAt: number;
  readonly why: string | undefined;
}

export class Improving {
  readonly #options: ImprovingOptions;
  readonly #tries = new Map<MemberId, Tries>();
  readonly #running = new Set<MemberId>();

  constructor(options: ImprovingOptions) {
    this.#options = options;
  }

  /** The member may be reached by a relayed path alone now. `isAtOnce`: the other side knows no reason to begin. */
  consider(id: MemberId, isAtOnce = false): void {
    const { best, now } = this.#options;
    const over = best(id);
    if (over?.path.kind !== "relayed") {
      this.#tries.delete(id);
      return;
    }
    if (this.#running.has(id)) return;
    const isMine = isAtOnce || over.path.direction === "dialled";
    const tries = this.#tries.get(id) ?? { count: 0, dueAt: isMine ? now() : now() + PAUSES_MS[0], why: undefined };
    this.#remember(id, tries);
    if (now() >= tries.dueAt && this.#options.isReady()) void this.#punch(id, over, tries);
  }

  /** To be called about once a second. */
  look(): void {
    for (const id of [...this.#tries.keys()]) this.consider(id);
  }

  /** My addresses, or this member's, have changed. */
  moved(id?: MemberId): void {
    for (const each of id === undefined ? [...this.#tries.keys()] : [id]) {
      if (!this.#tries.delete(each)) continue;
      this.consider(each, id === undefined);
    }
  }

  /** Why the way to a member is no better one, from the last try. */
  whyNot(id: MemberId): string | undefined {
    return this.#tries.get(id)?.why;
  }

  async #punch(id: MemberId, over: Session, { count }: Tries): Promise<void> {
    this.#running.add(id);
    let why: string | undefined;
    try {
      await this.#options.punch(over);
    } catch (error) {
      why = error instanceof FirefliesError ? error.message : String(error);
    }
    this.#running.delete(id);
    const pause = PAUSES_MS[Math.min(count, PAUSES_MS.length - 1)]!;
    if (this.#tries.has(id)) this.#remember(id, { count: count + 1, dueAt: this.#options.now() + pause, why });
    this.consider(id);
  }

  #remember(id: MemberId, tries: Tries): void {
    this.#tries.delete(id);
    this.#tries.set(id, tries);
    const [oldest] = this.#tries.keys();
    if (this.#tries.size > MEMBERS_MAX && oldest !== undefined) this.#tries.delete(oldest);
  }
}
