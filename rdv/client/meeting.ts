/** A client's way to the rendezvous server and through its lobby. */
import { isIP, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { RdvError } from "../errors.js";
import { BODY_BYTES_MAX, HEAD_BYTES_MAX, KEEP_ALIVE_MS, PROMPT_MS } from "../limits.js";
import type { RdvResponse } from "../response.js";
import { type Meeting, parseMeeting, statusOf } from "../wire/answer.js";
import { firstValue, headEnd, headersRecord, parseHead } from "../wire/head.js";
import { readPiece } from "../wire/pieces.js";
import { connectFirst } from "./ports.js";

export interface Route {
  /** From P; TCP. */
  readonly socket: Socket;
  /** What the protocol is spoken over: the socket, or TLS over it. */
  readonly stream: Duplex;
  /** P. */
  readonly connectPort: number;
  /** Milliseconds that the connection took: a round trip. */
  readonly rttMs: number;
}

export interface Met extends Meeting {
  readonly response: RdvResponse;
}

/** A connection with the server of an http or https URL. Rejects with "rdv-unreachable" or the signal's reason. */
export async function reachServer(url: URL, tls: ConnectionOptions, signal: AbortSignal): Promise<Route> {
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const isSecure = url.protocol === "https:";
  const port = Number(url.port || (isSecure ? 443 : 80));
  const startedAt = performance.now();
  let socket: Socket | undefined;
  try {
    socket = await openFirst(host, port, signal);
    const rttMs = performance.now() - startedAt;
    socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS);
    const connectPort = socket.localPort ?? 0;
    if (!isSecure) return { socket, stream: socket, connectPort, rttMs };
    const name = isIP(host) === 0 ? { servername: host } : {};
    const stream = connectTls({ ALPNProtocols: ["http/1.1"], host, ...name, ...tls, socket });
    await opened(stream, "secureConnect", signal);
    return { socket, stream, connectPort, rttMs };
  } catch (error) {
    socket?.on("error", () => {}).destroy();
    if (signal.aborted) throw signal.reason;
    const why = error instanceof Error ? error.message : String(error);
    throw new RdvError("rdv-unreachable", `No connection with ${url.origin}: ${why}.`, { cause: error });
  }
}

/** Over IPv4, since the peer's way leads through its NATs; over IPv6 to a host that has nothing else. */
async function openFirst(host: string, port: number, signal: AbortSignal): Promise<Socket> {
  const open = async (family: 4 | 6) => {
    const socket = connectFirst(host, port, family);
    await opened(socket, "connect", signal);
    return socket;
  };
  if (isIP(host) === 6) return open(6);
  try {
    return await open(4);
  } catch (error) {
    const hasNoIpv4 =
      isIP(host) === 0 && ["ENOTFOUND", "ENODATA"].includes((error as NodeJS.ErrnoException).code ?? "");
    if (hasNoIpv4 && !signal.aborted) return open(6);
    throw error;
  }
}

/** Asks, and waits until both are there. Rejects with "rdv-handshake", "rdv-closed" or the signal's reason. */
export async function meet(stream: Duplex, request: string, signal: AbortSignal): Promise<Met> {
  stream.write(request, "latin1");
  const head = parseHead(await readPiece(stream, { endOf: headEnd, bytesMax: HEAD_BYTES_MAX, signal }));
  const status = head && statusOf(head);
  if (head === undefined || status === undefined) {
    throw new RdvError("rdv-handshake", "The server's answer is none of HTTP.");
  }
  const headers = headersRecord(head);
  if (status !== 101) {
    const body = await bodyOf(stream, Number(firstValue(head, "content-length") || Number.NaN));
    const message = `The server refused with ${status}${body === "" ? "" : `: ${body}`}.`;
    throw new RdvError("rdv-handshake", message, { response: { status, headers, body } });
  }
  const response = { status, headers, body: "" };
  const meeting = parseMeeting(head);
  if (typeof meeting === "string") {
    throw new RdvError("rdv-handshake", `The server's answer is none of rdv/1: ${meeting}.`, { response });
  }
  return { ...meeting, response };
}

/** What comes of a body in a moment, in one line. */
function bodyOf(stream: Duplex, length: number): Promise<string> {
  return new Promise((resolve) => {
    let held = Buffer.alloc(0);
    const bytesMax = Math.min(length >= 0 ? length : BODY_BYTES_MAX, BODY_BYTES_MAX);
    const settle = () => {
      clearTimeout(timer);
      stream.destroy();
      resolve(held.subarray(0, bytesMax).toString("utf8").replaceAll(/\s+/g, " ").trim());
    };
    const timer = setTimeout(settle, PROMPT_MS);
    if (bytesMax === 0) return settle();
    stream.on("data", (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
      if (held.length >= bytesMax) settle();
    });
    stream.on("end", settle).on("close", settle).on("error", settle).resume();
  });
}

/** Resolves at an event of a socket under way; rejects when it fails, takes too long, or the signal fires. */
export function opened(socket: Socket, event: "connect" | "secureConnect", signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (done: () => void) => {
      clearTimeout(timer);
      socket.off(event, open).off("error", fail).off("close", closed);
      signal.removeEventListener("abort", aborted);
      done();
    };
    const fail = (error: unknown) => {
      socket.on("error", () => {}).destroy();
      settle(() => reject(error));
    };
    const open = () => settle(resolve);
    const closed = () => fail(new RdvError("rdv-unreachable", "The connection was closed before it was open."));
    const aborted = () => fail(signal.reason);
    const timer = setTimeout(() => fail(new RdvError("rdv-timeout", "Nobody answers.")), PROMPT_MS);
    socket.once(event, open).once("error", fail).once("close", closed);
    signal.addEventListener("abort", aborted, { once: true });
    if (signal.aborted) aborted();
  });
}
