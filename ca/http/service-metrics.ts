/** What the authority's service measures of itself, with the page of metrics that all of ours have. */
import { validityOfCertificate } from "../../identity/index.js";
import { missing } from "../../identity/optional.js";
import { LabelCounts, LabelSpreads } from "../../ops/metrics/counting.js";
import type { MetricsPage, Page } from "../../ops/metrics/page.js";
import type { CertificateAuthority } from "../authority.js";
import type { Decision } from "../options.js";
import { AUTHORITY_DEFINITIONS, type AuthorityState } from "./authority-definitions.js";

/** Seconds: from a look-up in memory to the deadline of a call. */
const DURATION_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;
/** In place of a reason, for decisions that have none. */
const NONE = "none";

/** One answered request. No address and no name in it goes into labels. */
export interface RequestRecord {
  readonly method: string;
  /** The pattern of the route, never the path that was asked for; "none" when there is no such route. */
  readonly route: string;
  readonly status: number;
  readonly milliseconds: number;
  /** Of the caller. */
  readonly address: string;
  /** Member id of the caller, when it proved one. */
  readonly caller: string | undefined;
  /** And its name, if its certificate has one. */
  readonly name: string | undefined;
  /** Of the answer, when it is a failure. */
  readonly code: string | undefined;
}

export class ServiceMetrics {
  readonly #authority: CertificateAuthority;
  readonly #decisions = new LabelCounts();
  readonly #requests = new LabelCounts();
  readonly #durations = new LabelSpreads(DURATION_BOUNDS);
  readonly #closedConnections = new LabelCounts();
  #page: Promise<MetricsPage<AuthorityState>> | undefined;
  #connections: () => number = () => 0;
  /** Read for the page that is being made. */
  #state: AuthorityState | undefined;

  constructor(authority: CertificateAuthority) {
    this.#authority = authority;
  }

  /** How many connections are open is asked when the page is made. */
  watchConnections(count: () => number): void {
    this.#connections = count;
  }

  decided(decision: Decision): void {
    const reason = "how" in decision ? decision.how : "code" in decision ? decision.code : NONE;
    this.#decisions.add({ kind: decision.kind, reason });
  }

  answered({ method, route, status, milliseconds }: RequestRecord): void {
    this.#requests.add({ method, route, status: String(status) });
    this.#durations.observe({ route }, milliseconds / 1_000);
  }

  closedConnection(reason: string): void {
    this.#closedConnections.add({ reason });
  }

  /**
   * The whole page, in the format that `accept` names. What the store counts is left out when it does not answer. Rejects with
   * "package-missing" where prom-client is not installed.
   */
  async page(accept?: string): Promise<Page> {
    this.#page ??= this.#makePage();
    const page = await this.#page;
    this.#state = await this.#read();
    return await page.page(accept);
  }

  async #makePage(): Promise<MetricsPage<AuthorityState>> {
    const { MetricsPage: Made } = await import("../../ops/metrics/page.js").catch(
      missing("prom-client", "An authority that tells metrics"),
    );
    return new Made(AUTHORITY_DEFINITIONS, () => this.#state!, { ofProcess: true });
  }

  async #read(): Promise<AuthorityState> {
    const { issuer, root } = this.#authority;
    return {
      counts: await this.#authority.counts().catch(() => undefined),
      ...{ decisions: this.#decisions.samples, requests: this.#requests.samples },
      ...{ durations: this.#durations.spreads, closedConnections: this.#closedConnections.samples },
      ...{ connections: this.#connections(), issuerEnds: endOf(issuer), rootEnds: endOf(root) },
      uptimeSeconds: performance.now() / 1_000,
    };
  }
}

/** Unix seconds. */
function endOf(certificate: Uint8Array): number | undefined {
  const validity = validityOfCertificate(certificate);
  return validity && validity.notAfter / 1_000;
}
