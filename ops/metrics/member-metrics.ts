/** The metrics of a running member, for Prometheus. Between pages it does nothing but count the changes of the view. */
import { ChangeCounts } from "./change-counts.js";
import { MEMBER_DEFINITIONS, type MemberState } from "./member-definitions.js";
import type { MemberSource } from "./member-source.js";
import { MetricsPage, type Page, type PageOptions } from "./page.js";

export class MemberMetrics {
  readonly #counts = new ChangeCounts();
  readonly #closing = new AbortController();
  readonly #page: MetricsPage<MemberState>;

  /** `member`: a `Client` that has started. With `ofProcess` also what the process itself uses. */
  constructor(member: MemberSource, options: PageOptions = {}) {
    const state = () => ({
      ...{ info: member.info(), topics: member.topics(), traffic: member.traffic() },
      changes: this.#counts.samples,
    });
    this.#page = new MetricsPage(MEMBER_DEFINITIONS, state, options);
    const changes = member.changes({ signal: this.#closing.signal });
    void this.#counts.follow(changes, Date.now());
  }

  /** In Prometheus' text format, or as OpenMetrics when the request's header `accept` names that. */
  page(accept?: string): Promise<Page> {
    return this.#page.page(accept);
  }

  /** Counts no changes any more. */
  close(): void {
    this.#closing.abort();
  }
}
