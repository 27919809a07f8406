/** Where an agent is called, and how the connection is made: the Unix socket of its directory, or a URL. */
import { once } from "node:events";
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { createConnection, isIP, type Socket } from "node:net";
import { findControlPath } from "../../client/state/control-path.js";
import { FirefliesError } from "../../identity/errors/error.js";
import { isCode, messageOf } from "../../identity/files/files.js";
import { usage } from "../failure.js";

/** Milliseconds until a socket in the same machine has accepted, or its process hangs. */
const CONNECT_TIMEOUT_MS = 5_000;
/** And until one elsewhere has, with TLS. */
const REMOTE_TIMEOUT_MS = 10_000;

/** What a command was told about the agent that it is for. */
export interface AgentPlace {
  /** Absolute. Of an agent elsewhere: whose identity calls it. */
  readonly dir: string;
  /** `unix:/path`, `http://127.0.0.1:port` or `https://[ID@]host:port`; without it the socket in `dir`. */
  readonly api?: string | undefined;
  readonly apiTokenFile?: string | undefined;
  /** File with the root certificate of the agent's network, where `dir` has none. */
  readonly apiRoot?: string | undefined;
  /** Which of the agent's members. */
  readonly as?: string | undefined;
}

/** A connection, and what its requests say. */
export interface Connected {
  readonly socket: Socket;
  readonly headers: Readonly<Record<string, string>>;
}

/** "the agent on DIR", or at its URL. */
export function nameOf({ dir, api }: AgentPlace): string {
  return api === undefined ? `The agent on ${dir}` : `The agent at ${api}`;
}

/** Rejects with "agent-unreachable", "agent-forbidden", or what is wrong with the token or the identity. */
export async function connect(place: AgentPlace): Promise<Connected> {
  const { api, dir } = place;
  if (api === undefined) return await connectSocket(await findControlPath(dir), (cause) => unreachable(dir, cause));
  if (api.startsWith("unix:"))
    return await connectSocket(api.slice("unix:".length), async (cause) => away(place, cause));
  const url = parseApi(api);
  const token = await tokenOf(place);
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const headers = { host: url.host, ...authorization };
  if (url.protocol === "http:") return { socket: await connectPlain(url, place), headers };
  const { connectTls } = await import("./caller/tls-client.js");
  return { socket: await connectTls({ url, place, timeoutMs: REMOTE_TIMEOUT_MS }), headers };
}

/** Throws "cli-usage". */
function parseApi(api: string): URL {
  const url = URL.canParse(api) ? new URL(api) : undefined;
  const isPlain =
    url !== undefined && url.pathname === "/" && url.search === "" && url.hash === "" && url.password === "";
  if (!isPlain || !["http:", "https:"].includes(url.protocol) || url.port === "0")
    throw usage(`--api is unix:/path, http://127.0.0.1:PORT or https://[ID@]HOST:PORT, not ${api}.`);
  if (url.protocol === "http:" && !isLoopback(url.hostname))
    throw usage("--api with http is for loopback alone: the token would be read on its way.", "Use https.");
  return url;
}

export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[(.*)\]$/, "$1");
  return name === "localhost" || name === "::1" || (isIP(name) === 4 && name.startsWith("127."));
}

/** Host and port as `node:net` takes them. */
export function endpointOf({ hostname, port, protocol }: URL): { readonly host: string; readonly port: number } {
  const usual = protocol === "https:" ? 443 : 80;
  return { host: hostname.replace(/^\[(.*)\]$/, "$1"), port: port === "" ? usual : Number(port) };
}

async function tokenOf({ apiTokenFile }: AgentPlace): Promise<string | undefined> {
  if (apiTokenFile === undefined) return undefined;
  const { readToken } = await import("./token.js");
  return await readToken(apiTokenFile);
}

async function connectPlain(url: URL, place: AgentPlace): Promise<Socket> {
  const socket = createConnection(endpointOf(url));
  return await connected(socket, REMOTE_TIMEOUT_MS, async (cause) => away(place, cause));
}

async function connectSocket(path: string, failed: (cause: unknown) => Promise<FirefliesError>): Promise<Connected> {
  const socket = await connected(createConnection({ path }), CONNECT_TIMEOUT_MS, failed);
  return { socket, headers: { host: "localhost" } };
}

/** Resolves with the socket when it is connected; rejects with what `failed` makes of the reason. */
export async function connected(
  socket: Socket,
  timeoutMs: number,
  failed: (cause: unknown) => Promise<FirefliesError>,
  event = "connect",
): Promise<Socket> {
  socket.on("error", () => socket.destroy());
  try {
    await once(socket, event, { signal: AbortSignal.timeout(timeoutMs) });
    return socket;
  } catch (cause) {
    socket.destroy();
    throw await failed(cause);
  }
}

export function away(place: AgentPlace, cause: unknown): FirefliesError {
  return new FirefliesError("agent-unreachable", `${nameOf(place)} cannot be reached: ${messageOf(cause)}.`, {
    cause,
    advice: "Check --api, and that the agent runs with api_listen.",
  });
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
