/** Calls of `publish` that wait until others have taken enough of what was published before: in their order, and bounded. */
import { FirefliesError } from "../../identity/index.js";
import type { Fullness } from "../../topics/index.js";

/** Bytes of messages that wait, each copied; a program that goes on publishing is refused then. */
const WAITING_BYTES_MAX = 16 * 1024 * 1024;
/** Messages that wait. */
const WAITING_MAX = 65_536;

interface Waiting {
  readonly topic: string;
  readonly bytes: number;
  /** What is full, when there is no room for it either. Throws what the program got wrong. */
  readonly publish: () => Fullness | undefined;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

export class Room {
  readonly #waiting = new Set<Waiting>();
  #bytes = 0;
  /** There is no room for anybody. Else those that wait do so for room in their topics, and hold up no other one. */
  #isAllFull = false;

  /** What those wait for behind whom this call comes: all for whom there is no room, or those of its topic. */
  awaited(topic: string): Fullness | undefined {
    if (this.#isAllFull) return "overloaded";
    for (const waiting of this.#waiting) if (waiting.topic === topic) return "topic-full";
    return undefined;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Throws "overloaded" when too many wait. Returns how to give up. */
  wait(call: Omit<Waiting, "timer"> & { readonly timeoutMs: number; readonly fullness: Fullness }) {
    const { topic, bytes, publish, reject, timeoutMs, fullness } = call;
    if (this.#waiting.size >= WAITING_MAX || this.#bytes + bytes > WAITING_BYTES_MAX) throw full("overloaded", topic);
    const late = () => {
      this.#drop(waiting);
      reject(full(this.#isAllFull ? "overloaded" : "topic-full", topic));
    };
    if (fullness === "overloaded") this.#isAllFull = true;
    const waiting: Waiting = { topic, bytes, publish, reject, timer: setTimeout(late, timeoutMs) };
    this.#waiting.add(waiting);
    this.#bytes += bytes;
    return (error: Error) => {
      if (this.#drop(waiting)) reject(error);
    };
  }

  /** There is some. */
  opened(): void {
    this.#isAllFull = false;
    const full = new Set<string>();
    for (const waiting of this.#waiting) {
      if (full.has(waiting.topic)) continue;
      try {
        const fullness = waiting.publish();
        if (fullness !== undefined) full.add(waiting.topic);
        this.#isAllFull = fullness === "overloaded";
        if (this.#isAllFull) return;
        if (fullness !== undefined) continue;
      } catch (error) {
        waiting.reject(error as Error);
      }
      this.#drop(waiting);
    }
  }

  /** How many were cut. */
  cut(error: Error): number {
    const { size } = this.#waiting;
    for (const waiting of [...this.#waiting]) {
      this.#drop(waiting);
      waiting.reject(error);
    }
    return size;
  }

  #drop(waiting: Waiting): boolean {
    clearTimeout(waiting.timer);
    if (!this.#waiting.delete(waiting)) return false;
    if (this.#waiting.size === 0) this.#isAllFull = false;
    this.#bytes -= waiting.bytes;
    return true;
  }
}

export function full(fullness: Fullness, topic: string): FirefliesError {
  if (fullness === "overloaded") {
    const text = "What this member has published and others have not taken yet fills its share of memory.";
    return new FirefliesError("overloaded", text, {
      advice: "Publish less, await publish(), or allow more retention.",
    });
  }
  const text = `What this member has published on ${topic} and others have not taken yet fills what is kept of the topic.`;
  const advice = "Publish less, await publish(), or allow the topic more bytes (topic_retention).";
  return new FirefliesError("overloaded", text, { advice });
}
