/** Addresses as text, "host:port" with IPv6 hosts in brackets, and their parts; people may leave one of the two out. */

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
/** RFC 1035, section 2.3.4: a name has at most 255 octets, 253 characters as text. An IPv6 address with a zone is shorter. */
const HOST_LENGTH_MAX = 253;

const ONLY_PORT = /^:?(\d{1,5})$/;
const BRACKETED = /^\[([0-9A-Fa-f:.]+(?:%[\w.-]+)?)\](?::(\d{1,5}))?$/;
const NAME_OR_IPV4 = /^([A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?)(?::(\d{1,5}))?$/;

/** Undefined when `text` is no endpoint. A bare IPv6 address is none: without brackets its port cannot be told. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const onlyPort = ONLY_PORT.exec(text);
  if (onlyPort) return checked(undefined, onlyPort[1]);
  const match = BRACKETED.exec(text) ?? NAME_OR_IPV4.exec(text);
  return match ? checked(match[1], match[2]) : undefined;
}

/** The parts of "host:port" or "[v6]:port"; undefined when the text is no such address. */
export function parseAddress(text: string): HostPort | undefined {
  const { host, port } = parseEndpoint(text) ?? {};
  return host === undefined || port === undefined ? undefined : { host, port };
}

/** The text of an address: brackets around IPv6. */
export function formatAddress(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function checked(host: string | undefined, portText: string | undefined): Endpoint | undefined {
  const port = portText === undefined ? undefined : Number(portText);
  if (port !== undefined && port > PORT_MAX) return undefined;
  if (host !== undefined && host.length > HOST_LENGTH_MAX) return undefined;
  return { host, port };
}
