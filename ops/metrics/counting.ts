/** Counts and durations by labels, for what nobody else counts. Bounded: labels come from tables of ours, so more series are a mistake. */
import type { Labels, Sample, Spread } from "./definition.js";

/** Series of one metric. Further ones are not counted. */
const SERIES_MAX = 512;

/** Rise only. */
export class LabelCounts {
  readonly #series = new Map<string, { readonly labels: Labels; value: number }>();

  add(labels: Labels, by = 1): void {
    const key = keyOf(labels);
    const known = this.#series.get(key);
    if (known !== undefined) known.value += by;
    else if (this.#series.size < SERIES_MAX) this.#series.set(key, { labels, value: by });
  }

  get samples(): readonly Sample[] {
    return [...this.#series.values()].map(({ labels, value }) => ({ labels, value }));
  }
}

/** How values are spread, by labels. */
export class LabelSpreads {
  readonly #bounds: readonly number[];
  readonly #series = new Map<string, { readonly labels: Labels; readonly counts: number[]; sum: number }>();

  /** `bounds` ascending. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
  }

  observe(labels: Labels, value: number): void {
    const key = keyOf(labels);
    const known = this.#series.get(key);
    if (known === undefined && this.#series.size >= SERIES_MAX) return;
    const series = known ?? { labels, counts: new Array<number>(this.#bounds.length + 1).fill(0), sum: 0 };
    if (known === undefined) this.#series.set(key, series);
    const at = this.#bounds.findIndex((bound) => value <= bound);
    series.counts[at < 0 ? this.#bounds.length : at]! += 1;
    series.sum += value;
  }

  get spreads(): readonly Spread[] {
    return [...this.#series.values()].map(({ labels, counts, sum }) => ({ labels, counts, sum, bounds: this.#bounds }));
  }
}

function keyOf(labels: Labels): string {
  return JSON.stringify(Object.entries(labels));
}
