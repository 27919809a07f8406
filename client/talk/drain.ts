/**
 * The end of a member's work: what runs may finish until a deadline, and what has not is cut, with a code for whoever
 * waits for it.
 */
import { FirefliesError } from "../../identity/index.js";
import type { Services } from "../grpc/services.js";
import type { Messenger } from "./messenger.js";
import type { Streams } from "./streams.js";
import { after, either, fired } from "./wait.js";

/** Milliseconds for those who are owed a last word to confirm that it has come, before the leave note overtakes it. */
const LAST_WORDS_MS = 250;
/** The same for streams that were cut: their codes are confirmed by nobody. */
const STREAM_CODES_MS = 50;

export interface Work {
  readonly messenger: Messenger;
  readonly streams: Streams;
  readonly services: Services;
  readonly topics: { drain(): Promise<void>; cut(): number };
}

/** Takes no new work, waits for what is open, and cuts the rest at the deadline. What had to be cut, as "drain-expired". */
export async function drain(
  { messenger, streams, services, topics }: Work,
  deadline: AbortSignal,
): Promise<FirefliesError | undefined> {
  const done = Promise.all([messenger.drain(), streams.drain(), services.drain(), topics.drain()]);
  await either(done, fired(deadline));
  const { handlers, messages } = messenger.cut();
  const cut = { handlers, messages: messages + topics.cut(), streams: streams.cut(), calls: services.cut() };
  await either(done, after(LAST_WORDS_MS));
  if (cut.streams > 0) await after(STREAM_CODES_MS).promise;
  return Object.values(cut).every((count) => count === 0) ? undefined : expired(cut);
}

function expired(cut: Readonly<Record<"handlers" | "messages" | "streams" | "calls", number>>): FirefliesError {
  const parts = Object.entries(cut).filter(([, count]) => count > 0);
  const what = parts.map(([name, count]) => `${count} ${count === 1 ? name.slice(0, -1) : name}`).join(", ");
  return new FirefliesError("drain-expired", `The member stopped before these had ended, and cut them: ${what}.`);
}
