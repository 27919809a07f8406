/** A member without a network whose view a test changes: what the feed of an agent is made of. */
import type { Change, Member } from "../../client/types.js";
import { FakeAgentClient, idOf, member } from "./fake-agent-client.js";

export class FeedClient extends FakeAgentClient {
  readonly #waiting: Change[] = [];
  #wake = () => {};
  #isOver = false;

  constructor() {
    super();
    this.list = [member("a", { name: "ann", since: 1 }), member("b", { name: "bob", since: 1 })];
  }

  /** The view changes. */
  tell(change: Change): void {
    this.#waiting.push(change);
    this.#wake();
  }

  joins(digits: string, at: number, more: Partial<Member> = {}): void {
    const joined = member(digits, { since: at, ...more });
    this.list = [...this.list, joined];
    this.tell({ kind: "joined", member: joined, at });
  }

  fails(digits: string, at: number): void {
    const id = idOf(digits);
    const failed = this.list.find((each) => each.id === id)!;
    this.list = this.list.filter((each) => each !== failed);
    this.gone = [{ member: failed, reason: "removed", at }, ...this.gone];
    this.tell({ kind: "failed", member: failed, reason: "removed", at });
  }

  ends(): void {
    this.#isOver = true;
    this.#wake();
  }

  override async *changes(): AsyncGenerator<Change> {
    for (const each of this.list) yield { kind: "joined", member: each, at: each.since };
    for (;;) {
      const next = this.#waiting.shift();
      if (next !== undefined) yield next;
      else if (this.#isOver) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}
