/** A server's answer: how it is written, and how a client judges it. */
import { STATUS_CODES } from "node:http";
import { PEER_ADDRESSES_MAX } from "../limits.js";
import { formatIpPort, formatIpPorts, type IpPort, parseIpPort, parseIpPorts } from "./addresses.js";
import { firstValue, formatHead, type Head } from "./head.js";
import { PROTOCOL } from "./lines.js";

export const OBSERVED_ADDRESS_HEADER = "Rdv-Observed-Addr";
export const PEER_ADDRESSES_HEADER = "Rdv-Peer-Addrs";

type Headers = Iterable<readonly [name: string, value: string]>;

export interface Meeting {
  readonly observedAddress: IpPort | undefined;
  readonly peerAddresses: readonly IpPort[];
}

const STATUS_LINE = /^HTTP\/1\.\d (\d{3})(?: .*)?$/;

/** The answer to each of two that met; `headers` are the application's. */
export function formatMeeting({ observedAddress, peerAddresses }: Meeting, headers: Headers = []): string {
  return formatHead("HTTP/1.1 101 Switching Protocols", [
    ...headers,
    ["Connection", "upgrade"],
    ...(observedAddress ? [[OBSERVED_ADDRESS_HEADER, formatIpPort(observedAddress)] as const] : []),
    [PEER_ADDRESSES_HEADER, formatIpPorts(peerAddresses)],
    ["Upgrade", PROTOCOL],
  ]);
}

/** A refusal, whose end is the end of the connection. */
export function formatRefusal(status: number, reason: string, headers: Headers = []): string {
  const startLine = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Refused"}`;
  return `${formatHead(startLine, [...headers, ...refusalHeaders(status)])}${reason}`;
}

/** 426 says to what an upgrade is wanted (RFC 9110, sections 7.8 and 15.5.22). */
export function refusalHeaders(status: number): (readonly [name: string, value: string])[] {
  const wantsUpgrade = status === 426;
  return [
    ["Connection", wantsUpgrade ? "close, upgrade" : "close"],
    ["Content-Type", "text/plain; charset=utf-8"],
    ...(wantsUpgrade ? [["Upgrade", PROTOCOL] as const] : []),
    ["X-Content-Type-Options", "nosniff"],
  ];
}

/** Undefined when the start line is none of an answer. */
export function statusOf({ startLine }: Head): number | undefined {
  const [, status] = STATUS_LINE.exec(startLine) ?? [];
  return status === undefined ? undefined : Number(status);
}

/** Takes a head with status 101; a text says what is wrong with it. */
export function parseMeeting(head: Head): Meeting | string {
  if (!/(^|,)[ \t]*upgrade[ \t]*(,|$)/i.test(firstValue(head, "connection"))) return "no Connection: upgrade";
  if (firstValue(head, "upgrade").toLowerCase() !== PROTOCOL) return "no Upgrade: rdv/1";
  const peerAddresses = parseIpPorts(firstValue(head, PEER_ADDRESSES_HEADER.toLowerCase()));
  if (peerAddresses === undefined) return `${PEER_ADDRESSES_HEADER} is no list of ip:port`;
  if (peerAddresses.length > PEER_ADDRESSES_MAX) return `more than ${PEER_ADDRESSES_MAX} peer addresses`;
  const observed = firstValue(head, OBSERVED_ADDRESS_HEADER.toLowerCase());
  const observedAddress = observed === "" ? undefined : parseIpPort(observed);
  if (observed !== "" && observedAddress === undefined) return `${OBSERVED_ADDRESS_HEADER} is no ip:port`;
  return { observedAddress, peerAddresses };
}
