/**
 * What a balancer says before the caller's own bytes: who calls (the PROXY protocol of HAProxy, versions 1 and 2). The
 * header is read whole before TLS begins, and never guessed at: from a trusted proxy it must be there, from others it is
 * no TLS.
 */
import { isIP } from "node:net";
import { withoutMapping } from "./caller-address.js";

/** "PROXY TCP6 ..." with its line end; the specification's own bound, bytes. */
const LINE_BYTES_MAX = 107;
/** Of version 2, what comes after its first 16 bytes: addresses have 36, the rest are extras such as a TLS report. */
const BLOCK_BYTES_MAX = 2_048;
const START = "PROXY ";
const SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
const FIXED_BYTES = 16;

export type ProxyHeader =
  | { readonly kind: "unfinished" }
  /** No such header, or a damaged one: the connection is worth nothing. */
  | { readonly kind: "invalid" }
  /** `address` of the caller; undefined when the proxy speaks for itself, as in a health check. */
  | { readonly kind: "whole"; readonly length: number; readonly address: string | undefined };

const UNFINISHED = { kind: "unfinished" } as const;
const INVALID = { kind: "invalid" } as const;

/** Reads the header at the beginning of a connection. `bytes` is all that has come so far. */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  const compared = Math.min(bytes.length, SIGNATURE.length);
  if (bytes.subarray(0, compared).equals(SIGNATURE.subarray(0, compared))) return readBlock(bytes);
  const start = bytes.toString("latin1", 0, START.length);
  return START.startsWith(start) ? readLine(bytes) : INVALID;
}

/** Version 1: "PROXY TCP4 192.0.2.1 192.0.2.9 56324 443\r\n". */
function readLine(bytes: Buffer): ProxyHeader {
  const text = bytes.toString("latin1", 0, LINE_BYTES_MAX);
  const end = text.indexOf("\r\n");
  if (end < 0) return text.length < LINE_BYTES_MAX ? UNFINISHED : INVALID;
  const [, family, source = "", target = "", ...ports] = text.slice(0, end).split(" ");
  const length = end + 2;
  if (family === "UNKNOWN") return { kind: "whole", length, address: undefined };
  const version = family === "TCP4" ? 4 : family === "TCP6" ? 6 : undefined;
  const isRight = isIP(source) === version && isIP(target) === version && ports.length === 2 && ports.every(isPort);
  return isRight ? { kind: "whole", length, address: withoutMapping(source) } : INVALID;
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535;
}

/** Version 2: a signature, version and command, family, length, addresses, extras. */
function readBlock(bytes: Buffer): ProxyHeader {
  if (bytes.length < FIXED_BYTES) return UNFINISHED;
  const [command = 0, family = 0] = bytes.subarray(SIGNATURE.length);
  const blockBytes = bytes.readUInt16BE(SIGNATURE.length + 2);
  const isKnown = command === 0x20 || command === 0x21;
  const addressBytes = ADDRESS_BYTES[family >> 4];
  if (!isKnown || addressBytes === undefined || blockBytes > BLOCK_BYTES_MAX) return INVALID;
  const isProxied = command === 0x21;
  if (isProxied && blockBytes < 2 * addressBytes) return INVALID;
  const length = FIXED_BYTES + blockBytes;
  if (bytes.length < length) return UNFINISHED;
  const source = bytes.subarray(FIXED_BYTES, FIXED_BYTES + addressBytes);
  return { kind: "whole", length, address: isProxied ? addressOf(source) : undefined };
}

/** By family: unspecified, IPv4, IPv6, Unix. Of the last only its length counts: it has no IP address. */
const ADDRESS_BYTES: readonly (number | undefined)[] = [0, 4, 16, 108];

/** ::ffff:0:0/96 (RFC 4291, 2.5.5.2). */
const MAPPED = Buffer.from("00000000000000000000ffff", "hex");

function addressOf(bytes: Buffer): string | undefined {
  if (bytes.length === 4) return bytes.join(".");
  if (bytes.length !== 16) return undefined;
  // An IPv4 caller of a balancer that listens for both: else all of them would share the limits of one network.
  if (bytes.subarray(0, MAPPED.length).equals(MAPPED)) return bytes.subarray(MAPPED.length).join(".");
  return Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16)).join(":");
}
