/** What the metrics of a member are read from, at once when somebody asks. Between that it counts the changes of the view. */
import { ChangeCounts } from "./change-counts.js";
import type { MemberState } from "./member-definitions.js";
import type { MemberSource } from "./member-source.js";

export class MemberStates {
  readonly #member: MemberSource;
  readonly #counts = new ChangeCounts();
  readonly #closing = new AbortController();

  /** `member` has started. */
  constructor(member: MemberSource) {
    this.#member = member;
    const changes = member.changes({ signal: this.#closing.signal });
    void this.#counts.follow(changes, Date.now());
  }

  get now(): MemberState {
    const member = this.#member;
    return {
      ...{ info: member.info(), topics: member.topics(), traffic: member.traffic() },
      changes: this.#counts.samples,
    };
  }

  close(): void {
    this.#closing.abort();
  }
}
