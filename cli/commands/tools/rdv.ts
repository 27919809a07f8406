/** `fireflies rdv`: a rendezvous server, and the two ends that meet there. */
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { Readable } from "node:stream";
import { type Command, InvalidArgumentError } from "commander";
import { FirefliesError } from "../../../identity/errors/error.js";
import { formatHostPort, type HostPort, parseEndpoint } from "../../../net/address.js";
import {
  AddressSpaces,
  addressSpace,
  type Conn,
  forwardedAddress,
  type Method,
  RdvClient,
  RdvError,
  type RdvErrorCode,
  RdvServer,
} from "../../../rdv/index.js";
import { Log } from "../../log/log.js";
import { toJson, write, writeLine } from "../../output.js";
import { exitSoon, fired, untilTold } from "../../signals.js";
import { examples, type JsonOption, number, withJson } from "../common.js";

const LISTEN: HostPort = { host: "0.0.0.0", port: 8_321 };
const SECONDS_MAX = 86_400;
/**
 * Milliseconds. When one side has ended and the other is silent for so long, the command ends: a relay has no half-close, and
 * a terminal that nobody types at never ends.
 */
const QUIET_MS = 2_000;

/** Codes of `fireflies/rdv` in the table of the command. "rdv-other" is for handlers of servers. */
const CODES = {
  "rdv-handshake": "rdv-handshake",
  "rdv-protocol": "rdv-protocol",
  "rdv-unreachable": "rdv-unreachable",
  "rdv-timeout": "rdv-timeout",
  "rdv-closed": "rdv-closed",
  "rdv-invalid": "cli-usage",
  "rdv-other": "rdv-protocol",
} as const satisfies Record<RdvErrorCode, string>;

interface ServeOptions extends JsonOption {
  readonly listen: HostPort;
  readonly prefix: string;
  readonly lobbyTimeout?: number;
  readonly idleTimeout?: number;
  readonly forwarded?: boolean;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

interface EndOptions {
  readonly relay?: boolean;
  readonly ca?: string;
}

export function addRdv(program: Command): void {
  const command = program
    .command("rdv")
    .description("reach a program behind a NAT by a token, directly or relayed: a rendezvous server, and both ends");
  addServe(command);
  addEnd(command, "dial", "DIAL", "meet the one that accepts: standard input there, what comes from there here");
  addEnd(command, "accept", "ACCEPT", "meet the one that dials: standard input there, what comes from there here");
  examples(
    command,
    "rdv serve --listen 0.0.0.0:8321 --prefix /rdv/",
    "rdv accept https://rendezvous.example/rdv A-TOKEN > file",
    "rdv dial https://rendezvous.example/rdv A-TOKEN < file",
  );
}

function addServe(rdv: Command): void {
  const command = withJson(
    rdv.command("serve").description("run a rendezvous server, which relays those that need it"),
  );
  const seconds = number(0, SECONDS_MAX, false);
  command
    .option("--listen <host:port>", "where to listen; port 0 for any free one", listenAddress, LISTEN)
    .option("--prefix <path>", "tokens are what follows it in the path", "/")
    .option("--lobby-timeout <seconds>", "how long a client waits for its peer (3600)", seconds)
    .option("--idle-timeout <seconds>", "how long a pair may be silent (3600)", seconds)
    .option("--forwarded", "believe X-Forwarded-For and -Port: behind one proxy that writes both, nowhere else")
    .option("--tls-cert <file>", "certificate chain, in PEM: serves https")
    .option("--tls-key <file>", "its key, in PEM");
  examples(command, "rdv serve", "rdv serve --listen 127.0.0.1:0 --prefix /rdv/ --json");
  command.action(serve);
}

async function serve(options: ServeOptions): Promise<void> {
  const told = untilTold();
  const log = new Log({ form: options.json ? "json" : "text", level: "info" });
  const http = await siteOf(options);
  const rdv = new RdvServer({
    prefix: options.prefix,
    logger: log,
    ...(options.lobbyTimeout === undefined ? {} : { lobbyTimeoutMs: options.lobbyTimeout * 1_000 }),
    ...(options.idleTimeout === undefined ? {} : { idleTimeoutMs: options.idleTimeout * 1_000 }),
    ...(options.forwarded ? { observedAddress: forwardedAddress } : {}),
  });
  rdv.attach(http);
  const { host } = options.listen;
  const port = await listening(http, options.listen);
  const reachable = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  const url = `${options.tlsCert ? "https" : "http"}://${formatHostPort(reachable, port)}${folder(options.prefix)}`;
  log.tell("info", "listening", { url }, `listening: ${url}`);
  await fired(told);
  await rdv.close();
  http.closeAllConnections();
  http.close();
  await log.close();
  exitSoon();
}

async function siteOf({ tlsCert, tlsKey }: ServeOptions): Promise<Server> {
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new FirefliesError("cli-usage", "A certificate and its key go together.", {
      advice: "Give --tls-cert and --tls-key, or neither.",
    });
  }
  const elsewhere = "There is a rendezvous server here, at another path.\n";
  const site =
    tlsCert === undefined || tlsKey === undefined
      ? createServer()
      : createSecureServer({ cert: await readFile(tlsCert), key: await readFile(tlsKey) });
  return site.on("request", (_request, response) => response.writeHead(404).end(elsewhere));
}

