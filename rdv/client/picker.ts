/** Which of the connections that came up a dialler takes. */
import type { Conn } from "../conn.js";

/**
 * Takes the connections as they come up, the relay among them, until the client ends them or `stop` is called, and
 * returns them in the order of its preference: the first one becomes the program's, all others are closed.
 */
export type Picker = (candidates: AsyncIterable<Conn>, stop: () => void) => Promise<readonly Conn[]>;

/** Milliseconds that a dialler waits for a direct connection before it takes the relay. */
const DIRECT_WAIT_MS = 1_000;

/** Whatever is there first, which is the relay as a rule. */
export function pickFirst(): Picker {
  return picker(undefined, () => true);
}

/**
 * The first direct connection; when none is there after so many milliseconds, the relay. A direct one takes two to three
 * round trips; 300 to 3,000 ms weigh a good path against a quick one.
 */
export function waitForP2P(ms: number = DIRECT_WAIT_MS): Picker {
  return picker(ms, ({ isRelay }) => !isRelay);
}

/** Waits so many milliseconds in any case, and takes the first direct connection: to see what comes up. */
export function waitConstant(ms: number): Picker {
  return picker(ms, () => false);
}

function picker(ms: number | undefined, isEnough: (conn: Conn) => boolean): Picker {
  return async (candidates, stop) => {
    const timer = ms === undefined ? undefined : setTimeout(stop, ms);
    const conns: Conn[] = [];
    for await (const conn of candidates) {
      conns.push(conn);
      if (isEnough(conn)) stop();
    }
    clearTimeout(timer);
    return conns.sort((a, b) => Number(a.isRelay) - Number(b.isRelay));
  };
}
