/**
 * Addresses, parsed once. In notes and configuration they are text: "host:port" for TCP, as ever, and a URL for every
 * other transport ("ws://host:port/path"). IPv6 hosts stand in brackets. Members that relay are named by their ids, and
 * have no port: "relay://ID", or "relay://ID/ID" through two of them, the nearer one first.
 */

/** Where a member is reached. */
export interface Address {
  /** Of the transport: "tcp", "ws", "memory", "relay", or another one's. Lower case. */
  readonly scheme: string;
  /** An IP address or a name, without brackets; of a relayed one, the id of the relay next to me. */
  readonly host: string;
  /** 0 to 65535; 0 only makes sense for listening. */
  readonly port: number;
  /** From "/" on; for transports that have paths. */
  readonly path?: string | undefined;
}

export interface HostPort {
  /** Without brackets. */
  readonly host: string;
  /** 0 to 65535; 0 only makes sense for listening. */
  readonly port: number;
}

/** As people write it: "host:port", "[::1]:8300", "8300", ":8300" or "host". */
export interface Endpoint {
  /** Without brackets. Undefined when only a port was written. */
  readonly host: string | undefined;
  /** 0 means any free port. Undefined when only a host was written. */
  readonly port: number | undefined;
}

export const PORT_MAX = 65_535;
/** Of addresses that lead through other members. */
export const RELAY_SCHEME = "relay";
/** Of addresses at which two meet by a rendezvous server; without a path: of the other end, when they have met directly. */
export const RDV_SCHEME = "rdv";
/** Of addresses at which two meet through a NATS cluster (services/nats/path/). */
export const NATS_SCHEME = "nats";
/** The host of such an address is no machine of the member's: nobody answers pings there. */
export const MEETING_SCHEMES: readonly string[] = [RDV_SCHEME, NATS_SCHEME];
/**
 * RFC 1035, section 2.3.4: a name has at most 255 octets, 253 characters as text. An IPv6 address with a zone is
 * shorter.
 */
const HOST_LENGTH_MAX = 253;
/** Characters of an address: a name, a scheme and a path; a note holds at most 259. */
const ADDRESS_LENGTH_MAX = 512;

const ONLY_PORT = /^:?(\d{1,5})$/;
const BRACKETED = /^\[([0-9A-Fa-f:.]+(?:%[\w.-]+)?)\](?::(\d{1,5}))?$/;
/** A name may end with the dot of an absolute one. */
const NAME_OR_IPV4 = /^([A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?\.?)(?::(\d{1,5}))?$/;
/** RFC 3986: a scheme, an authority without user, and a path without query and fragment. */
const URL_LIKE = /^([a-z][a-z0-9+-]{0,15}):\/\/([^/?#@]+)(\/[\w./~%!$&'()*+,;=:@-]*)?$/;

/** One member, or two: an id has 64 hex digits. */
const RELAYED = /^relay:\/\/([0-9a-f]{64})(\/[0-9a-f]{64})?$/;

/** Undefined when `text` is no address: a port must be there, and the text is short. */
export function parseAddress(text: string): Address | undefined {
  if (text.length > ADDRESS_LENGTH_MAX) return undefined;
  if (text.startsWith(`${RELAY_SCHEME}:`)) return parseRelayed(text);
  const [, scheme = "tcp", authority = text, path] = URL_LIKE.exec(text) ?? [];
  const parts = parseHostPort(authority);
  if (parts === undefined) return undefined;
  return path === undefined ? { scheme, ...parts } : { scheme, ...parts, path };
}

/** The text of an address; TCP's without its scheme. `parseAddress` reads it back. */
export function formatAddress({ scheme, host, port, path = "" }: Address): string {
  if (scheme === RELAY_SCHEME) return `${scheme}://${host}${path}`;
  const authority = formatHostPort(host, port);
  return scheme === "tcp" && path === "" ? authority : `${scheme}://${authority}${path}`;
}

/** Undefined when `text` is no endpoint. A bare IPv6 address is none: without brackets its port cannot be told. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const onlyPort = ONLY_PORT.exec(text);
  if (onlyPort) return checked(undefined, onlyPort[1]);
  const match = BRACKETED.exec(text) ?? NAME_OR_IPV4.exec(text);
  return match ? checked(match[1], match[2]) : undefined;
}

/** The parts of "host:port" or "[v6]:port"; undefined when the text is neither. */
export function parseHostPort(text: string): HostPort | undefined {
  const { host, port } = parseEndpoint(text) ?? {};
  return host === undefined || port === undefined ? undefined : { host, port };
}

/** "host:port", with brackets around IPv6. */
export function formatHostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function parseRelayed(text: string): Address | undefined {
  const [, host, path] = RELAYED.exec(text) ?? [];
  if (host === undefined) return undefined;
  return { scheme: RELAY_SCHEME, host, port: 0, ...(path !== undefined && { path }) };
}

function checked(host: string | undefined, portText: string | undefined): Endpoint | undefined {
  const port = portText === undefined ? undefined : Number(portText);
  if (port !== undefined && port > PORT_MAX) return undefined;
  if (host !== undefined && host.length > HOST_LENGTH_MAX + Number(host.endsWith("."))) return undefined;
  return { host, port };
}
