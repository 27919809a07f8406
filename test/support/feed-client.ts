/** A member without a network whose view and history a test changes: what the feed of an agent is made of. */
import type { HistoryEvent, HistoryGap } from "../../client/history/event.js";
import type { Change, Member } from "../../client/types.js";
import type { MemberId } from "../../rings/index.js";
import { FakeAgentClient, idOf, member } from "./fake-agent-client.js";

/** What was put in comes out, until it ends. */
class Line<T> {
  readonly #waiting: T[] = [];
  #wake = () => {};
  #isOver = false;
  #failure: Error | undefined;

  put(value: T): void {
    this.#waiting.push(value);
    this.#wake();
  }

  /** Whoever reads now is thrown this. */
  fail(error: Error): void {
    this.#failure = error;
    this.#wake();
  }

  end(): void {
    this.#isOver = true;
    this.#wake();
  }

  async *values(): AsyncGenerator<T> {
    for (;;) {
      const next = this.#waiting.shift();
      const failure = this.#failure;
      this.#failure = undefined;
      if (failure !== undefined) throw failure;
      if (next !== undefined) yield next;
      else if (this.#isOver) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}

export class FeedClient extends FakeAgentClient {
  readonly #changes = new Line<Change>();
  readonly #history = new Line<HistoryEvent | HistoryGap>();
  #sequence = 0;

  constructor() {
    super();
    this.list = [member("a", { name: "ann", since: 1 }), member("b", { name: "bob", since: 1 })];
  }

  override member(idOrName: string) {
    return super.member(idOrName) ?? (this.self.id === idOrName ? this.self : undefined);
  }

  /** A change of a path, or that some were dropped. */
  tell(change: Change): void {
    this.#changes.put(change);
  }

  sees(event: Omit<HistoryEvent, "sequence" | "member"> & { readonly digits: string }): void {
    const { digits, ...rest } = event;
    this.#history.put({ sequence: ++this.#sequence, member: idOf(digits) as MemberId, ...rest });
  }

  misses(count: number, at: number): void {
    this.#history.put({ kind: "dropped", count, at });
  }

  joins(digits: string, at: number, more: Partial<Member> = {}): void {
    const { name } = more;
    this.list = [...this.list, member(digits, { since: at, ...more })];
    this.sees({ kind: "joined", digits, at, ...(name !== undefined && { name }) });
  }

  fails(digits: string, at: number): void {
    const failed = this.list.find(({ id }) => id === idOf(digits))!;
    this.list = this.list.filter((each) => each !== failed);
    this.gone = [{ member: failed, reason: "removed", at }, ...this.gone];
    this.sees({ kind: "removed", digits, at });
  }

  /** A source of the feed throws. */
  breaks(error: Error): void {
    this.#history.fail(error);
  }

  ends(): void {
    this.#changes.end();
    this.#history.end();
  }

  override changes(): AsyncGenerator<Change> {
    return this.#changes.values();
  }

  override history() {
    return this.#history.values();
  }
}
