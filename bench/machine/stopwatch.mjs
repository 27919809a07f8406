/** Keeps the times of each kind of work, in microseconds. Their median, because a busy machine interrupts some of them. */
export class Stopwatch {
  #samples = new Map();

  measure(what, work) {
    const start = performance.now();
    const result = work();
    const us = 1000 * (performance.now() - start);
    const samples = this.#samples.get(what);
    if (samples) samples.push(us);
    else this.#samples.set(what, [us]);
    return result;
  }

  median(what) {
    const samples = this.#samples.get(what).sort((a, b) => a - b);
    return samples[samples.length >> 1];
  }
}
