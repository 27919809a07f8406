/** An HTTP server of the authority and its gate: the gate hears what becomes of every connection, and of every request on it. */
import type { Socket } from "node:net";
import type { FastifyInstance } from "fastify";
import { FirefliesError } from "../../identity/index.js";
import type { ConnectionGate } from "../gate/connection-gate.js";
import { HEADER_BYTES_MAX, type Waits } from "../gate/service-limits.js";
import { failureOf } from "./http-errors.js";
import type { RequestRecord } from "./service-metrics.js";

/** For the server under fastify: Node looks for late requests itself, and the gate for all that Node does not see. */
export function serverOptions({ requestMs, checkMs }: Waits) {
  return {
    headersTimeout: requestMs,
    connectionsCheckingInterval: checkMs,
    requireHostHeader: false,
    maxHeaderSize: HEADER_BYTES_MAX,
  } as const;
}

/** To be called before other hooks are added: what they throw must not come between. */
export function tellGate(app: FastifyInstance, gate: ConnectionGate): void {
  gate.guard(app.server);
  app.addHook("onRequest", async ({ socket }, reply) => {
    if (gate.asked(socket)) return;
    reply.header("connection", "close");
    const advice = "Wait for an answer before you ask again.";
    throw new FirefliesError("too-many-requests", "This connection asked too often without an answer.", { advice });
  });
  app.addHook("preHandler", async ({ socket }) => gate.working(socket));
  app.addHook("onSend", async ({ socket }, reply) => {
    reply.header("keep-alive", `timeout=${Math.floor(gate.idleMsOf(socket) / 1_000)}`);
    gate.answering(socket);
  });
  app.addHook("onResponse", async ({ socket }) => gate.answered(socket));
}

/** What Node says of a request that came too slowly, or of bytes that are none. Returns what was answered, if anything. */
export function answerBroken(gate: ConnectionGate, error: Error, socket: Socket): RequestRecord | undefined {
  const code = "code" in error ? String(error.code) : "";
  const isRequest = code.startsWith("HPE_") || code === "ERR_HTTP_REQUEST_TIMEOUT";
  if (!isRequest || !socket.writable || !gate.isOpen(socket)) {
    gate.broken(socket, code !== "ECONNRESET" && code !== "EPIPE");
    return undefined;
  }
  const { status, body } = failureOf(error);
  const json = JSON.stringify(body);
  const head = `HTTP/1.1 ${status} Refused\r\ncontent-type: application/json\r\nconnection: close`;
  const address = gate.addressOf(socket);
  socket.end(`${head}\r\ncontent-length: ${Buffer.byteLength(json)}\r\n\r\n${json}`);
  gate.closing(socket);
  return {
    method: "",
    route: "none",
    status,
    milliseconds: 0,
    address,
    caller: undefined,
    name: undefined,
    code: body.code,
  };
}
