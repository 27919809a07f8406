/**
 * Listening to an AbortSignal from many places: Node warns on the console from the eleventh listener of a signal on.
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
