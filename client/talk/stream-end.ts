/** How a stream ends that a stopping member waits for: by its program, in order. */
import { setImmediate as turn } from "node:timers/promises";
import type { ByteDuplex } from "../../net/index.js";
import { after, either } from "./wait.js";

/**
 * Milliseconds for the other side to end a stream whose answer nobody here reads: until then its reader takes what was on
 * the way. One that never ends its own side is not waited for any longer.
 */
const UNREAD_MS = 1_000;

/** Resolves when both sides have ended it; or this one has, and nobody waits for the other. Also when it is destroyed. */
export async function inOrder(stream: ByteDuplex): Promise<void> {
  await turn(); // For a program that calls `stop` and reads on.
  await event(stream, "finish", stream.writableFinished);
  const closed = event(stream, "close", stream.closed);
  if (stream.readableFlowing !== null) return await closed;
  stream.resume(); // Nothing reads it, nor has: its end would not be seen.
  await either(closed, after(UNREAD_MS));
}

function event(stream: ByteDuplex, name: "finish" | "close", happened: boolean): Promise<void> {
  return new Promise((resolve) => {
    if (happened || stream.destroyed) resolve();
    else stream.once(name, resolve).once("close", resolve);
  });
}
