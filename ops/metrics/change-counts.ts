/** How many changes of the view there were, by kind and reason: read from the feed of changes, as any program reads it. */
import { LabelCounts } from "./counting.js";
import type { Sample } from "./definition.js";
import type { MemberChange } from "./member-source.js";

/** In place of a reason, for changes that have none. */
const NONE = "none";
/** Changes that this reader was too slow for: all that is known of them is how many they were. */
const UNSEEN = "dropped";

export class ChangeCounts {
  readonly #counts = new LabelCounts();

  add({ kind, reason = NONE, count = 1 }: MemberChange): void {
    this.#counts.add({ kind, reason }, kind === UNSEEN ? count : 1);
  }

  /** Reads until the feed ends. It begins with the members that are there: what came before `since`, unix milliseconds, is no change. */
  async follow(changes: AsyncIterable<MemberChange>, since: number): Promise<void> {
    for await (const change of changes) if (change.at >= since) this.add(change);
  }

  get samples(): readonly Sample[] {
    return this.#counts.samples;
  }
}