function listening(http: Server, { host, port }: HostPort): Promise<number> {
  return new Promise((resolve, reject) => {
    http.once("error", (cause: NodeJS.ErrnoException) => {
      const code = cause.code === "EADDRINUSE" ? "address-in-use" : "address-invalid";
      reject(new FirefliesError(code, `Cannot listen at ${formatHostPort(host, port)}: ${cause.message}.`, { cause }));
    });
    http.listen({ host, port }, () => {
      const address = http.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

function addEnd(rdv: Command, name: string, method: Method, description: string): void {
  const command = rdv.command(name).description(description);
  command
    .argument("<url>", "of the rendezvous server, with its prefix")
    .argument("<token>", "what both ends know: best a long one that is drawn at random, for each meeting")
    .option("--relay", "by the server, without an attempt to get around it")
    .option("--ca <file>", "certificate of the authority that signed the server's, in PEM");
  examples(command, `rdv ${name} https://rendezvous.example/rdv A-TOKEN`);
  command.addHelpText("after", '\nOne JSON line on standard error tells when both are connected: event "connected".');
  command.action((url: string, token: string, options: EndOptions) => meet(method, url, token, options));
}

async function meet(method: Method, url: string, token: string, { relay = false, ca }: EndOptions): Promise<void> {
  const startedAt = performance.now();
  const signal = untilTold();
  const tls = ca === undefined ? {} : { ca: await readFile(ca) };
  const client = new RdvClient({ addressSpaces: relay ? AddressSpaces.none : spacesFor(url), tls });
  try {
    const conn = await client.do(method, url, token, { signal });
    signal.addEventListener("abort", () => conn.destroy(), { once: true });
    await writeLine(toJson(connected(conn, Math.round(performance.now() - startedAt))), process.stderr);
    await exchange(conn, process.stdin);
    signal.throwIfAborted();
  } catch (error) {
    throw failureOf(error, signal);
  } finally {
    process.stdin.destroy();
  }
}

/** With loopback when the server is on this machine: then the peer may be, too. */
function spacesFor(url: string): AddressSpaces {
  const host = URL.canParse(url) ? new URL(url).hostname.replace(/^\[(.*)\]$/, "$1") : "";
  const isHere = host === "localhost" || addressSpace(host)?.startsWith("loopback");
  return isHere ? AddressSpaces.of(AddressSpaces.default, "loopback4", "loopback6") : AddressSpaces.default;
}

function connected({ isRelay: relay, remoteAddress: remote, observedAddress: observed }: Conn, ms: number): object {
  const isPublic = observed !== undefined && addressSpace(observed.replace(/:\d+$/, "")) === "public4";
  const warning = "The server sees no public IPv4 address of this machine: it is near, or behind a proxy.";
  return { event: "connected", relay, remote, ms, observed, ...(isPublic ? {} : { warning }) };
}

/** Both directions to their ends. Rejects when the connection breaks. */
async function exchange(conn: Conn, input: Readable): Promise<void> {
  const sides = new Sides(conn);
  input.on("data", (chunk: Buffer) => {
    sides.touch();
    if (conn.writable && !conn.write(chunk)) input.pause();
  });
  conn.on("drain", () => input.resume());
  input.on("end", () => sides.inputEnded()).on("error", () => sides.inputEnded());
  const closed = new Promise<void>((resolve, reject) => {
    conn.on("error", (cause) =>
      reject(new RdvError("rdv-closed", `The connection broke: ${cause.message}.`, { cause })),
    );
    conn.on("close", resolve);
  });
  for await (const chunk of conn.iterator({ destroyOnReturn: false })) {
    sides.sent();
    await write(process.stdout, chunk);
  }
  sides.peerEnded();
  await closed;
}

/** When this end may close the connection: both have ended, or one has and the other is silent. */
class Sides {
  readonly #conn: Conn;
  #hasInputEnded = false;
  #hasPeerEnded = false;
  #hasInput = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(conn: Conn) {
    this.#conn = conn;
    conn.on("close", () => clearTimeout(this.#timer));
  }

  /** Something came from standard input. */
  touch(): void {
    this.#hasInput = true;
    this.#wait();
  }

  /** Something came from the peer. */
  sent(): void {
    this.#wait();
  }

  inputEnded(): void {
    this.#hasInputEnded = true;
    // A direct connection has a way to say so; a relayed one would end both ways.
    if (!this.#conn.isRelay || this.#hasPeerEnded) this.#conn.end();
    else this.#wait();
  }

  peerEnded(): void {
    this.#hasPeerEnded = true;
    if (this.#hasInputEnded) this.#conn.end();
    else this.#wait();
  }

  /** One without any input never ends a relay: it is there for what the other one has. */
  #wait(): void {
    clearTimeout(this.#timer);
    const mayEnd = this.#hasPeerEnded || (this.#hasInputEnded && this.#hasInput);
    if (mayEnd) this.#timer = setTimeout(() => this.#conn.end(), QUIET_MS);
  }
}

function failureOf(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return new FirefliesError("cancelled", "Interrupted.");
  if (!(error instanceof RdvError)) return error;
  return new FirefliesError(CODES[error.code], error.message, { cause: error });
}

function listenAddress(text: string): HostPort {
  const { host = LISTEN.host, port } = parseEndpoint(text) ?? {};
  if (port === undefined) throw new InvalidArgumentError("It must be host:port.");
  return { host, port };
}

function folder(prefix: string): string {
  const parts = prefix.split("/").filter((part) => part !== "");
  return parts.length === 0 ? "/" : `/${parts.join("/")}/`;
}
