/** What a server has done, as figures. */
import type { AddressSpace } from "../spaces.js";

/** Since the server was made; `waiting` and `pairs` are of now. */
export interface RdvMetrics {
  /** Clients in the lobby. */
  readonly waiting: number;
  /** Pairs whose handler is at work. */
  readonly pairs: number;
  /** Requests that were understood. */
  readonly requests: number;
  /** Refusals by status, also those of the lobby. */
  readonly refused: Readonly<Record<string, number>>;
  /** Clients that left the lobby by themselves. */
  readonly left: number;
  /** Pairs that met here. */
  readonly met: number;
  /** Pairs that then met directly, by the space of the address at which they did; "unknown" when none was told. */
  readonly direct: Readonly<Partial<Record<AddressSpace | "unknown", number>>>;
  /** Pairs whose bytes were relayed to an end. */
  readonly relayed: number;
  /** Relayed so far: bytes from diallers, and from accepters. */
  readonly dialerBytes: number;
  readonly accepterBytes: number;
}

type Counted = Exclude<keyof RdvMetrics, "waiting" | "pairs" | "refused" | "direct">;

export class Figures {
  readonly #counts: Record<Counted, number> = {
    requests: 0,
    left: 0,
    met: 0,
    relayed: 0,
    dialerBytes: 0,
    accepterBytes: 0,
  };
  readonly #refused: Record<string, number> = {};
  readonly #direct: Partial<Record<AddressSpace | "unknown", number>> = {};

  add(name: Counted, by = 1): void {
    this.#counts[name] += by;
  }

  refused(status: number): void {
    this.#refused[status] = (this.#refused[status] ?? 0) + 1;
  }

  direct(space: AddressSpace | "unknown"): void {
    this.#direct[space] = (this.#direct[space] ?? 0) + 1;
  }

  read(now: Pick<RdvMetrics, "waiting" | "pairs">): RdvMetrics {
    return { ...now, ...this.#counts, refused: { ...this.#refused }, direct: { ...this.#direct } };
  }
}
