/**
 * Figures for Prometheus in its text format (version 0.0.4). Written by hand: three kinds of figures and one page of
 * text, where the usual library brings tracing and quantile digests along.
 */

/** Series of one metric: labels come from tables of ours, so that more than this is a mistake. */
const SERIES_MAX = 512;

export type Labels = Readonly<Record<string, string>>;

interface Named {
  readonly name: string;
  readonly help: string;
}

/** What the page is made of. */
export interface Metric {
  lines(): readonly string[];
}

/** Rises only. */
export class Counter implements Metric {
  readonly #named: Named;
  readonly #series = new Map<string, number>();

  constructor(named: Named) {
    this.#named = named;
  }

  add(labels: Labels = {}, by = 1): void {
    const key = labelText(labels);
    const known = this.#series.get(key);
    if (known === undefined && this.#series.size >= SERIES_MAX) return;
    this.#series.set(key, (known ?? 0) + by);
  }

  lines(): readonly string[] {
    const { name } = this.#named;
    return [...head(this.#named, "counter"), ...[...this.#series].map(([key, value]) => `${name}${key} ${value}`)];
  }
}

/** A value of the moment, looked up when the page is made. */
export class Gauge implements Metric {
  readonly #named: Named;
  readonly #read: () => number | undefined;

  constructor(named: Named, read: () => number | undefined) {
    this.#named = named;
    this.#read = read;
  }

  lines(): readonly string[] {
    const value = this.#read();
    if (value === undefined) return [];
    return [...head(this.#named, "gauge"), `${this.#named.name} ${value}`];
  }
}

interface Buckets {
  readonly counts: number[];
  sum: number;
  count: number;
}

/** How values are spread: for each bound how many were at most that, cumulative. */
export class Histogram implements Metric {
  readonly #named: Named;
  readonly #bounds: readonly number[];
  readonly #series = new Map<string, { readonly labels: Labels; readonly buckets: Buckets }>();

  /** `bounds` ascending. */
  constructor(named: Named, bounds: readonly number[]) {
    this.#named = named;
    this.#bounds = bounds;
  }

  observe(labels: Labels, value: number): void {
    const buckets = this.#bucketsOf(labels);
    if (buckets === undefined) return;
    buckets.sum += value;
    buckets.count += 1;
    this.#bounds.forEach((bound, index) => {
      if (value <= bound) buckets.counts[index]! += 1;
    });
  }

  lines(): readonly string[] {
    return [
      ...head(this.#named, "histogram"),
      ...[...this.#series.values()].flatMap((each) => this.#seriesLines(each)),
    ];
  }

  #bucketsOf(labels: Labels): Buckets | undefined {
    const key = labelText(labels);
    const known = this.#series.get(key);
    if (known !== undefined) return known.buckets;
    if (this.#series.size >= SERIES_MAX) return undefined;
    const buckets = { counts: this.#bounds.map(() => 0), sum: 0, count: 0 };
    this.#series.set(key, { labels, buckets });
    return buckets;
  }

  #seriesLines({ labels, buckets }: { readonly labels: Labels; readonly buckets: Buckets }): readonly string[] {
    const { name } = this.#named;
    const bucket = (bound: string, count: number) => `${name}_bucket${labelText({ ...labels, le: bound })} ${count}`;
    const own = labelText(labels);
    return [
      ...this.#bounds.map((bound, index) => bucket(String(bound), buckets.counts[index] ?? 0)),
      bucket("+Inf", buckets.count),
      `${name}_sum${own} ${buckets.sum}`,
      `${name}_count${own} ${buckets.count}`,
    ];
  }
}

/** The page: text/plain; version=0.0.4. */
export function metricsText(metrics: readonly Metric[]): string {
  return `${metrics.flatMap((metric) => metric.lines()).join("\n")}\n`;
}

function head({ name, help }: Named, type: string): readonly string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}

function labelText(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
