/** Joins an overlay stream with the frames of an upgraded connection, both ways, with back-pressure. */
import type { Duplex } from "node:stream";
import { FirefliesError } from "../../identity/errors/error.js";
import { drained } from "../drained.js";
import { malformed } from "./failure.js";
import { failureOf } from "./http-failure.js";
import { frames, plainJson, writeFrame } from "./wire.js";

/** Resolves when both directions have ended, one has failed, or the command has gone. What fails is told there. */
export async function joinStreams(stream: Duplex, connection: Duplex, signal: AbortSignal): Promise<void> {
  const stop = () => stream.destroy();
  signal.addEventListener("abort", stop, { once: true });
  try {
    await Promise.all([copyIn(stream, connection), copyOut(stream, connection)]);
  } catch (error) {
    await writeFrame(connection, "error", Buffer.from(plainJson(failureOf(error).body)));
  } finally {
    signal.removeEventListener("abort", stop);
    stream.destroy();
    connection.end();
  }
}

/**
 * From the command to the member, until the command says "end". A command that goes away earlier was cut short. The other
 * side must not take what it has for the whole.
 */
async function copyIn(stream: Duplex, connection: Duplex): Promise<void> {
  try {
    for await (const { kind, data } of frames(connection)) {
      if (kind === "end") {
        await ended(stream);
        return;
      }
      if (kind !== "data") throw malformed(`A stream carries data, not ${kind}.`);
      if (stream.destroyed) return;
      if (!stream.write(data)) await drained(stream);
    }
  } catch (error) {
    if (error instanceof FirefliesError) throw error;
    // The connection broke: as one that ended early.
  }
  stream.destroy(new FirefliesError("cancelled", "The command ended before its input did."));
}

/** Resolves when all that was written is with the other side, or the stream is over. */
function ended(stream: Duplex): Promise<void> {
  return new Promise((resolve) => {
    stream.once("finish", resolve).once("close", resolve);
    stream.end();
    if (stream.destroyed) resolve();
  });
}

async function copyOut(stream: Duplex, connection: Duplex): Promise<void> {
  for await (const data of stream) await writeFrame(connection, "data", data as Uint8Array);
  await writeFrame(connection, "end");
}
