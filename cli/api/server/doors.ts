/**
 * Where an agent is called besides its Unix socket: over TCP, with TLS 1.3 in which callers prove their certificate, or on
 * loopback in the clear for those who have the token.
 */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import type { ApiConfig } from "../../../client/config/index.js";
import {
  certificatesToPem,
  FirefliesError,
  isCode,
  loadIdentity,
  messageOf,
  privateKeyToPem,
} from "../../../identity/index.js";
import { formatHostPort, type HostPort } from "../../../net/index.js";
import type { AgentClient } from "../../agent-client.js";
import { API_ALPN } from "../alpn.js";
import { isLoopback } from "../place.js";
import { ApiToken, readToken, TOKEN_FILE } from "../token.js";
import { Access } from "./access.js";
import { type ApiServer, SERVER_OPTIONS } from "./server.js";

/** Milliseconds for a handshake. */
const HANDSHAKE_MS = 5_000;
/** How often the member's certificate is looked at: it is renewed long before its end. Milliseconds. */
const RENEWAL_LOOK_MS = 60_000;

export interface DoorOptions {
  readonly config: ApiConfig;
  readonly client: Pick<AgentClient, "identify" | "info" | "self">;
  /** Of the member whose certificate the door shows. */
  readonly dir: string;
}

/** An open door. */
export interface OpenDoor {
  /** As `--api` takes it: "http://127.0.0.1:8500", "https://ID@host:8500". */
  readonly url: string;
  close(): void;
}

/** Opens what `api_listen` says. Rejects with "address-in-use", "config-..." or "key-file-permissions". */
export async function openDoor(api: ApiServer, options: DoorOptions): Promise<OpenDoor | undefined> {
  const { listen, allow, tokenFile } = options.config;
  if (listen === undefined) return undefined;
  const isPlain = isLoopback(listen.host) && allow.length === 0;
  const path = tokenFile ?? (isPlain ? join(options.dir, TOKEN_FILE) : undefined);
  const { host, close } = await opened(api, { key: "api_listen", listen, isPlain, tokenFile: path }, options);
  return { url: isPlain ? `http://${host}` : `https://${options.client.self.id}@${host}`, close };
}

/**
 * Opens the port that shows and changes nothing: on loopback in the clear, for every user of the machine; elsewhere with TLS, for
 * those whom the API admits. Rejects as `openDoor`.
 */
export async function openAdmin(api: ApiServer, listen: HostPort, options: DoorOptions): Promise<OpenDoor> {
  const isPlain = isLoopback(listen.host);
  const tokenFile = isPlain ? undefined : options.config.tokenFile;
  const place = { key: "admin", listen, isPlain, tokenFile, isOpen: isPlain, isReadOnly: true };
  const { host, close } = await opened(api, place, options);
  return { url: `${isPlain ? "http" : "https"}://${host}`, close };
}

interface DoorPlace {
  /** Of the configuration. */
  readonly key: string;
  readonly listen: HostPort;
  /** In the clear; else TLS. */
  readonly isPlain: boolean;
  /** Undefined where no token is taken. */
  readonly tokenFile: string | undefined;
  /** To all who can connect. */
  readonly isOpen?: boolean;
  readonly isReadOnly?: boolean;
}

/** `host`: "127.0.0.1:8500", as it listens. */
async function opened(
  api: ApiServer,
  { key, listen, isPlain, tokenFile, isOpen = false, isReadOnly = false }: DoorPlace,
  options: DoorOptions,
): Promise<{ readonly host: string; readonly close: () => void }> {
  const { allow, names } = options.config;
  const token = tokenFile === undefined ? undefined : new ApiToken(await readToken(tokenFile, true));
  if (!isPlain && token === undefined && allow.length === 0) {
    throw new FirefliesError("config-bad-value", `${key} is not on loopback, and nobody may call there.`, {
      advice: "Say who may: api_allow with names or ids of members, or api_token_file.",
    });
  }
  const now = () => performance.now();
  const access = new Access({ isOpen, names: [...names, listen.host.toLowerCase()], token, now });
  const { server, end } = isPlain ? { server: createServer(SERVER_OPTIONS), end: () => {} } : await tlsServer(options);
  const principalOf = (socket: Socket) => (isPlain ? undefined : callerOf(socket as TLSSocket, options));
  api.add({ server, access, isTls: !isPlain, isReadOnly, principalOf });
  const { address, port } = await listening(server, listen, key);
  return { host: formatHostPort(address, port), close: end };
}

/** The one of `api_token_file`, else that of the directory. */
export function tokenFileOf({ config, dir }: Pick<DoorOptions, "config" | "dir">): string {
  return config.tokenFile ?? join(dir, TOKEN_FILE);
}

/** It is made when it is not there. */
export async function tokenFor(options: DoorOptions): Promise<ApiToken> {
  return new ApiToken(await readToken(tokenFileOf(options), true));
}

/** The member's own certificate and its next ones, as the sessions between members have them. */
export async function tlsServer({
  dir,
  client,
}: DoorOptions): Promise<{ readonly server: Server; readonly end: () => void }> {
  const server = createTlsServer({
    ...SERVER_OPTIONS,
    ...(await credentialsOf(dir)),
    ...{ minVersion: "TLSv1.3", ALPNProtocols: [API_ALPN], handshakeTimeout: HANDSHAKE_MS },
    ...{ requestCert: true, rejectUnauthorized: false, ca: [] }, // Our own checks decide: callerOf.
  });
  let ends = client.info().certificateEnds;
  const renew = async () => {
    if (client.info().certificateEnds === ends) return;
    ends = client.info().certificateEnds;
    server.setSecureContext({ ...(await credentialsOf(dir)), minVersion: "TLSv1.3" });
  };
  const timer = setInterval(() => void renew().catch(() => {}), RENEWAL_LOOK_MS).unref(); // Tried again in a minute.
  return { server: server as unknown as Server, end: () => clearInterval(timer) };
}

async function credentialsOf(dir: string): Promise<{ readonly cert: string; readonly key: string }> {
  const identity = await loadIdentity(dir, { now: Date.now() });
  if (identity === undefined) throw new FirefliesError("identity-missing");
  const { certificate, privateKey } = identity;
  return { cert: certificatesToPem(certificate.leaf, certificate.issuer), key: privateKeyToPem(privateKey) };
}

/** Who has proven a certificate of the network, and is named in `api_allow`; its own member is. */
export function callerOf(socket: TLSSocket, { config, client }: DoorOptions): string | undefined {
  const leaf = socket.getPeerCertificate(true);
  const issuer = leaf?.issuerCertificate;
  if (leaf?.raw === undefined || issuer?.raw === undefined) return undefined;
  const caller = client.identify(new Uint8Array(leaf.raw), new Uint8Array(issuer.raw));
  if (caller === undefined) return undefined;
  const { id, name = "" } = caller;
  const isNamed = config.allow.some((each) => each.toLowerCase() === id || each.toLowerCase() === name.toLowerCase());
  return isNamed || id === client.self.id ? id : undefined;
}

async function listening(server: Server, { host, port }: HostPort, key: string): Promise<AddressInfo> {
  server.listen({ host, port });
  try {
    await once(server, "listening");
  } catch (cause) {
    const reason = isCode(cause, "EADDRINUSE") ? "in use" : messageOf(cause);
    throw new FirefliesError("address-in-use", `${key}, ${formatHostPort(host, port)}, cannot be had: ${reason}.`, {
      cause,
    });
  }
  server.on("error", () => {}); // Failing to accept one connection (no descriptors) is no reason to end.
  return server.address() as AddressInfo;
}
