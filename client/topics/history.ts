/** What is read from elsewhere for durable subscriptions, when members hold it no more. */
import type { FirefliesError } from "../../identity/index.js";
import { asFirefliesError, pause } from "../../net/index.js";
import type { TopicHistory } from "./types.js";

/** Milliseconds until a batch is tried again for which there was no room: handlers are slower than what is read. */
const ROOM_MS = 50;

export interface RecoveryOptions {
  readonly pattern: string;
  /** Unix milliseconds: what was published before was acknowledged, or lost. */
  readonly since: number;
  readonly signal: AbortSignal;
  /** False: there is no room for it now. */
  readonly give: (batch: Uint8Array) => boolean;
  readonly onAlarm: (alarm: FirefliesError) => void;
}

/** Reads all sources, one after the other. A source that fails raises an alarm, and its messages count as lost. */
export async function recover(histories: readonly TopicHistory[], options: RecoveryOptions): Promise<void> {
  const { pattern, since, signal, give, onAlarm } = options;
  for (const history of histories) {
    try {
      for await (const batch of history.read(pattern, since, signal)) {
        while (!signal.aborted && !give(batch)) await pause(ROOM_MS, signal);
        if (signal.aborted) return;
      }
    } catch (error) {
      if (!signal.aborted) onAlarm(asFirefliesError(error, "messages-lost"));
    }
  }
}
