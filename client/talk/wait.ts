/** Waiting for the first of two things. */
import { onAbort } from "../../net/index.js";

export interface Wait {
  readonly promise: Promise<void>;
  readonly stop: () => void;
}

/** Resolves with whichever is first; leaves no timer and no listener behind. */
export async function either(done: Promise<unknown>, { promise, stop }: Wait): Promise<void> {
  await Promise.race([done, promise]);
  stop();
}

/** The signal has fired. */
export function fired(signal: AbortSignal): Wait {
  let stop = () => {};
  const promise = new Promise<void>((resolve) => {
    stop = onAbort(signal, resolve);
  });
  return { promise, stop };
}

/** So many milliseconds have passed. */
export function after(ms: number): Wait {
  let timer: NodeJS.Timeout | undefined;
  const promise = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  return { promise, stop: () => clearTimeout(timer) };
}
