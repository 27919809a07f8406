/** Joins an overlay stream with the lines of a control connection, both ways, with back-pressure. */
import type { MessageStream } from "../../client/types.js";
import { FirefliesError } from "../../identity/errors/error.js";
import { drained } from "../drained.js";
import { decodeFrame, type Frame, malformed } from "./protocol.js";

/** Resolves when both directions have ended; rejects when the stream fails or the command goes away. */
export async function joinStreams(
  stream: MessageStream,
  input: AsyncIterator<string>,
  send: (frame: Frame) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const stop = () => stream.destroy();
  signal.addEventListener("abort", stop, { once: true });
  try {
    await Promise.all([copyIn(stream, input), copyOut(stream, send)]);
  } finally {
    signal.removeEventListener("abort", stop);
    stream.destroy();
  }
}

/**
 * From the command to the member, until the command says "end". A command that goes away earlier was cut short. The other
 * side must not take what it has for the whole.
 */
async function copyIn(stream: MessageStream, input: AsyncIterator<string>): Promise<void> {
  for (let next = await input.next(); !next.done; next = await input.next()) {
    const frame = decodeFrame(next.value);
    if (frame.kind === "end") {
      stream.end();
      return;
    }
    if (frame.kind !== "data") throw malformed(`A stream carries data, not ${frame.kind}.`);
    if (stream.destroyed) return;
    if (!stream.write(frame.data)) await drained(stream);
  }
  stream.destroy(new FirefliesError("cancelled", "The command ended before its input did."));
}

async function copyOut(stream: MessageStream, send: (frame: Frame) => Promise<void>): Promise<void> {
  for await (const data of stream) await send({ kind: "data", data });
  await send({ kind: "end" });
}
