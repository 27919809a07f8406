/** A function of the Fetch API, `(request) => Response`, as a listener of `node:http`. */
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { headersOf } from "../wire/headers.js";
import { callerOfKey, setCaller } from "./callers.js";

/** Answers a request of a member. `memberOf(request)` says whose. Its signal fires when the caller has gone. */
export type WebHandler = (request: Request) => Response | Promise<Response>;

/** Methods that the Fetch API refuses to make a request of. */
const FORBIDDEN: ReadonlySet<string> = new Set(["CONNECT", "TRACE", "TRACK"]);
const BODILESS: ReadonlySet<string> = new Set(["GET", "HEAD"]);

export function webListener(handler: WebHandler, onError: (error: unknown) => void): RequestListener {
  return (incoming, outgoing) => {
    const gone = new AbortController();
    outgoing.once("close", () => {
      if (!outgoing.writableFinished) gone.abort();
    });
    answer(handler, incoming, outgoing, gone.signal).catch((error: unknown) => {
      if (gone.signal.aborted) return; // Nobody is there to be answered, and no handler to be blamed.
      fail(outgoing);
      onError(error);
    });
  };
}

async function answer(
  handler: WebHandler,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const request = requestOf(incoming, signal);
  if (typeof request === "number") {
    outgoing.writeHead(request).end();
    return;
  }
  const response = await handler(request);
  if (!(response instanceof Response)) throw new TypeError("The handler returned no Response.");
  await respond(response, outgoing);
}

/** Or the status that refuses it. */
function requestOf(incoming: IncomingMessage, signal: AbortSignal): Request | number {
  const { method = "GET", url = "/" } = incoming;
  if (FORBIDDEN.has(method)) return 501;
  const host = incoming.headers.host ?? "localhost";
  const target = url.startsWith("/") ? `http://${host}${url}` : url;
  if (!URL.canParse(target)) return 400;
  const body = BODILESS.has(method) ? undefined : (Readable.toWeb(incoming) as ReadableStream<Uint8Array>);
  const headers = headersOf(incoming.rawHeaders);
  const request = new Request(target, { method, headers, signal, ...(body && { body, duplex: "half" }) });
  const caller = callerOfKey(incoming.socket);
  if (caller !== undefined) setCaller(request, caller);
  return request;
}

async function respond(response: Response, outgoing: ServerResponse): Promise<void> {
  const { status, statusText, headers, body } = response;
  if (outgoing.destroyed) {
    await body?.cancel();
    return;
  }
  outgoing.writeHead(status, statusText || undefined, fieldsOf(headers));
  if (body === null || outgoing.req.method === "HEAD") {
    await body?.cancel();
    outgoing.end();
    return;
  }
  outgoing.flushHeaders();
  await pipeline(Readable.fromWeb(body as ReadableStream), outgoing);
}

function fieldsOf(headers: Headers): Record<string, string | string[]> {
  const cookies = headers.getSetCookie();
  return { ...Object.fromEntries(headers), ...(cookies.length > 0 && { "set-cookie": cookies }) };
}

/** Status 500, or a reset where an answer has begun: its reader must not take it for whole. */
function fail(outgoing: ServerResponse): void {
  if (outgoing.headersSent) outgoing.destroy();
  else outgoing.writeHead(500).end();
}
