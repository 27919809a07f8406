/**
 * Responders whose link was lost: for some seconds their handlers go on, since their callers may ask again over another link.
 * Then each request is handled once, and its answer is the one that was on its way.
 */
import type { MemberId } from "../../rings/index.js";
import type { Responder } from "./responder.js";

/** A caller that has another path is back by then, milliseconds: a dial through relays takes half a second. */
export const LOST_MS = 5_000;
/** Lost links of one member, and of all: each holds a few answers. */
const PER_MEMBER_MAX = 8;
const LINKS_MAX = 256;

interface Lost {
  readonly responder: Responder;
  readonly timer: NodeJS.Timeout;
}

export class LostLinks {
  readonly #byMember = new Map<MemberId, Map<string, Lost>>();
  #count = 0;

  /** `link`: its nonce, 64 hex digits. */
  add(id: MemberId, link: string, responder: Responder): void {
    const links = this.#byMember.get(id) ?? new Map<string, Lost>();
    this.#byMember.set(id, links);
    const timer = setInterval(() => {
      // Its handlers have deadlines, and so this ends.
      if (!responder.isAskedAgain) this.#end(id, link);
    }, LOST_MS);
    timer.unref();
    links.set(link, { responder, timer });
    this.#count += 1;
    const [oldest] = links.keys();
    if (links.size > PER_MEMBER_MAX && oldest !== undefined) this.#end(id, oldest);
    if (this.#count > LINKS_MAX) this.#endOldest();
  }

  get(id: MemberId, link: string): Responder | undefined {
    return this.#byMember.get(id)?.get(link)?.responder;
  }

  /** Runs a handler for this member, who may ask again? */
  isOpen(id: MemberId): boolean {
    return [...(this.#byMember.get(id)?.values() ?? [])].some(({ responder }) => responder.open > 0);
  }

  /** Runs a handler at all? */
  get isBusy(): boolean {
    return this.#all.some((responder) => responder.open > 0);
  }

  /** Resolves when all handlers have answered, or have been ended. */
  async idle(): Promise<void> {
    await Promise.all(this.#all.map((responder) => responder.idle()));
  }

  /** Ends what still runs. How many handlers that cuts. */
  cut(): number {
    return this.#all.reduce((sum, responder) => sum + responder.cut(), 0);
  }

  get #all(): readonly Responder[] {
    return [...this.#byMember.values()].flatMap((links) => [...links.values()].map(({ responder }) => responder));
  }

  /** The member has left the view: nobody asks again. */
  endAll(id: MemberId): void {
    for (const link of [...(this.#byMember.get(id)?.keys() ?? [])]) this.#end(id, link);
  }

  close(): void {
    for (const id of [...this.#byMember.keys()]) this.endAll(id);
  }

  #endOldest(): void {
    for (const [id, links] of this.#byMember) {
      const [oldest] = links.keys();
      if (oldest !== undefined) this.#end(id, oldest);
      return;
    }
  }

  #end(id: MemberId, link: string): void {
    const links = this.#byMember.get(id);
    const lost = links?.get(link);
    if (!links || !lost) return;
    clearInterval(lost.timer);
    links.delete(link);
    this.#count -= 1;
    if (links.size === 0) this.#byMember.delete(id);
    lost.responder.release();
  }
}
