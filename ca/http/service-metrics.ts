/** What the authority's service measures of itself. Names are stable: dashboards and alarms hang on them. */
import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import { validityOfCertificate } from "../../identity/index.js";
import type { CertificateAuthority } from "../authority.js";
import type { Decision } from "../options.js";
import type { Counts } from "../store/store.js";
import { Counter, Gauge, Histogram, type Metric, metricsText } from "./metrics.js";

/** Seconds: from a look-up in memory to the deadline of a call. */
const DURATION_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;
/** Milliseconds between two looks at the event loop. */
const LOOP_RESOLUTION_MS = 20;

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
  readonly #decisions = new Counter({ name: "fireflies_ca_decisions_total", help: "Decisions by kind and reason." });
  readonly #requests = new Counter({ name: "fireflies_ca_requests_total", help: "Requests by route and status." });
  readonly #durations = new Histogram(
    { name: "fireflies_ca_request_seconds", help: "Time from the first byte of a request to its answer." },
    DURATION_BOUNDS,
  );
  readonly #closedConnections = new Counter({
    name: "fireflies_ca_closed_connections_total",
    help: "Connections that were closed on their callers, by reason.",
  });
  readonly #loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  #counts: Counts | undefined;
  #connections: () => number = () => 0;

  constructor(authority: CertificateAuthority) {
    this.#authority = authority;
    this.#loop.enable();
  }

  /** How many connections are open is asked when the page is made. */
  watchConnections(count: () => number): void {
    this.#connections = count;
  }

  decided(decision: Decision): void {
    const { kind } = decision;
    const reason = "how" in decision ? decision.how : "code" in decision ? decision.code : "";
    this.#decisions.add(reason === "" ? { kind } : { kind, reason });
  }

  answered({ method, route, status, milliseconds }: RequestRecord): void {
    this.#requests.add({ method, route, status: String(status) });
    this.#durations.observe({ route }, milliseconds / 1_000);
  }

  closedConnection(reason: string): void {
    this.#closedConnections.add({ reason });
  }

  /** The whole page. What the store counts is left out when it does not answer. */
  async page(): Promise<string> {
    this.#counts = await this.#authority.counts().catch(() => undefined);
    return metricsText(this.#metrics());
  }

  close(): void {
    this.#loop.disable();
  }

  #metrics(): readonly Metric[] {
    return [
      this.#decisions,
      this.#requests,
      this.#durations,
      this.#closedConnections,
      gauge("fireflies_ca_connections", "Connections that are open.", this.#connections),
      gauge("fireflies_ca_principals", "Names that were admitted.", () => this.#counts?.principals),
      gauge("fireflies_ca_certificates", "Certificates on record.", () => this.#counts?.certificates),
      gauge(
        "fireflies_ca_valid_certificates",
        "Certificates not past their end.",
        () => this.#counts?.validCertificates,
      ),
      gauge("fireflies_ca_open_tokens", "Tokens neither used nor expired.", () => this.#counts?.tokens),
      gauge("fireflies_ca_revocations", "Revocations in force.", () => this.#counts?.revocations),
      gauge("fireflies_ca_store_up", "1 when the store answers.", () => (this.#counts === undefined ? 0 : 1)),
      gauge("fireflies_ca_issuer_expires_seconds", "End of the issuing certificate, unix time.", () =>
        endOf(this.#authority.issuer),
      ),
      gauge("fireflies_ca_root_expires_seconds", "End of the root certificate, unix time.", () =>
        endOf(this.#authority.root),
      ),
      gauge("process_resident_memory_bytes", "Resident memory.", () => process.memoryUsage.rss()),
      gauge("process_cpu_seconds_total", "Processor time of user and system.", cpuSeconds),
      gauge("process_uptime_seconds", "Since the process began.", () => performance.now() / 1_000),
      gauge("nodejs_eventloop_lag_p99_seconds", "How late the event loop is.", () => this.#lagSeconds()),
    ];
  }

  #lagSeconds(): number {
    const lag = this.#loop.percentile(99) / 1e9;
    this.#loop.reset();
    return lag;
  }
}

function gauge(name: string, help: string, read: () => number | undefined): Gauge {
  return new Gauge({ name, help }, read);
}

function endOf(certificate: Uint8Array): number | undefined {
  const validity = validityOfCertificate(certificate);
  return validity && validity.notAfter / 1_000;
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
