/** The agent's API, on the command's side: one question and its answer, lines that go on, or frames both ways. */
import { once } from "node:events";
import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { FirefliesError } from "../../../identity/errors/error.js";
import { ReplyError } from "../../../identity/errors/reply-error.js";
import { errorIn, malformed } from "../failure.js";
import { type AgentPlace, connect, nameOf } from "../place.js";
import { FRAMES, type FrameKind, frames, lines, plainJson, type WireFrame, writeFrame } from "../wire.js";

/** Milliseconds for what the agent answers from memory; messages, leaving and streams have deadlines of their own. */
export const ANSWER_TIMEOUT_MS = 10_000;
/** And for files, some MB of them. */
const TEXT_TIMEOUT_MS = 60_000;
/** Of an answer: the members of the largest network, with all that they say of themselves. */
const ANSWER_BYTES_MAX = 256 * 1024 * 1024;
/** Of one line: a change of the view, an entry of the log. */
const LINE_BYTES_MAX = 1024 * 1024;

/** One call of docs/agent-openapi.json. */
export interface ApiCall {
  /** "GET" when left out. */
  readonly method?: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  /** What is undefined or false is left out. */
  readonly query?: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
  readonly body?: object;
}

export interface Lines {
  /** Throws a FirefliesError for a line that is one. Ends with the agent, or when the signal fires. */
  readonly values: AsyncGenerator<unknown, void>;
  close(): void;
}

export interface FrameConnection {
  /** Throws a FirefliesError for a frame that is an error. Ends with the connection. */
  readonly frames: AsyncGenerator<WireFrame, void>;
  send(kind: FrameKind, data?: Uint8Array): Promise<void>;
  close(): void;
}

/**
 * The answer of a call. Rejects with the agent's own error. Rejects with "agent-stopped" when no answer comes in time; the limit
 * is in milliseconds, or a signal.
 */
export async function ask(
  place: AgentPlace,
  call: ApiCall,
  within: number | AbortSignal = ANSWER_TIMEOUT_MS,
): Promise<unknown> {
  return await answered(place, call, within, bodyOf);
}

/** As `ask`, of a call whose answer is a text. */
export async function askText(place: AgentPlace, call: ApiCall, within: number = TEXT_TIMEOUT_MS): Promise<string> {
  return await answered(place, call, within, async (response) => {
    return response.statusCode === 200 ? await textOf(response) : String(await bodyOf(response));
  });
}

async function answered<T>(
  place: AgentPlace,
  call: ApiCall,
  within: number | AbortSignal,
  read: (response: IncomingMessage) => Promise<T>,
): Promise<T> {
  const deadline = typeof within === "number" ? AbortSignal.timeout(within) : within;
  let socket: Socket | undefined;
  try {
    const asked = await begin(place, call, deadline);
    socket = asked.socket;
    const response = await answerOf(asked.request);
    return await read(response);
  } catch (error) {
    if (isSaid(error)) throw error;
    const inTime = typeof within === "number" ? `within ${within} ms` : "in time";
    const why = deadline.aborted ? `did not answer ${inTime}` : "ended before it answered";
    throw new FirefliesError("agent-stopped", `${nameOf(place)} ${why}.`, { cause: error });
  } finally {
    socket?.destroy();
  }
}

/** A call whose answer is a line of JSON for each thing that happens. */
export async function follow(place: AgentPlace, call: ApiCall, signal?: AbortSignal): Promise<Lines> {
  const { request, socket } = await begin(place, call, signal);
  const response = await answerOf(request).catch((error: unknown) => {
    socket.destroy();
    throw isSaid(error) ? error : stopped(place, error);
  });
  if (response.statusCode !== 200) await bodyOf(response);
  return { values: valuesOf(response), close: () => socket.destroy() };
}

/** A call on a connection that is upgraded. */
export async function openFrames(place: AgentPlace, call: ApiCall, signal?: AbortSignal): Promise<FrameConnection> {
  const { request, socket } = await begin(place, call, signal, { connection: "Upgrade", upgrade: FRAMES });
  await upgraded(request, place);
  return {
    frames: framesOf(socket),
    send: (kind, data) => writeFrame(socket, kind, data),
    close: () => socket.destroy(),
  };
}

async function begin(
  place: AgentPlace,
  { method = "GET", path, query = {}, body }: ApiCall,
  signal: AbortSignal | undefined,
  more: Readonly<Record<string, string>> = {},
): Promise<{ readonly request: ClientRequest; readonly socket: Socket }> {
  const { socket, headers } = await connect(place);
  const destroy = () => socket.destroy();
  signal?.addEventListener("abort", destroy, { once: true });
  if (signal?.aborted) destroy();
  const json = body === undefined ? undefined : plainJson(body);
  const type =
    json === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(json) };
  const request = httpRequest({
    ...{ method, path: `${path}${queryText({ as: place.as, ...query })}`, createConnection: () => socket },
    headers: { connection: "close", ...headers, ...type, ...more },
  });
  request.on("error", destroy);
  request.end(json);
  return { request, socket };
}

function queryText(query: NonNullable<ApiCall["query"]>): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    value === undefined || value === false ? [] : [value].flat().map((each) => [name, String(each)]),
  );
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs as [string, string][])}`;
}

async function answerOf(request: ClientRequest): Promise<IncomingMessage> {
  const [response] = (await once(request, "response")) as [IncomingMessage];
  return response;
}

/** Throws what the answer says of a failure. */
async function bodyOf(response: IncomingMessage): Promise<unknown> {
  const value = parsed(await textOf(response));
  if (response.statusCode === 200) return value;
  throw errorIn(value) ?? malformed(`What answers is no agent: HTTP status ${response.statusCode}.`);
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > ANSWER_BYTES_MAX) throw malformed(`An answer of the agent has more than ${ANSWER_BYTES_MAX} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

async function* valuesOf(response: IncomingMessage): AsyncGenerator<unknown, void> {
  try {
    for await (const line of lines(response, LINE_BYTES_MAX)) {
      const value = parsed(line);
      const error = errorIn((value as { readonly error?: unknown } | undefined)?.error);
      if (error !== undefined) throw error;
      yield value;
    }
  } catch (error) {
    // A connection that breaks off has ended; what the agent said, and what it said wrongly, is an error.
    if (isSaid(error)) throw error;
  }
}

async function* framesOf(socket: Socket): FrameConnection["frames"] {
  try {
    for await (const frame of frames(socket)) {
      if (frame.kind === "error")
        throw errorIn(parsed(Buffer.from(frame.data).toString("utf8"))) ?? malformed("An error is none.");
      yield frame;
    }
  } catch (error) {
    if (isSaid(error)) throw error;
  }
}

function upgraded(request: ClientRequest, place: AgentPlace): Promise<void> {
  return new Promise((resolve, reject) => {
    request.once("upgrade", (_, socket: Socket, head: Buffer) => {
      if (head.length > 0) socket.unshift(head);
      resolve();
    });
    request.once("response", (response: IncomingMessage) => {
      bodyOf(response).then(() => reject(malformed("The agent did not upgrade the connection.")), reject);
    });
    request.once("close", () => reject(stopped(place, undefined)));
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw malformed("What answers is no agent: its answer is no JSON.");
  }
}

function stopped(place: AgentPlace, cause: unknown): FirefliesError {
  return new FirefliesError("agent-stopped", `${nameOf(place)} ended before it answered.`, { cause });
}

/** Ours to tell, and no broken connection. */
function isSaid(error: unknown): boolean {
  return error instanceof FirefliesError || error instanceof ReplyError;
}
