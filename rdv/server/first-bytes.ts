/**
 * The first bytes of a connection, looked at before Node's HTTP parser, which refuses the methods DIAL and ACCEPT. What
 * begins with neither is the HTTP server's, as if nobody had looked.
 */
import type { Socket } from "node:net";
import { METHODS } from "../wire/lines.js";

/** Milliseconds for the first bytes; then the HTTP server has the connection, with its own time-outs for silence. */
const FIRST_BYTES_MS = 10_000;

const STARTS = METHODS.map((method) => Buffer.from(`${method} `));

/** Whether bytes begin with a method of ours; undefined when there are too few to tell. */
export function isMeeting(bytes: Uint8Array): boolean | undefined {
  const matching = STARTS.filter((start) => {
    const length = Math.min(start.length, bytes.length);
    return start.subarray(0, length).equals(bytes.subarray(0, length));
  });
  if (matching.some((start) => bytes.length >= start.length)) return true;
  return matching.length === 0 ? false : undefined;
}

/**
 * Reads as much as it takes to tell whether a client of ours is there, puts it back, and says so. A connection that says
 * nothing in time is none of ours, nor is one whose wait the returned function ends. One that ends before is cut: undefined.
 */
export function sortConnection(socket: Socket, decide: (isOurs: boolean | undefined) => void): () => void {
  let held: Buffer = Buffer.alloc(0);
  let isSettled = false;
  const settle = (isOurs: boolean | undefined) => {
    if (isSettled) return;
    isSettled = true;
    clearTimeout(timer);
    socket.off("readable", read).off("end", gone).off("close", gone).off("error", gone);
    if (held.length > 0) socket.unshift(held);
    decide(isOurs);
  };
  const gone = () => {
    socket.on("error", () => {}).destroy();
    settle(undefined);
  };
  const read = () => {
    for (let chunk: Buffer | null = socket.read(); chunk !== null; chunk = socket.read()) {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    }
    const isOurs = isMeeting(held);
    if (isOurs !== undefined) settle(isOurs);
  };
  const timer = setTimeout(() => settle(false), FIRST_BYTES_MS);
  socket.on("readable", read).on("end", gone).on("close", gone).on("error", gone);
  read();
  return () => settle(false);
}
