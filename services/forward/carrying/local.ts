/** Connections of this machine: the target of a forward is dialled, and a listener is bound, over TCP and Unix sockets. */
import { once } from "node:events";
import { chmod, lstat, unlink } from "node:fs/promises";
import { createConnection, createServer, type NetConnectOpts, type Server, type Socket } from "node:net";
import { FirefliesError } from "../../../identity/index.js";
import { formatServiceAddress, type ServiceAddress } from "../../service-address.js";

/** Of a Unix socket: its user alone connects. */
const SOCKET_MODE = 0o600;
/** Milliseconds until a Unix socket that is there has answered, or nobody listens at it. */
const STALE_MS = 1_000;

/** Rejects with "target-unreachable", also when the signal fires. The message does not say where: peers read it. */
export async function dialTarget(target: ServiceAddress, timeoutMs: number, signal: AbortSignal): Promise<Socket> {
  const socket = createConnection({ ...connectOptions(target), allowHalfOpen: true, noDelay: true });
  socket.on("error", () => {}); // "close" follows.
  socket.pause();
  const deadline = AbortSignal.timeout(timeoutMs);
  try {
    await once(socket, "connect", { signal: AbortSignal.any([deadline, signal]) });
    return socket;
  } catch (cause) {
    socket.destroy();
    const why = deadline.aborted ? `it did not accept within ${timeoutMs} ms` : reasonOf(cause);
    throw new FirefliesError("target-unreachable", `The target of the forward cannot be reached: ${why}.`, { cause });
  }
}

/** Binds. A Unix socket that was left behind by a process that is gone is replaced. Rejects with "address-in-use" or "address-invalid". */
export async function listenAt(at: ServiceAddress, onConnection: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, onConnection);
  try {
    await bind(server, at);
  } catch (error) {
    if (at.kind !== "unix" || codeOf(error) !== "EADDRINUSE" || !(await isStale(at.path))) throw unbound(at, error);
    await unlink(at.path);
    await bind(server, at).catch((again: unknown) => Promise.reject(unbound(at, again)));
  }
  return server;
}

/** Where it listens, with the port that the system gave. */
export function boundAt(server: Server, at: ServiceAddress): ServiceAddress {
  const address = server.address();
  return at.kind === "unix" || address === null || typeof address === "string" ? at : { ...at, port: address.port };
}

async function bind(server: Server, at: ServiceAddress): Promise<void> {
  server.listen(at.kind === "unix" ? { path: at.path } : { host: at.host, port: at.port });
  await once(server, "listening");
  server.on("error", () => {}); // Of single connections, when descriptors run out: the next one may do.
  if (at.kind === "unix") await chmod(at.path, SOCKET_MODE);
}

function connectOptions(target: ServiceAddress): NetConnectOpts {
  if (target.kind === "unix") return { path: target.path };
  const { host, port, family } = target;
  return { host, port, ...(family === undefined ? { autoSelectFamily: true } : { family }) };
}

async function isStale(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  if (!found?.isSocket()) return false;
  const socket = createConnection({ path });
  try {
    await once(socket, "connect", { signal: AbortSignal.timeout(STALE_MS) });
    return false;
  } catch (error) {
    return codeOf(error) === "ECONNREFUSED";
  } finally {
    socket.destroy();
  }
}

function unbound(at: ServiceAddress, cause: unknown): FirefliesError {
  const where = formatServiceAddress(at);
  const code = codeOf(cause);
  if (code === "EADDRINUSE") return new FirefliesError("address-in-use", `${where} is in use.`, { cause });
  const why = `${where} cannot be listened at${code === undefined ? "" : ` (${code})`}.`;
  return new FirefliesError("address-invalid", why, {
    advice: "Choose an address of this machine, and a port or path that this user may use.",
    cause,
  });
}

function reasonOf(cause: unknown): string {
  const code = codeOf(cause);
  if (code === "ECONNREFUSED" || code === "ENOENT") return "nobody listens there";
  return code === undefined ? "the connection failed" : `the connection failed (${code})`;
}

function codeOf(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  if (typeof code !== "string") return undefined;
  return code === "ABORT_ERR" ? undefined : code;
}
