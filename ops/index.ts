/**
 * Metrics and health of a member, for Prometheus and for probes. Public as `fireflies/ops`. It imports nothing of ours: what it
 * reads is said by the shape of a `Client`. prom-client is loaded with it.
 */
export { type Health, type HealthSource, type ReadinessFacts, readiness, readinessOf } from "./health/readiness.js";
export { LabelCounts, LabelSpreads } from "./metrics/counting.js";
export {
  byKey,
  type Definition,
  type HistogramDefinition,
  type Labels,
  type Sample,
  type Spread,
  type ValueDefinition,
} from "./metrics/definition.js";
export { MEMBER_DEFINITIONS, type MemberState } from "./metrics/member-definitions.js";
export { MemberMetrics } from "./metrics/member-metrics.js";
export type {
  MemberChange,
  MemberInfo,
  MemberSource,
  Tally,
  TallyByName,
  TopicState,
  TrafficState,
  Ways,
} from "./metrics/member-source.js";
export { MetricsPage, type Page, type PageOptions } from "./metrics/page.js";
