/** The metrics of an authority's service. Names are stable: dashboards and alarms hang on them. */
import type { Definition, Sample, Spread } from "../../ops/metrics/definition.js";
import type { Counts } from "../store/store.js";

/** What is read at once when somebody asks. */
export interface AuthorityState {
  readonly decisions: readonly Sample[];
  readonly requests: readonly Sample[];
  /** Seconds. */
  readonly durations: readonly Spread[];
  readonly closedConnections: readonly Sample[];
  readonly connections: number;
  /** Undefined when the store does not answer. */
  readonly counts: Counts | undefined;
  /** Unix seconds; undefined for what is no certificate. */
  readonly issuerEnds: number | undefined;
  readonly rootEnds: number | undefined;
  readonly uptimeSeconds: number;
}

type Metric = Definition<AuthorityState>;

function counter(
  name: string,
  help: string,
  labels: string[],
  read: (state: AuthorityState) => readonly Sample[],
): Metric {
  return { name: `fireflies_ca_${name}_total`, help, kind: "counter", labels, read };
}

function gauge(name: string, help: string, read: (state: AuthorityState) => number | undefined): Metric {
  return { name: `fireflies_ca_${name}`, help, kind: "gauge", read };
}

export const AUTHORITY_DEFINITIONS: readonly Metric[] = [
  counter("decisions", "Decisions by kind and reason.", ["kind", "reason"], ({ decisions }) => decisions),
  counter(
    "requests",
    "Requests by method, route and status.",
    ["method", "route", "status"],
    ({ requests }) => requests,
  ),
  {
    ...{ name: "fireflies_ca_request_seconds", kind: "histogram", labels: ["route"] },
    help: "Time from the first byte of a request to its answer.",
    read: ({ durations }) => durations,
  },
  counter(
    "closed_connections",
    "Connections that were closed on their callers, by reason.",
    ["reason"],
    ({ closedConnections }) => closedConnections,
  ),
  gauge("connections", "Connections that are open.", ({ connections }) => connections),
  gauge("principals", "Names that were admitted.", ({ counts }) => counts?.principals),
  gauge("certificates", "Certificates on record.", ({ counts }) => counts?.certificates),
  gauge("valid_certificates", "Certificates not past their end.", ({ counts }) => counts?.validCertificates),
  gauge("open_tokens", "Tokens neither used nor expired.", ({ counts }) => counts?.tokens),
  gauge("revocations", "Revocations in force.", ({ counts }) => counts?.revocations),
  gauge("store_up", "1 when the store answers.", ({ counts }) => (counts === undefined ? 0 : 1)),
  gauge("issuer_expires_seconds", "End of the issuing certificate, unix time.", ({ issuerEnds }) => issuerEnds),
  gauge("root_expires_seconds", "End of the root certificate, unix time.", ({ rootEnds }) => rootEnds),
  {
    ...{ name: "process_uptime_seconds", kind: "gauge", help: "Since the process began." },
    read: ({ uptimeSeconds }) => uptimeSeconds,
  },
];
