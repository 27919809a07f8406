/** One request over `node:http`, and its answer as a Response. */
import { type Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream as NodeReadableStream } from "node:stream/web";
import { FirefliesError } from "../../../identity/index.js";
import { onAbort } from "../../../net/index.js";
import { headersOf } from "../wire/headers.js";
import { type Asked, requireScheme } from "./asked.js";
import { bodyOf } from "./body.js";
import { Unanswered } from "./failure.js";

/** Statuses of answers that have no body. */
const BODILESS: ReadonlySet<number> = new Set([101, 204, 205, 304]);

/** Rejects for what no request can be made of. */
export async function exchange(asked: Asked, agent: Agent, silenceMs: number): Promise<Response | Unanswered> {
  requireScheme(asked.url);
  const { method, url, headers, signal } = asked;
  const { hostname: host, port, pathname, search } = url;
  signal.throwIfAborted();
  const request = httpRequest({ host, port: port || 80, path: pathname + search, method, headers, agent });
  const unwatch = onAbort(signal, () => request.destroy(signal.reason));
  request.once("close", unwatch);
  request.setTimeout(silenceMs, () => request.destroy(silent(silenceMs)));
  return await new Promise((resolve) => {
    let reason: unknown;
    let isAnswered = false;
    request.on("error", (error) => {
      reason ??= error;
      resolve(new Unanswered(error, request.reusedSocket));
    });
    request.once("close", () => {
      if (!isAnswered) resolve(new Unanswered(reason ?? hungUp(), request.reusedSocket));
    });
    request.once("response", (message) => {
      isAnswered = true;
      resolve(responseOf(asked, message, () => reason));
    });
    send(asked, request);
  });
}

function send({ body }: Asked, request: ClientRequest): void {
  if (body instanceof ReadableStream) {
    // A body that breaks off breaks the request off.
    pipeline(Readable.fromWeb(body as NodeReadableStream), request).catch((error: Error) => request.destroy(error));
  } else request.end(body);
}

/** `reason`: why the request failed in the end, if it did. */
function responseOf(asked: Asked, message: IncomingMessage, reason: () => unknown): Response {
  const { statusCode: status = 0, statusMessage: statusText = "", rawHeaders } = message;
  const hasNoBody = asked.method === "HEAD" || BODILESS.has(status);
  if (hasNoBody) message.resume();
  const body = hasNoBody ? null : bodyOf(message, { reason, signal: asked.signal });
  const response = new Response(body, { status, statusText, headers: headersOf(rawHeaders) });
  return Object.defineProperty(response, "url", { value: asked.url.href, configurable: true });
}

function silent(ms: number): FirefliesError {
  return new FirefliesError("timeout", `No byte of the answer came for ${ms} ms.`);
}

function hungUp(): FirefliesError {
  return new FirefliesError("link-closed", "The other side ended the connection without an answer.");
}
