/**
 * Whether the other end of a session still answers. An idle session sends nothing and is not looked at. While something is
 * awaited (a call without answer, or bytes sent on a duplex since the last byte that came) and nothing arrives, one HTTP/2
 * ping is sent; when that brings nothing either, the session is lost. Any byte counts, as any byte proves the path.
 */
import { setImmediate as turn } from "node:timers/promises";

/** Nothing has come for so long, in milliseconds, although something is awaited: ping. */
export const SILENCE_MS = 2_000;
/** From the ping to giving up, in milliseconds. */
export const PING_TIMEOUT_MS = 2_000;
/** Between looks, in milliseconds, while something is awaited: what detection may take longer than the two above. */
const LOOK_MS = 100;
/**
 * Much may be on its way to a receiver that has nothing to say to it: a window's bytes take eight seconds at 1 Mbit/s, and an
 * answer to a ping comes behind them. So while at least so many bytes arrive and nothing goes back ...
 */
export const PULSE_BYTES = 16 * 1024;
/** ... the receiver gives a sign of life, milliseconds after the last. A path of 4 KiB/s is fast enough. */
const PULSE_MS = 1_000;
/** A look that comes later than this, in milliseconds, finds a process that did not run. That silence is its own. */
const LATE_MS = 500;
/**
 * Turns of the event loop before a verdict: what waits in the sockets of a process that did not run is read first. A
 * transport in JavaScript needs one for each layer.
 */
const TURNS = 3;

export interface Watched {
  /** Counts up with everything that arrives. */
  readonly bytesRead: number;
  ping(): void;
  /** Shows the other end that its bytes arrive. */
  pulse(): void;
  /** It is given up. */
  lost(): void;
}

/** What is known of one silence, in milliseconds by one clock. */
export interface Silence {
  /** Since when nothing has come, or since something is awaited, whichever is later. */
  readonly since: number;
  readonly pingedAt: number | undefined;
}

/** What a silence calls for at this time. */
export function verdict({ since, pingedAt }: Silence, now: number): "wait" | "ping" | "lost" {
  if (pingedAt === undefined) return now - since >= SILENCE_MS ? "ping" : "wait";
  return now - pingedAt >= PING_TIMEOUT_MS ? "lost" : "wait";
}

/** All sessions of a host on which something is awaited. */
export class Watch {
  readonly #vigils = new Set<Vigil>();
  #timer: NodeJS.Timeout | undefined;
  #lookedAt = 0;

  add(vigil: Vigil): void {
    this.#vigils.add(vigil);
    if (this.#timer !== undefined) return;
    this.#lookedAt = performance.now();
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref();
  }

  remove(vigil: Vigil): void {
    this.#vigils.delete(vigil);
    if (this.#vigils.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const now = performance.now();
    const lateMs = now - this.#lookedAt - LOOK_MS;
    this.#lookedAt = now;
    for (const vigil of [...this.#vigils]) vigil.look(now, lateMs > LATE_MS ? lateMs : 0);
  }
}

/** What is awaited of one session. */
export class Vigil {
  readonly #watch: Watch;
  readonly #subject: Watched;
  #calls = 0;
  /** `bytesRead` when something was last sent: answered by any byte since. */
  #sentAt = -1;
  #bytes = 0;
  #since = 0;
  #pingedAt: number | undefined;
  #isActive = false;
  /** When the other end was last sent something, or told that its bytes arrive, and how many had come by then. */
  #shownAt = performance.now();
  #shownBytes = 0;

  constructor(watch: Watch, subject: Watched) {
    this.#watch = watch;
    this.#subject = subject;
  }

  /** Nothing has come for SILENCE_MS although something is awaited, not even the answer to a ping. */
  get isUnanswered(): boolean {
    return this.#isActive && this.#pingedAt !== undefined && this.#bytes === this.#subject.bytesRead;
  }

  /** An answer is awaited, until `answered`. */
  asked(): void {
    this.#calls += 1;
    this.#begin();
  }

  answered(): void {
    this.#calls -= 1;
  }

  /** Bytes were sent that the other end at least acknowledges if it lives. */
  sent(): void {
    this.#sentAt = this.#subject.bytesRead;
    this.#show(performance.now());
    this.#begin();
  }

  /** Bytes of a call or a duplex have come. */
  arrived(): void {
    if (this.#subject.bytesRead - this.#shownBytes < PULSE_BYTES) return;
    const now = performance.now();
    if (now - this.#shownAt < PULSE_MS) return;
    this.#show(now);
    this.#subject.pulse();
  }

  end(): void {
    this.#isActive = false;
    this.#watch.remove(this);
  }

  /** `lateMs`: for so long this process did not run. */
  look(now: number, lateMs: number): void {
    this.#since += lateMs;
    if (this.#pingedAt !== undefined) this.#pingedAt += lateMs;
    if (this.#heard(now)) return;
    if (verdict({ since: this.#since, pingedAt: this.#pingedAt }, now) !== "wait") this.#decide();
  }

  #show(now: number): void {
    this.#shownAt = now;
    this.#shownBytes = this.#subject.bytesRead;
  }

  #begin(): void {
    if (this.#isActive) return;
    this.#isActive = true;
    this.#hear(performance.now());
    this.#watch.add(this);
  }

  /** Whether bytes came since the last look; then nothing more is to be done. */
  #heard(now: number): boolean {
    const isAwaiting = this.#calls > 0 || this.#sentAt === this.#subject.bytesRead;
    if (!isAwaiting) this.end();
    else if (this.#bytes !== this.#subject.bytesRead) this.#hear(now);
    else return false;
    return true;
  }

  #hear(now: number): void {
    this.#bytes = this.#subject.bytesRead;
    this.#since = now;
    this.#pingedAt = undefined;
  }

  async #decide(): Promise<void> {
    for (let i = 0; i < TURNS; i++) await turn();
    const now = performance.now();
    if (!this.#isActive || this.#heard(now)) return;
    const found = verdict({ since: this.#since, pingedAt: this.#pingedAt }, now);
    if (found === "lost") {
      this.#subject.lost(); // Whoever hears of it may ask whether it went silent.
      this.end();
    }
    if (found !== "ping") return;
    this.#pingedAt = now;
    this.#subject.ping();
  }
}
