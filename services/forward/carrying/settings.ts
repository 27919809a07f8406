/** Settings of forwards and listeners, as people write them, checked. */
import { FirefliesError, outOfRange } from "../../../identity/index.js";
import { type AccessRule, parseAccess } from "../../access.js";
import type { Refused } from "../../refusals.js";
import { formatServiceAddress, isLocal, requireServiceAddress, type ServiceAddress } from "../../service-address.js";
import { CONNECTIONS, CONNECTIONS_MAX, CONNECTIONS_PER_PEER, DIAL_MS, IDLE_MS, IDLE_MS_MAX } from "./limits.js";

/** Of both. */
interface CommonSettings {
  /** Connections at once, 1 to 65,536; 1,024 by default. The next is refused. */
  readonly connections?: number | undefined;
  /** Milliseconds without a byte in either direction until a connection is reset; 3,600,000 by default. */
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
  /** With `password`: what programs must give. Needed where other machines reach the proxy. */
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

/** Throws "address-invalid", "access-invalid", and a RangeError for a number. */
export function planForward(settings: ForwardSettings): ForwardPlan {
  const target = requireServiceAddress(settings.target);
  if (target.kind !== "unix" && target.port === 0) {
    throw new FirefliesError("address-invalid", `${formatServiceAddress(target)} is no target: port 0 is nowhere.`, {
      advice: "Give the port at which the program listens.",
    });
  }
  return {
    target,
    protocol: settings.protocol ?? protocolOf(target),
    rules: rulesOf(settings.allow, target),
    ...commonOf(settings),
    connectionsPerPeer: within(
      "connectionsPerPeer",
      settings.connectionsPerPeer ?? CONNECTIONS_PER_PEER,
      CONNECTIONS_PER_PEER,
    ),
    dialMs: within("dialMs", settings.dialMs ?? DIAL_MS, IDLE_MS_MAX),
  };
}

/** Throws "address-invalid", and a RangeError for a number. */
export function planListen(settings: ListenSettings): ListenPlan {
  const { to, protocol } = settings;
  return { to, protocol, listen: requireServiceAddress(settings.listen), ...commonOf(settings) };
}

/** Throws "address-invalid", "access-invalid", and a RangeError for a number. */
export function planProxy(settings: ProxySettings): ProxyPlan {
  const { user, password, ports = {} } = settings;
  const at = requireServiceAddress(settings.listen);
  const credentials = user === undefined || password === undefined ? undefined : { user, password };
  if (credentials === undefined && !isLocal(at)) {
    throw new FirefliesError(
      "access-invalid",
      `Other machines reach ${settings.listen}, and the proxy has no password.`,
      {
        advice: "Give user and password, or listen at 127.0.0.1.",
      },
    );
  }
  return { listen: at, ports, credentials, ...commonOf(settings) };
}

/** Of a forward without a protocol, and of what a proxy asks for: the port says which. Throws "address-invalid" for a Unix socket. */
export function protocolOf(target: ServiceAddress): string {
  if (target.kind !== "unix") return `/${target.kind}/${target.port}`;
  throw new FirefliesError("address-invalid", "A forward to a Unix socket has no port to be named by.", {
    advice: "Give it a protocol, as /x/http.",
  });
}

function rulesOf(allow: readonly string[] | undefined, target: ServiceAddress): readonly AccessRule[] {
  if (allow !== undefined) return parseAccess(allow);
  return isLocal(target) ? [{ kind: "any" }] : [];
}

function commonOf(settings: CommonSettings): { readonly connections: number; readonly idleMs: number } {
  return {
    connections: within("connections", settings.connections ?? CONNECTIONS, CONNECTIONS_MAX),
    idleMs: within("idleMs", settings.idleMs ?? IDLE_MS, IDLE_MS_MAX),
  };
}

function within(name: string, value: number, max: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw outOfRange(`${name} is a whole number from 1 to ${max}, not ${value}.`);
}
