/** Settings of forwards, listeners and proxies, as people write them, checked. */
import { requireName } from "../../../client/offers/name.js";
import { FirefliesError, outOfRange } from "../../../identity/index.js";
import { type AccessRule, parseAccess } from "../../access.js";
import type { Refused } from "../../refusals.js";
import { formatServiceAddress, isLocal, requireServiceAddress, type ServiceAddress } from "../../service-address.js";
import {
  CONNECTIONS,
  CONNECTIONS_MAX,
  CONNECTIONS_PER_PEER,
  CREDENTIAL_BYTES_MAX,
  DIAL_MS,
  FLOW_IDLE_MS,
  FLOWS,
  IDLE_MS,
  IDLE_MS_MAX,
} from "./limits.js";

/** Of both. */
interface CommonSettings {
  /**
   * Connections at once, 1 to 65,536; 1,024 by default. The next is refused. Of a listener for datagrams: sources at once, 128 by
   * default, and the one used least recently gives way.
   */
  readonly connections?: number | undefined;
  /** Milliseconds without a byte in either direction until a connection is reset; 3,600,000 by default, 120,000 of datagrams. */
  readonly idleMs?: number | undefined;
}

/** Of a forward: incoming streams go to a program. */
export interface ForwardSettings extends CommonSettings {
  /** "host:port", "unix:/path", "udp://host:port" or a multiaddr. */
  readonly target: string;
  /** The name by which members ask for it; "/tcp/PORT" or "/udp/PORT" of the target by default. */
  readonly protocol?: string | undefined;
  /**
   * Who may use it: "*", ids, names or patterns of names, "metadata:key=value", "service:NAME". By default every member of the
   * network when the target is on this machine, and nobody when it is not.
   */
  readonly allow?: readonly string[] | undefined;
  /** Connections of one member at once, 1 to 256; 256 by default. */
  readonly connectionsPerPeer?: number | undefined;
  /** Milliseconds for the target to accept; 5,000 by default. */
  readonly dialMs?: number | undefined;
  /** Told of members that were refused: the first times, then seldom. */
  readonly onRefused?: ((refused: Refused) => void) | undefined;
}

/** Of a listener: local connections go to a member. */
export interface ListenSettings extends CommonSettings {
  /** A member's id, its name or a beginning of its id; or "service:NAME" for any member that offers it. */
  readonly to: string;
  /** As the forward there names it. */
  readonly protocol: string;
  /** "host:port", "unix:/path", "udp://host:port" or a multiaddr; port 0 takes a free one. */
  readonly listen: string;
}

/** Of a proxy: local programs name the member by a host name. */
export interface ProxySettings extends CommonSettings {
  /** "host:port", "unix:/path" or a multiaddr; port 0 takes a free one. */
  readonly listen: string;
  /** Protocols by port, as `{ 80: "/x/http" }`; other ports ask for "/tcp/PORT". */
  readonly ports?: Readonly<Record<string, string>> | undefined;
  /** With `password`: what programs must give, each of 1 to 255 bytes. Needed where other machines reach the proxy. */
  readonly user?: string | undefined;
  readonly password?: string | undefined;
}

/** Settings of a proxy as values. */
export interface ProxyPlan {
  readonly listen: ServiceAddress;
  readonly ports: Readonly<Record<string, string>>;
  readonly credentials: { readonly user: string; readonly password: string } | undefined;
  readonly connections: number;
  readonly idleMs: number;
}

/** Settings of a forward as values. */
export interface ForwardPlan {
  readonly target: ServiceAddress;
  readonly protocol: string;
  readonly rules: readonly AccessRule[];
  readonly connections: number;
  readonly connectionsPerPeer: number;
  readonly idleMs: number;
  readonly dialMs: number;
}

/** Settings of a listener as values. */
export interface ListenPlan {
  readonly to: string;
  readonly protocol: string;
  readonly listen: ServiceAddress;
  readonly connections: number;
  readonly idleMs: number;
}

