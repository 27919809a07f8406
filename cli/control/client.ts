/** The control socket of a running agent, on the command's side. */
import { once } from "node:events";
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { createConnection, type Socket } from "node:net";
import { findControlPath } from "../../client/state/control-path.js";
import { FirefliesError } from "../../identity/errors/error.js";
import { ReplyError } from "../../identity/errors/reply-error.js";
import { isCode } from "../../identity/files/files.js";
import { drained } from "../drained.js";
import { lines } from "./lines.js";
import {
  decodeFrame,
  encodeLine,
  encodeRequest,
  errorOf,
  type Frame,
  LINE_BYTES_MAX,
  type Request,
} from "./protocol.js";

/** Milliseconds until a socket in the same machine has accepted, or its process hangs. */
const CONNECT_TIMEOUT_MS = 5_000;
/** Milliseconds for what the agent answers from memory; messages, leaving and streams have deadlines of their own. */
export const ANSWER_TIMEOUT_MS = 10_000;

export interface ControlConnection {
  /** The agent's answers. Throws a FirefliesError for an answer that is an error. */
  readonly frames: AsyncGenerator<Exclude<Frame, { kind: "error" }>, void>;
  send(frame: Frame): Promise<void>;
  close(): void;
}

/** Connects to the agent that runs on `directory` and sends it the request. Rejects with "agent-unreachable" or "agent-forbidden". */
export async function request(directory: string, what: Request, signal?: AbortSignal): Promise<ControlConnection> {
  const socket = await connect(directory);
  signal?.addEventListener("abort", () => socket.destroy(), { once: true });
  if (signal?.aborted) socket.destroy();
  socket.write(encodeRequest(what));
  return {
    frames: frames(socket),
    send: async (frame) => {
      if (socket.writable && !socket.write(encodeLine(frame))) await drained(socket);
    },
    close: () => socket.destroy(),
  };
}

/** The one result of a request. Rejects with what the agent says, or "agent-stopped" when it says nothing in time. */
export async function ask(directory: string, what: Request, timeoutMs = ANSWER_TIMEOUT_MS): Promise<unknown> {
  const deadline = AbortSignal.timeout(timeoutMs);
  const connection = await request(directory, what, deadline);
  try {
    const parts: unknown[] = [];
    for await (const frame of connection.frames) {
      if (frame.kind === "part") parts.push(...frame.value);
      if (frame.kind === "result") return parts.length === 0 ? frame.value : parts.concat(frame.value);
    }
  } finally {
    connection.close();
  }
  const why = deadline.aborted ? `did not answer within ${timeoutMs} ms` : "ended before it answered";
  throw new FirefliesError("agent-stopped", `The agent on ${directory} ${why}.`);
}

async function connect(directory: string): Promise<Socket> {
  const path = await findControlPath(directory);
  const socket = createConnection({ path, allowHalfOpen: true });
  socket.on("error", () => socket.destroy());
  try {
    await once(socket, "connect", { signal: AbortSignal.timeout(CONNECT_TIMEOUT_MS) });
    return socket;
  } catch (cause) {
    socket.destroy();
    throw await unreachable(directory, cause);
  }
}

/** A socket that this user may not use says nothing about whether an agent runs there. */
async function unreachable(directory: string, cause: unknown): Promise<FirefliesError> {
  const barrier = await access(directory, constants.X_OK).catch((error: unknown) => error);
  if ([cause, barrier].some((error) => isCode(error, "EACCES") || isCode(error, "EPERM"))) {
    return new FirefliesError("agent-forbidden", `This user may not use the agent of ${directory}.`, { cause });
  }
  const isThere = !isCode(barrier, "ENOENT");
  const text = isThere
    ? `No agent is running on ${directory}.`
    : `There is no directory ${directory}, and no agent on it.`;
  const advice = `Start it with \`fireflies agent --dir ${directory}\`, or correct --dir.`;
  return new FirefliesError("agent-unreachable", text, { cause, advice });
}

async function* frames(socket: Socket): ControlConnection["frames"] {
  try {
    for await (const line of lines(socket, LINE_BYTES_MAX)) {
      const frame = decodeFrame(line);
      if (frame.kind === "error") throw errorOf(frame);
      yield frame;
    }
  } catch (error) {
    // A connection that breaks off has ended; what the agent said, and what it said wrongly, is an error.
    if (error instanceof FirefliesError || error instanceof ReplyError) throw error;
  }
}
