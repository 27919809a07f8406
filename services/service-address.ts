/**
 * Where programs listen that services lead to, or that lead to services: "host:port", "unix:/path", a URL ("tcp://host:port",
 * "udp://host:port"), or a multiaddr ("/ip4/127.0.0.1/tcp/8000", "/unix/run/app.sock"). Parsed once, then values.
 * Multiaddr: https://github.com/multiformats/multiaddr, as far as it names TCP, UDP and Unix sockets.
 */
import { isIP } from "node:net";
import { FirefliesError } from "../identity/index.js";
import { formatHostPort, parseEndpoint, rangeOf } from "../net/index.js";

/** Where a program listens, or will. */
export type ServiceAddress = InternetAddress | UnixAddress;

export interface InternetAddress {
  readonly kind: "tcp" | "udp";
  /** An IP address or a name, without brackets. */
  readonly host: string;
  /** 0 to 65535; 0 is any free port, and only makes sense for listening. */
  readonly port: number;
  /** Which addresses of a name count: of "/dns4" and "/dns6". Undefined for both, and for IP addresses. */
  readonly family?: 4 | 6 | undefined;
}

export interface UnixAddress {
  readonly kind: "unix";
  /** As the operating system takes it, relative ones as well. */
  readonly path: string;
}

/** What a bare port, ":8000" or "8000", belongs to. */
const LOOPBACK = "127.0.0.1";
/** Bytes: `sun_path` of macOS and the BSDs is 104, with the zero at its end; that of Linux is 108. */
export const UNIX_PATH_BYTES_MAX = 103;
/** Characters of an address: a Unix path as a multiaddr, each byte of it escaped. */
const ADDRESS_CHARACTERS_MAX = 512;
const UNIX_URL = /^unix:(?:\/\/(?=\/))?(.+)$/s;
const CARRIER_URL = /^(tcp|udp):\/\/([^/]+)\/?$/;
const INTERNET_MULTIADDR = /^\/(ip4|ip6|dns|dns4|dns6)\/([^/]+)\/(tcp|udp)\/(\d{1,5})\/?$/;
const UNIX_MULTIADDR = /^\/unix\/(.+)$/s;

/** Undefined when `text` is none. A bare "host:port" is of the kind `carrier`. */
export function parseServiceAddress(text: string, carrier: "tcp" | "udp" = "tcp"): ServiceAddress | undefined {
  if (text.length > ADDRESS_CHARACTERS_MAX) return undefined;
  if (text.startsWith("/")) return parseMultiaddr(text);
  const unix = UNIX_URL.exec(text)?.[1];
  if (unix !== undefined) return unixAddress(unix);
  const [, kind = carrier, authority = text] = CARRIER_URL.exec(text) ?? [];
  const { host = LOOPBACK, port } = parseEndpoint(authority) ?? {};
  return port === undefined ? undefined : { kind: kind as "tcp" | "udp", host, port };
}

/** The text of an address, which `parseServiceAddress` reads back: "host:port", "udp://host:port" or "unix:/path". */
export function formatServiceAddress(address: ServiceAddress): string {
  if (address.kind === "unix") return `unix:${address.path}`;
  const { kind, host, port, family } = address;
  if (family !== undefined) return `/dns${family}/${host}/${kind}/${port}`;
  const authority = formatHostPort(host, port);
  return kind === "tcp" ? authority : `${kind}://${authority}`;
}

/** As `parseServiceAddress`. Throws "address-invalid", which says what is wrong with it. */
export function requireServiceAddress(text: string, carrier: "tcp" | "udp" = "tcp"): ServiceAddress {
  const address = parseServiceAddress(text, carrier);
  if (address !== undefined) return address;
  throw new FirefliesError(
    "address-invalid",
    `${JSON.stringify(text.slice(0, ADDRESS_CHARACTERS_MAX))} is no address.`,
    {
      advice: 'Give "host:port", "unix:/path", or a multiaddr as "/ip4/127.0.0.1/tcp/8000" and "/unix/run/app.sock".',
    },
  );
}

/** Does it lead to this machine alone? Names but "localhost" do not: what they mean can change. */
export function isLocal(address: ServiceAddress): boolean {
  return address.kind === "unix" || rangeOf(address.host) === "loopback";
}

function parseMultiaddr(text: string): ServiceAddress | undefined {
  const unix = UNIX_MULTIADDR.exec(text)?.[1];
  if (unix !== undefined) return unixMultiaddr(unix);
  const [, network, host, kind, portText] = INTERNET_MULTIADDR.exec(text) ?? [];
  if (host === undefined || !hostFits(network, host)) return undefined;
  const port = Number(portText);
  if (port > 65_535) return undefined;
  const family = network === "dns4" ? 4 : network === "dns6" ? 6 : undefined;
  return { kind: kind as "tcp" | "udp", host, port, ...(family !== undefined && { family }) };
}

function hostFits(network: string | undefined, host: string): boolean {
  if (network === "ip4") return isIP(host) === 4;
  if (network === "ip6") return isIP(host) === 6;
  return isIP(host) === 0 && parseEndpoint(`${host}:1`)?.host === host;
}

/** "/unix/run/app.sock" as it was first written, and "/unix/%2Frun%2Fapp.sock", which other protocols can follow. */
function unixMultiaddr(rest: string): UnixAddress | undefined {
  const [first = "", ...more] = rest.split("/");
  if (!/^%2f/i.test(first)) return unixAddress(`/${rest}`);
  try {
    return more.join("") === "" ? unixAddress(decodeURIComponent(first)) : undefined;
  } catch {
    return undefined;
  }
}

function unixAddress(path: string): UnixAddress | undefined {
  if (path.includes("\0") || Buffer.byteLength(path) > UNIX_PATH_BYTES_MAX) return undefined;
  return { kind: "unix", path };
}
