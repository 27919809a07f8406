/** How many changes of the view there were, by kind and reason: read from the feed of changes, as any program reads it. */
import type { Sample } from "./definition.js";
import type { MemberChange } from "./member-source.js";

/** In place of a reason, for changes that have none. */
const NONE = "none";
/** Changes that this reader was too slow for: all that is known of them is how many they were. */
const UNSEEN = "dropped";

export class ChangeCounts {
  readonly #counts = new Map<string, { readonly labels: Readonly<Record<string, string>>; value: number }>();

  add({ kind, reason = NONE, count = 1 }: MemberChange): void {
    const key = `${kind} ${reason}`;
    const known = this.#counts.get(key);
    const added = kind === UNSEEN ? count : 1;
    if (known) known.value += added;
    else this.#counts.set(key, { labels: { kind, reason }, value: added });
  }

  /** Reads until the feed ends. It begins with the members that are there: what came before `since`, unix milliseconds, is no change. */
  async follow(changes: AsyncIterable<MemberChange>, since: number): Promise<void> {
    for await (const change of changes) if (change.at >= since) this.add(change);
  }

  get samples(): readonly Sample[] {
    return [...this.#counts.values()].map(({ labels, value }) => ({ labels, value }));
  }
}
