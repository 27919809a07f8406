/** Endpoints as people write them: "host:port", "[::1]:8300", "8300", ":8300" or "host". */

export interface Endpoint {
  /** Without brackets. Undefined when only a port was written. */
  readonly host: string | undefined;
  /** 0 means any free port. Undefined when only a host was written. */
  readonly port: number | undefined;
}

export const PORT_MAX = 65_535;
/** RFC 1035, section 2.3.4: a name has at most 255 octets. */
const HOST_LENGTH_MAX = 255;

const ONLY_PORT = /^:?(\d{1,5})$/;
const IPV6 = /^\[([0-9a-fA-F:.]+(?:%[\w.-]+)?)\](?::(\d{1,5}))?$/;
const NAME_OR_IPV4 = /^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9.])?)(?::(\d{1,5}))?$/;

/** Undefined when `text` is no endpoint. A bare IPv6 address is none: without brackets its port cannot be told. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const onlyPort = ONLY_PORT.exec(text);
  if (onlyPort) return checked(undefined, onlyPort[1]);
  const match = IPV6.exec(text) ?? NAME_OR_IPV4.exec(text);
  return match ? checked(match[1], match[2]) : undefined;
}

function checked(host: string | undefined, portText: string | undefined): Endpoint | undefined {
  const port = portText === undefined ? undefined : Number(portText);
  if (port !== undefined && port > PORT_MAX) return undefined;
  if (host !== undefined && host.length > HOST_LENGTH_MAX) return undefined;
  return { host, port };
}

/** "host:port", an IPv6 host in brackets. */
export function formatEndpoint(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
