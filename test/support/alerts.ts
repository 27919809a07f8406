/** The alert rules of deploy/, as tests and the documents read them. */
import { parse } from "yaml";
import { read } from "./tree.js";

export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  /** Prometheus' duration; undefined for at once. */
  readonly after: string | undefined;
  readonly severity: string;
  readonly summary: string;
  readonly action: string;
}

interface Written {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly action: string };
}

export function alertRules(): readonly AlertRule[] {
  const { groups } = parse(read("deploy/prometheus/rules.yml")) as { groups: { rules: Written[] }[] };
  return groups
    .flatMap(({ rules }) => rules)
    .map(({ alert, expr, for: after, labels, annotations }) => ({ alert, expr, after, ...labels, ...annotations }));
}
