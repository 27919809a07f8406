/** What a program says to a proxy before its own bytes begin: read from the socket step by step, the rest is left in it. */
import type { Socket } from "node:net";
import type { Parsed } from "./socks.js";

/** What one step may hold before it is complete, in bytes: the head of an HTTP request is the longest. */
const STEP_BYTES_MAX = 16 * 1024;

/**
 * Reads until `parse` has found something. The socket is paused afterwards, and what follows is read from it as if it had just
 * come. Undefined when it is wrong, too long, or the socket ends before.
 */
export function readStep<T>(socket: Socket, parse: (bytes: Uint8Array) => Parsed<T>): Promise<T | undefined> {
  let held: Buffer = Buffer.alloc(0);
  return new Promise((resolve) => {
    const done = (value: T | undefined) => {
      socket.off("data", onData).off("end", onEnd).off("close", onEnd);
      socket.pause();
      resolve(value);
    };
    const onEnd = () => done(undefined);
    const onData = (chunk: Buffer) => {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      const parsed = parse(held);
      if (parsed.kind === "found") {
        done(parsed.value);
        if (held.length > parsed.length) socket.unshift(held.subarray(parsed.length));
      } else if (parsed.kind === "wrong" || held.length > STEP_BYTES_MAX) done(undefined);
    };
    if (socket.destroyed || socket.readableEnded) resolve(undefined);
    else socket.on("data", onData).once("end", onEnd).once("close", onEnd).resume();
  });
}
