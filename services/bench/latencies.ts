/** How long each of many took: counted in steps of one per cent, so that minutes of them take as much room as one. */

/** From one step to the next. */
const STEP = 1.01;
/** From a microsecond to some minutes. */
const STEPS = 2_048;

export class Latencies {
  readonly #counts = new Uint32Array(STEPS);
  #total = 0;

  get total(): number {
    return this.#total;
  }

  add(ms: number): void {
    const step = Math.round(Math.log(Math.max(1, ms * 1_000)) / Math.log(STEP));
    const place = Math.min(STEPS - 1, step);
    this.#counts[place] = (this.#counts[place] as number) + 1;
    this.#total += 1;
  }

  /** Milliseconds that `share` of them took at most, to one per cent; undefined of none. */
  quantile(share: number): number | undefined {
    let left = Math.ceil(share * this.#total);
    if (left === 0) return undefined;
    const place = this.#counts.findIndex((count) => {
      left -= count;
      return left <= 0;
    });
    return STEP ** place / 1_000;
  }
}
