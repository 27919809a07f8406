/**
 * What a metric is: a name by Prometheus' conventions (base units, `_total` for counters), what it counts, its labels, and how it
 * is read from a source when somebody asks. Nothing is counted for the sake of metrics but what no source has.
 */

/** One value, with a label for each name that the metric has. */
export interface Sample {
  readonly value: number;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface Definition<Source> {
  /** "fireflies_..." */
  readonly name: string;
  /** One sentence. */
  readonly help: string;
  /** A counter only rises while its process lives. */
  readonly kind: "counter" | "gauge";
  readonly labels?: readonly string[];
  /** Undefined: there is no such thing now, and the metric is left out. */
  readonly read: (source: Source) => number | readonly Sample[] | undefined;
}

/** The values of a record as samples of one label, by its keys. */
export function byKey(label: string, values: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(values).map(([key, value]) => ({ value, labels: { [label]: key } }));
}
