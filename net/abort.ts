/**
 * Listening to an AbortSignal from many places, and waits that it ends: Node warns on the console from the eleventh listener
 * of a signal on.
 */

type Listeners = Set<() => void>;

const listenersOf = new WeakMap<AbortSignal, Listeners>();

/**
 * Calls `listener` when `signal` fires, at once if it has. Returns the way to stop. However many listeners there are,
 * the signal itself has one.
 */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (signal === undefined) return () => {};
  if (signal.aborted) {
    listener();
    return () => {};
  }
  const listeners = listenersOf.get(signal) ?? listen(signal);
  // An object of its own: one function may be given twice.
  const entry = () => listener();
  listeners.add(entry);
  return () => listeners.delete(entry);
}

/** Resolves after `ms` milliseconds, or when the signal fires. Keeps the process alive. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    let unwatch = () => {};
    const done = () => {
      clearTimeout(timer);
      unwatch();
      resolve();
    };
    const timer = setTimeout(done, ms);
    unwatch = onAbort(signal, done);
  });
}

function listen(signal: AbortSignal): Listeners {
  const listeners: Listeners = new Set();
  listenersOf.set(signal, listeners);
  const fire = () => {
    listenersOf.delete(signal);
    for (const listener of listeners) listener();
    listeners.clear();
  };
  signal.addEventListener("abort", fire, { once: true });
  return listeners;
}
