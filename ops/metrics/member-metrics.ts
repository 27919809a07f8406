/** The metrics of a running member, for Prometheus. Between pages it does nothing but count the changes of the view. */
import { MEMBER_DEFINITIONS, type MemberState } from "./member-definitions.js";
import type { MemberSource } from "./member-source.js";
import { MemberStates } from "./member-states.js";
import { MetricsPage, type Page, type PageOptions } from "./page.js";

export class MemberMetrics {
  readonly #states: MemberStates;
  readonly #page: MetricsPage<MemberState>;

  /** `member`: a `Client` that has started. With `ofProcess` also what the process itself uses. */
  constructor(member: MemberSource, options: PageOptions = {}) {
    this.#states = new MemberStates(member);
    this.#page = new MetricsPage(MEMBER_DEFINITIONS, () => this.#states.now, options);
  }

  /** In Prometheus' text format, or as OpenMetrics when the request's header `accept` names that. */
  page(accept?: string): Promise<Page> {
    return this.#page.page(accept);
  }

  /** Counts no changes any more. */
  close(): void {
    this.#states.close();
  }
}
