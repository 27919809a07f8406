/** A client's request: how it is written, and how a server judges it. */
import { SELF_ADDRESSES_MAX, TOKEN_BYTES_MAX } from "../limits.js";
import { formatIpPorts, type IpPort, parseIpPorts } from "./addresses.js";
import { firstValue, formatHead, type Head } from "./head.js";
import { isMethod, type Method, PROTOCOL } from "./lines.js";
import { escapeToken, unescapeToken } from "./token.js";

export const SELF_ADDRESSES_HEADER = "Rdv-Self-Addrs";
/** Headers that the protocol writes itself, in lower case: an application's are others. */
const RESERVED = /^(connection|upgrade|host|content-length|transfer-encoding|rdv-.*)$/;

export interface Wanted {
  readonly method: Method;
  readonly token: Buffer;
  readonly selfAddresses: readonly IpPort[];
}

export interface Refusal {
  readonly status: number;
  /** One line for people. */
  readonly reason: string;
}

export type Judged = ({ readonly ok: true } & Wanted) | ({ readonly ok: false } & Refusal);

export interface RequestParts {
  readonly method: Method;
  /** Of the server, with the path that the token goes behind. */
  readonly url: URL;
  readonly token: Uint8Array;
  readonly selfAddresses: readonly IpPort[];
  /** The application's. */
  readonly headers: Iterable<readonly [name: string, value: string]>;
}

const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\S+) HTTP\/(\d\.\d)$/;
/** RFC 9112, section 3.2: none of it but a host and a port, or nothing. */
const HOST = /^[\w.~!$&'()*+,;=%:[\]-]*$/;
/** RFC 9112, section 3.2.2: a target may name scheme and host again. */
const ABSOLUTE = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?]*/;

export function formatRequest({ method, url, token, selfAddresses, headers }: RequestParts): string {
  const folder = url.pathname.endsWith("/") ? url.pathname : `${url.pathname}/`;
  return formatHead(`${method} ${folder}${escapeToken(token)}${url.search} HTTP/1.1`, [
    ["Host", url.host],
    ["User-Agent", "fireflies"],
    ...headers,
    ["Connection", "upgrade"],
    [SELF_ADDRESSES_HEADER, formatIpPorts(selfAddresses)],
    ["Upgrade", PROTOCOL],
  ]);
}

/** Whether the protocol writes a header of this name itself. */
export function isReserved(name: string): boolean {
  return RESERVED.test(name.toLowerCase());
}

/** The path of a head's target, without its query; undefined when the start line is no request. */
export function requestPath({ startLine }: Head): string | undefined {
  const target = REQUEST_LINE.exec(startLine)?.[2]?.replace(ABSOLUTE, "");
  return target?.startsWith("/") ? target.replace(/\?.*$/, "") : undefined;
}

/** What a server makes of a head, for tokens behind `prefix`, which begins and ends with "/". */
export function judgeRequest(head: Head, prefix: string): Judged {
  const [, method = "", , version = ""] = REQUEST_LINE.exec(head.startLine) ?? [];
  const path = requestPath(head);
  if (path === undefined) return refuse(400, "malformed request");
  if (!version.startsWith("1.")) return refuse(505, "requires HTTP/1.1");
  return judgeHost(head, version) ?? judgeUpgrade(head, version) ?? judgeMeeting(head, { method, path, prefix });
}

function judgeHost({ headers }: Head, version: string): Judged | undefined {
  const hosts = headers.filter(([name]) => name === "host").map(([, host]) => host);
  if (version !== "1.0" && hosts.length === 0) return refuse(400, "missing Host");
  return hosts.length > 1 || !HOST.test(hosts[0] ?? "") ? refuse(400, "malformed Host") : undefined;
}

/** First whether an upgrade is meant at all: that is what most who err need to read. */
function judgeUpgrade(head: Head, version: string): Judged | undefined {
  if (firstValue(head, "connection").toLowerCase() !== "upgrade") {
    return refuse(426, "this is a rendezvous for rdv/1: requires Connection: upgrade");
  }
  const upgrade = firstValue(head, "upgrade").toLowerCase();
  if (upgrade !== PROTOCOL) return refuse(426, "requires Upgrade: rdv/1 and nothing else");
  if (version !== "1.1") return refuse(426, "requires HTTP/1.1");
  return undefined;
}

function judgeMeeting(
  head: Head,
  { method, path, prefix }: { readonly method: string; readonly path: string; readonly prefix: string },
): Judged {
  if (!`${path}/`.startsWith(prefix)) return refuse(404, "no rendezvous at this path");
  const escaped = path.slice(prefix.length).replace(/^\//, "");
  const token = unescapeToken(escaped);
  if (token === undefined) return refuse(400, "malformed token");
  if (token.length === 0) return refuse(400, "missing token");
  if (escapeToken(token).length > TOKEN_BYTES_MAX) {
    return refuse(400, `token too long: at most ${TOKEN_BYTES_MAX} bytes when escaped`);
  }
  if (!isMethod(method)) return refuse(400, "method must be DIAL or ACCEPT");
  const selfAddresses = parseIpPorts(firstValue(head, SELF_ADDRESSES_HEADER.toLowerCase()));
  if (selfAddresses === undefined) return refuse(400, `${SELF_ADDRESSES_HEADER} must be a list of ip:port`);
  if (selfAddresses.length > SELF_ADDRESSES_MAX) {
    return refuse(400, `${SELF_ADDRESSES_HEADER} has more than ${SELF_ADDRESSES_MAX} addresses`);
  }
  return { ok: true, method, token, selfAddresses };
}

function refuse(status: number, reason: string): Judged {
  return { ok: false, status, reason };
}
