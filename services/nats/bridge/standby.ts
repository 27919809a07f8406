/**
 * What other bridges are bringing to NATS: kept for a while, so that this one can go on where one of them dies. JetStream drops
 * what that one had brought already.
 */
import type { Leaving } from "./exporter.js";

/** Milliseconds: a dead bridge is out of the view before, and JetStream's window for ids is as long. */
const KEPT_MS = 110_000;
/** Bytes: as many messages as a busy topic has in that time, or fewer. */
const KEPT_BYTES = 32 * 1024 * 1024;

interface Kept {
  readonly leaving: Leaving;
  readonly at: number;
}

export class Standby {
  readonly #now: () => number;
  #kept: Kept[] = [];
  #bytes = 0;
  #forgotten = 0;

  /** Monotonic milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Messages that went before their time, for want of memory. */
  get forgotten(): number {
    return this.#forgotten;
  }

  /** False when others had to go for it before their time: they are lost if the bridge that brings them dies now. */
  keep(leaving: Leaving): boolean {
    const before = this.#forgotten;
    this.#kept.push({ leaving, at: this.#now() });
    this.#bytes += leaving.data.length;
    this.#tidy();
    return this.#forgotten === before;
  }

  /** Those whose topic is this bridge's now, in order; they are kept no more. */
  take(isMine: (topic: string) => boolean): readonly Leaving[] {
    const mine = new Map<string, boolean>();
    const taken: Leaving[] = [];
    this.#kept = this.#kept.filter(({ leaving }) => {
      const { topic } = leaving;
      const answer = mine.get(topic) ?? isMine(topic);
      mine.set(topic, answer);
      if (answer) taken.push(leaving);
      if (answer) this.#bytes -= leaving.data.length;
      return !answer;
    });
    return taken;
  }

  #tidy(): void {
    const oldest = this.#now() - KEPT_MS;
    let gone = 0;
    for (const { leaving, at } of this.#kept) {
      if (at > oldest && this.#bytes <= KEPT_BYTES) break;
      if (at > oldest) this.#forgotten += 1;
      this.#bytes -= leaving.data.length;
      gone += 1;
    }
    if (gone > 0) this.#kept.splice(0, gone);
  }
}
