/** The first and the last that a server has to do with a connection: its request's head, and its refusal. */
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { RdvError } from "../errors.js";
import { HEAD_BYTES_MAX, LAST_WORD_MS, PROMPT_MS } from "../limits.js";
import { formatRefusal } from "../wire/answer.js";
import { type Head, headEnd, parseHead } from "../wire/head.js";
import { readPiece } from "../wire/pieces.js";

/** Undefined when there is none that can be read; then the connection was answered and ends. */
export async function readHead(socket: Socket): Promise<Head | undefined> {
  socket.on("error", () => {}); // "close" follows.
  try {
    const signal = AbortSignal.timeout(PROMPT_MS);
    const head = parseHead(await readPiece(socket, { endOf: headEnd, bytesMax: HEAD_BYTES_MAX, signal }));
    if (head === undefined) refuse(socket, { status: 400, reason: "malformed request" });
    return head;
  } catch (error) {
    const isTooLong = error instanceof RdvError && error.code === "rdv-protocol";
    if (isTooLong) refuse(socket, { status: 431, reason: `more than ${HEAD_BYTES_MAX} bytes of request` });
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
