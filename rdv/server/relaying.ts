/** Bytes between two connections, both ways, until the first side ends. */
import type { Duplex } from "node:stream";
import { waitMs } from "../limits.js";
import { closeSoon } from "./last-word.js";

/** Sees a piece before it is passed on. While a promise of it is open nothing more is read from that side. */
export type Tap = (bytes: Uint8Array) => void | Promise<void>;

export interface RelayingOptions {
  /** Milliseconds without a byte from either side, after which both are closed. 0 for the longest, an hour. */
  readonly idleTimeoutMs?: number | undefined;
  /** Bytes of one direction that wait for the receiver before no more are read; one piece of 64 KiB may be over it. */
  readonly bufferBytes: number;
  readonly signal: AbortSignal;
  readonly tapDialer?: Tap | undefined;
  readonly tapAccepter?: Tap | undefined;
  /** Told of each piece that a side has sent. */
  readonly onBytes?: ((side: "dialer" | "accepter", bytes: number) => void) | undefined;
}

/** Who ended it: a side, the time-out, a broken connection or tap, or the server. */
export type RelayEnd = "dialer" | "accepter" | "idle" | "broken" | "shutdown";

export interface Relayed {
  /** Bytes that the dialler sent and the accepter was given. */
  readonly dialerBytes: number;
  readonly accepterBytes: number;
  readonly ended: RelayEnd;
}

/** Resolves when both are closed or about to be: what the side that ended first had sent is delivered before. */
export async function relayBytes(dialer: Duplex, accepter: Duplex, options: RelayingOptions): Promise<Relayed> {
  const { idleTimeoutMs, signal, tapDialer, tapAccepter, onBytes } = options;
  const bytes = { dialer: 0, accepter: 0 };
  const idle = new IdleTimer(waitMs(idleTimeoutMs));
  const count = (side: "dialer" | "accepter", tap: Tap | undefined) => (chunk: Uint8Array) => {
    bytes[side] += chunk.length;
    onBytes?.(side, chunk.length);
    idle.touch();
    return tap?.(chunk);
  };
  const there = pump(dialer, accepter, { ...options, tap: count("dialer", tapDialer) });
  const back = pump(accepter, dialer, { ...options, tap: count("accepter", tapAccepter) });
  const { fired, forget } = firing(signal);
  const ended = await Promise.race<RelayEnd>([
    there.then((isWhole) => (isWhole ? "dialer" : "broken")),
    back.then((isWhole) => (isWhole ? "accepter" : "broken")),
    idle.passed.then(() => "idle"),
    fired.then(() => "shutdown"),
  ]);
  forget();
  idle.stop();
  for (const side of [dialer, accepter]) {
    if (ended === "dialer" || ended === "accepter") closeSoon(side);
    else side.destroy();
  }
  return { dialerBytes: bytes.dialer, accepterBytes: bytes.accepter, ended };
}

function firing(signal: AbortSignal): { readonly fired: Promise<void>; readonly forget: () => void } {
  let forget = () => {};
  const fired = new Promise<void>((resolve) => {
    const listener = () => resolve();
    if (signal.aborted) resolve();
    signal.addEventListener("abort", listener, { once: true });
    forget = () => signal.removeEventListener("abort", listener);
  });
  return { fired, forget };
}

interface PumpOptions {
  readonly bufferBytes: number;
  readonly tap: Tap;
}

/** Resolves true when `from` has ended and all of it was given to the system; false when either broke before. */
function pump(from: Duplex, to: Duplex, { bufferBytes, tap }: PumpOptions): Promise<boolean> {
  return new Promise((resolve) => {
    let waiting = 0;
    let isTapped = false;
    let hasEnded = false;
    const settle = () => {
      if (waiting > bufferBytes || isTapped) from.pause();
      else from.resume();
      if (hasEnded && waiting === 0 && !isTapped) resolve(true);
    };
    const written = (length: number) => (error?: Error | null) => {
      waiting -= length;
      if (error) resolve(false);
      else settle();
    };
    const pass = (chunk: Uint8Array) => {
      waiting += chunk.length;
      to.write(chunk, written(chunk.length));
      settle();
    };
    const take = (chunk: Uint8Array) => {
      try {
        const open = tap(chunk);
        if (open === undefined) return pass(chunk);
        isTapped = true;
        from.pause();
        const done = () => {
          isTapped = false;
          pass(chunk);
        };
        open.then(done, () => resolve(false));
      } catch {
        resolve(false);
      }
    };
    from.on("data", take).on("end", () => {
      hasEnded = true;
      settle();
    });
    from
      .on("error", () => resolve(false))
      .on("close", () => {
        if (!hasEnded) resolve(false);
      });
    to.on("close", () => resolve(false));
    if (from.destroyed || to.destroyed) resolve(false);
    else from.resume();
  });
}

/** One timer for both directions: bytes only note the time. */
class IdleTimer {
  readonly passed: Promise<void>;
  readonly #ms: number;
  #touchedAt = performance.now();
  #timer: NodeJS.Timeout | undefined;

  constructor(ms: number) {
    this.#ms = ms;
    this.passed = new Promise((resolve) => {
      const check = () => {
        const left = this.#touchedAt + ms - performance.now();
        if (left <= 0) resolve();
        else this.#timer = setTimeout(check, Math.ceil(left));
      };
      check();
    });
  }

  touch(): void {
    this.#touchedAt = performance.now();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#touchedAt = performance.now() + this.#ms;
  }
}
