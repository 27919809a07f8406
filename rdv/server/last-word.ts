/** The first and the last that a server has to do with a connection: its request's head, and its refusal. */
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { RdvError } from "../errors.js";
import { HEAD_BYTES_MAX, LAST_WORD_MS, PROMPT_MS } from "../limits.js";
import { formatRefusal } from "../wire/answer.js";
import { type Head, headEnd, parseHead } from "../wire/head.js";
import { readPiece } from "../wire/pieces.js";

/**
 * Undefined when there is none that can be read; then the connection was answered and ends. `giving` fires when the client's
 * place is another one's.
 */
export async function readHead(socket: Socket, giving?: AbortSignal): Promise<Head | undefined> {
  socket.on("error", () => {}); // "close" follows.
  const late = AbortSignal.timeout(PROMPT_MS);
  try {
    const signal = giving ? AbortSignal.any([late, giving]) : late;
    const head = parseHead(await readPiece(socket, { endOf: headEnd, bytesMax: HEAD_BYTES_MAX, signal }));
    if (head === undefined) refuse(socket, { status: 400, reason: "malformed request" });
    return head;
  } catch (error) {
    const isTooLong = error instanceof RdvError && error.code === "rdv-protocol";
    if (isTooLong) refuse(socket, { status: 431, reason: `more than ${HEAD_BYTES_MAX} bytes of request` });
    else if (giving?.aborted) refuse(socket, tooMany("requests of this address that have not ended"));
    else if (late.aborted) refuse(socket, { status: 408, reason: "the request took too long" });
    else socket.destroy();
    return undefined;
  }
}

export interface RefusalAnswer {
  /** 400 to 599. */
  readonly status: number;
  readonly reason: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** Seconds after which a client may come again that found no place, when nothing tells how long it takes. */
const AGAIN_S = 10;

/** For what one address has too much of: 429, and when to come again. */
export function tooMany(what: string, seconds: number = AGAIN_S): RefusalAnswer {
  return {
    status: 429,
    reason: `too many ${what}`,
    headers: { "Retry-After": String(Math.max(1, Math.ceil(seconds))) },
  };
}

/** For what the server has no more of, or is about to have no more: 503, and when to come again. */
export function full(reason: string): RefusalAnswer {
  return { status: 503, reason, headers: { "Retry-After": String(AGAIN_S) } };
}

/** Answers with a status and a line for people; then the connection closes. */
export function refuse(socket: Duplex, { status, reason, headers = {} }: RefusalAnswer): void {
  closeSoon(socket, formatRefusal(status, reason, Object.entries(headers)));
}

/**
 * Closes a connection behind what was written to it. What still comes is thrown away meanwhile: unread bytes at the cut
 * would have the system take back what was sent.
 */
export function closeSoon(socket: Duplex, text = ""): void {
  if (socket.destroyed) return;
  const cut = setTimeout(() => socket.destroy(), LAST_WORD_MS);
  socket.on("error", () => {}).once("close", () => clearTimeout(cut));
  socket.removeAllListeners("data").resume();
  if (text === "") socket.end();
  else socket.end(text);
}
