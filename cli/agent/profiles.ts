/**
 * `--prof HOST:PORT`: what the process spends its time and its memory on, as files that Chrome's developer tools and speedscope
 * read. No snapshots of the heap: they would hold the member's key.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Session } from "node:inspector/promises";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { FirefliesError, messageOf } from "../../identity/index.js";
import { formatHostPort, type HostPort } from "../../net/index.js";
import { answerFailure } from "../api/http-failure.js";
import { isLoopback } from "../api/place.js";
import { Access } from "../api/server/access.js";
import { callerOf, type DoorOptions, tlsServer, tokenFileOf, tokenFor } from "../api/server/doors.js";
import { SERVER_OPTIONS } from "../api/server/server.js";

/** Seconds of a profile when nobody says. */
const SECONDS = 10;
/** Longer ones fill memory: about 1 MiB a second when busy. */
const SECONDS_MAX = 120;
/** One who profiles, and some that are told to wait. */
const CONNECTIONS_MAX = 8;
/** Bytes between two samples of the heap: V8's own default. */
const SAMPLING_BYTES = 32 * 1024;

export interface Profiles {
  /** As curl takes it. */
  readonly url: string;
  /** The file with the token that callers show. */
  readonly tokenFile: string;
  close(): void;
}

/**
 * Plain HTTP on loopback, for who has the token: every user of the machine reaches it there. Elsewhere TLS, for the callers that
 * the API admits. Rejects with "address-in-use".
 */
export async function serveProfiles(listen: HostPort, options: DoorOptions): Promise<Profiles> {
  const isPlain = isLoopback(listen.host);
  const tokenFile = tokenFileOf(options);
  const token = await tokenFor(options);
  const names = [...options.config.names, listen.host.toLowerCase()];
  const access = new Access({ isOpen: false, names, token, now: () => performance.now() });
  const { server, end } = isPlain ? { server: createServer(SERVER_OPTIONS), end: () => {} } : await tlsServer(options);
  server.maxConnections = CONNECTIONS_MAX;
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    const principal = isPlain ? undefined : callerOf(request.socket as never, options);
    answer(request, response, access, principal).catch((error: unknown) => answerFailure(response, error));
  });
  server.on("clientError", (_, socket: Socket) => socket.destroy());
  await listening(server, listen);
  const { address, port } = server.address() as AddressInfo;
  const close = () => {
    end();
    server.close();
    server.closeAllConnections();
  };
  return { url: `${isPlain ? "http" : "https"}://${formatHostPort(address, port)}`, tokenFile, close };
}

let isProfiling = false;

async function answer(
  { url = "/", headers, socket, method }: IncomingMessage,
  response: ServerResponse,
  access: Access,
  principal: string | undefined,
): Promise<void> {
  const refusal = access.refusal({ headers, address: socket.remoteAddress ?? "", principal });
  if (refusal !== undefined) throw refusal;
  const { pathname, searchParams } = new URL(url, "http://localhost");
  const take = Object.hasOwn(KINDS, pathname) ? KINDS[pathname] : undefined;
  if (take === undefined || method !== "GET") {
    throw new FirefliesError("not-found", `There is no ${pathname.slice(0, 100)}.`, {
      advice: "Get /cpu?seconds=10 or /heap?seconds=10.",
    });
  }
  const seconds = Number(searchParams.get("seconds") ?? SECONDS);
  if (!(seconds > 0 && seconds <= SECONDS_MAX))
    throw new FirefliesError("control-malformed", `seconds is a number above 0, to ${SECONDS_MAX}.`);
  if (isProfiling) throw new FirefliesError("control-busy", "Another profile is being taken.");
  isProfiling = true;
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  try {
    const profile = await profiled(take, seconds * 1_000, gone.signal);
    response.writeHead(200, { "content-type": "application/json", "cache-control": "no-store", connection: "close" });
    response.end(JSON.stringify(profile));
  } finally {
    isProfiling = false;
  }
}

interface Kind {
  readonly begin: (session: Session) => Promise<unknown>;
  readonly end: (session: Session) => Promise<{ readonly profile: unknown }>;
}

const KINDS: Readonly<Record<string, Kind>> = {
  "/cpu": {
    begin: async (session) => {
      await session.post("Profiler.enable");
      await session.post("Profiler.start");
    },
    end: (session) => session.post("Profiler.stop"),
  },
  "/heap": {
    begin: (session) => session.post("HeapProfiler.startSampling", { samplingInterval: SAMPLING_BYTES }),
    end: (session) => session.post("HeapProfiler.stopSampling"),
  },
};

/** A caller that has gone ends it early. */
async function profiled({ begin, end }: Kind, ms: number, signal: AbortSignal): Promise<unknown> {
  const session = new Session();
  session.connect();
  try {
    await begin(session);
    await sleep(ms, undefined, { signal }).catch(() => {});
    return (await end(session)).profile;
  } finally {
    session.disconnect();
  }
}

async function listening(server: Server, { host, port }: HostPort): Promise<void> {
  server.listen({ host, port });
  await once(server, "listening").catch((cause: unknown) => {
    const text = `--prof, ${formatHostPort(host, port)}, cannot be had: ${messageOf(cause)}.`;
    throw new FirefliesError("address-in-use", text, { cause });
  });
  server.on("error", () => {});
}