/** Throws "address-invalid", "access-invalid", "name-invalid", and a RangeError for a number. */
export function planForward(settings: ForwardSettings): ForwardPlan {
  const target = requireServiceAddress(settings.target);
  if (target.kind !== "unix" && target.port === 0) {
    throw new FirefliesError("address-invalid", `${formatServiceAddress(target)} is no target: port 0 is nowhere.`, {
      advice: "Give the port at which the program listens.",
    });
  }
  const protocol = settings.protocol ?? protocolOf(target);
  requireName(protocol, "protocol");
  return {
    ...{ target, protocol },
    rules: rulesOf(settings.allow, target),
    connections: connectionsOf(settings, CONNECTIONS),
    idleMs: idleOf(settings, target),
    connectionsPerPeer: within(
      "connectionsPerPeer",
      settings.connectionsPerPeer ?? CONNECTIONS_PER_PEER,
      CONNECTIONS_PER_PEER,
    ),
    dialMs: within("dialMs", settings.dialMs ?? DIAL_MS, IDLE_MS_MAX),
  };
}

/** Throws "address-invalid", "name-invalid", and a RangeError for a number. */
export function planListen(settings: ListenSettings): ListenPlan {
  const { to, protocol } = settings;
  requireName(protocol, "protocol");
  const at = requireServiceAddress(settings.listen);
  const connections = connectionsOf(settings, at.kind === "udp" ? FLOWS : CONNECTIONS);
  return { to, protocol, listen: at, connections, idleMs: idleOf(settings, at) };
}

/** Throws "address-invalid", "access-invalid", "name-invalid", and a RangeError for a number. */
export function planProxy(settings: ProxySettings): ProxyPlan {
  const { ports = {} } = settings;
  const at = requireServiceAddress(settings.listen);
  if (at.kind === "udp") throw noPort(settings.listen, "A proxy takes connections, and no datagrams.");
  const credentials = credentialsOf(settings);
  if (credentials === undefined && !isLocal(at)) {
    throw new FirefliesError(
      "access-invalid",
      `Other machines reach ${settings.listen}, and the proxy has no password.`,
      {
        advice: "Give user and password, or listen at 127.0.0.1.",
      },
    );
  }
  requirePorts(ports);
  const connections = connectionsOf(settings, CONNECTIONS);
  return { listen: at, ports, credentials, connections, idleMs: idleOf(settings, at) };
}

/** One without the other is a mistake: a proxy that lets everybody in is none that somebody wanted then. */
function credentialsOf({ user, password }: ProxySettings): ProxyPlan["credentials"] {
  if (user === undefined && password === undefined) return undefined;
  for (const text of [user, password]) {
    const bytes = Buffer.byteLength(text ?? "");
    if (bytes >= 1 && bytes <= CREDENTIAL_BYTES_MAX) continue;
    throw new FirefliesError(
      "access-invalid",
      `A proxy has a user and a password, each of 1 to ${CREDENTIAL_BYTES_MAX} bytes, or neither.`,
      { advice: "Give both, or leave both out." },
    );
  }
  return { user: user ?? "", password: password ?? "" };
}

/** Protocols by port. Throws "address-invalid" and "name-invalid". */
export function requirePorts(ports: Readonly<Record<string, unknown>>): void {
  for (const [port, protocol] of Object.entries(ports)) {
    if (!isPort(port)) throw noPort(port, "Ports are numbers from 1 to 65535.");
    requireName(protocol, "protocol");
  }
}

function isPort(text: string): boolean {
  return /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65_535;
}

function noPort(text: string, why: string): FirefliesError {
  return new FirefliesError("address-invalid", `${JSON.stringify(text)} cannot be used. ${why}`);
}

/** Of a forward without a protocol, and of what a proxy asks for: the port says which. Throws "address-invalid" for a Unix socket. */
function protocolOf(target: ServiceAddress): string {
  if (target.kind !== "unix") return `/${target.kind}/${target.port}`;
  throw new FirefliesError("address-invalid", "A forward to a Unix socket has no port to be named by.", {
    advice: "Give it a protocol, as /x/http.",
  });
}

function rulesOf(allow: readonly string[] | undefined, target: ServiceAddress): readonly AccessRule[] {
  if (allow !== undefined) return parseAccess(allow);
  return isLocal(target) ? [{ kind: "any" }] : [];
}

function connectionsOf({ connections }: CommonSettings, usual: number): number {
  return within("connections", connections ?? usual, CONNECTIONS_MAX);
}

function idleOf({ idleMs }: CommonSettings, { kind }: ServiceAddress): number {
  return within("idleMs", idleMs ?? (kind === "udp" ? FLOW_IDLE_MS : IDLE_MS), IDLE_MS_MAX);
}

function within(name: string, value: number, max: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw outOfRange(`${name} is a whole number from 1 to ${max}, not ${value}.`);
}
