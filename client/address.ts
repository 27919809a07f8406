/** Addresses as text, "host:port" with IPv6 hosts in brackets, and their parts. */

export interface HostPort {
  /** Without brackets. */
  readonly host: string;
  /** 0 to 65535; 0 only makes sense for listening. */
  readonly port: number;
}

/** DNS names are at most 253 characters; an IPv6 address with a zone is shorter. */
const HOST_LENGTH_MAX = 253;
const PORT_MAX = 65_535;
const BRACKETED = /^\[([0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]:(\d{1,5})$/;
const PLAIN = /^([A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?):(\d{1,5})$/;

/** The parts of "host:port" or "[v6]:port"; undefined when the text is no such address. */
export function parseAddress(text: string): HostPort | undefined {
  if (text.length > HOST_LENGTH_MAX + 8) return undefined;
  const match = BRACKETED.exec(text) ?? PLAIN.exec(text);
  if (match === null) return undefined;
  const port = Number(match[2]);
  return port > PORT_MAX ? undefined : { host: match[1]!, port };
}

/** The text of an address: brackets around IPv6. */
export function formatAddress(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
