/** What every side of a row of topics is measured with: messages that carry their time, loops that publish, subscribers that count. */
import { setTimeout as sleep } from "node:timers/promises";

/** Latencies kept by one subscriber; beyond, the oldest are overwritten. */
const LATENCIES = 1 << 17;
/** Between two turns of a publisher that keeps a pace, milliseconds. */
const TICK_MS = 1;
/** Bytes of the time at the beginning of a message. */
const TIME_BYTES = 8;

/** Milliseconds on a clock that all processes of a machine share (CLOCK_MONOTONIC). */
export function clockMs() {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** `bytes` of a message that was published now. */
export function stamped(bytes) {
  const message = Buffer.alloc(Math.max(bytes, TIME_BYTES), 7);
  message.writeDoubleBE(clockMs(), 0);
  return message;
}

/** What one subscriber has been given. */
export class Deliveries {
  #latencies = new Float64Array(LATENCIES);
  #count = 0;
  #lastAt = 0;

  take(data) {
    const now = clockMs();
    const sentAt = new DataView(data.buffer, data.byteOffset, data.byteLength).getFloat64(0);
    this.#latencies[this.#count % LATENCIES] = now - sentAt;
    this.#count += 1;
    this.#lastAt = now;
  }

  get count() {
    return this.#count;
  }

  /** Since the last time that this was asked. */
  told() {
    const latencies = this.#latencies.slice(0, Math.min(this.#count, LATENCIES));
    const told = { count: this.#count, lastAt: this.#lastAt, latencies };
    this.#count = 0;
    return told;
  }
}

/** As many at once as `inFlight`, for `ms`: `publish` resolves when a message counts as sent. Returns how many, and when the first. */
export async function flatOut(publish, { inFlight, ms }) {
  const beganAt = clockMs();
  let count = 0;
  const loop = async () => {
    while (clockMs() < beganAt + ms) {
      count += 1;
      await publish();
    }
  };
  await Promise.all(Array.from({ length: inFlight }, loop));
  return { count, beganAt };
}

/** `perSecond` messages for `ms`, whatever becomes of them meanwhile; those that are due in one turn of a timer go together. */
export async function paced(publish, { perSecond, ms }) {
  const beganAt = clockMs();
  const under = new Set();
  let count = 0;
  for (let now = beganAt; now < beganAt + ms; now = clockMs()) {
    for (const due = ((now - beganAt) / 1000) * perSecond; count < due; count += 1) {
      const sent = publish();
      under.add(sent);
      sent.finally(() => under.delete(sent)).catch(() => {});
    }
    await sleep(TICK_MS);
  }
  await Promise.all(under);
  return { count, beganAt };
}
