/**
 * What a metric is: a name by Prometheus' conventions (base units, `_total` for counters), what it counts, its labels, and how it
 * is read from a source when somebody asks. Nothing is counted for the sake of metrics but what no source has.
 */

export type Labels = Readonly<Record<string, string>>;

/** One value, with a label for each name that the metric has. */
export interface Sample {
  readonly value: number;
  readonly labels?: Labels;
}

/** How values are spread. */
export interface Spread {
  /** Upper bounds of the classes, ascending. */
  readonly bounds: readonly number[];
  /** How many were at most each bound and more than the one before; last those beyond. */
  readonly counts: readonly number[];
  readonly sum: number;
  readonly labels?: Labels;
}

interface Named {
  /** "fireflies_..." */
  readonly name: string;
  /** One sentence. */
  readonly help: string;
  readonly labels?: readonly string[];
}

/** Of one value, or of some with labels. */
export interface ValueDefinition<Source> extends Named {
  /** A counter only rises while its process lives. */
  readonly kind: "counter" | "gauge";
  /** Undefined: there is no such thing now, and the metric is left out. */
  readonly read: (source: Source) => number | readonly Sample[] | undefined;
}

export interface HistogramDefinition<Source> extends Named {
  readonly kind: "histogram";
  readonly read: (source: Source) => readonly Spread[];
}

export type Definition<Source> = ValueDefinition<Source> | HistogramDefinition<Source>;

/** The values of a record as samples of one label, by its keys. */
export function byKey(label: string, values: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(values).map(([key, value]) => ({ value, labels: { [label]: key } }));
}

/** What a definition reads, as samples: none when there is no such thing now. */
export function samplesOf(read: number | readonly Sample[] | undefined): readonly Sample[] {
  if (read === undefined) return [];
  return typeof read === "number" ? [{ value: read }] : read;
}
