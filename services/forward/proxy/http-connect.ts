/** CONNECT of HTTP/1.1 (RFC 9110, section 9.3.6), as functions of bytes: the head of a request, and the answer. */
import { parseHostPort } from "../../../net/index.js";
import type { Credentials, Parsed } from "./socks.js";

export interface ConnectRequest {
  readonly method: string;
  readonly host: string;
  readonly port: number;
  readonly credentials: Credentials | undefined;
}

/** Bytes of the head of a request: those of browsers have one or two thousand. */
export const HEAD_BYTES_MAX = 16 * 1024;
const END = "\r\n\r\n";
const REQUEST_LINE = /^([A-Z]{1,16}) (\S{1,1024}) HTTP\/1\.[01]$/;
const BASIC = /^proxy-authorization:\s*basic\s+([A-Za-z0-9+/=]+)\s*$/i;

/** The head of a request, up to and with its empty line. Another method has no host and no port. */
export function parseConnect(bytes: Uint8Array): Parsed<ConnectRequest> {
  if (bytes.length > 0 && !isLetter(bytes[0]!)) return { kind: "wrong" };
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, HEAD_BYTES_MAX));
  const end = head.indexOf(END);
  if (end === -1) return { kind: bytes.length >= HEAD_BYTES_MAX ? "wrong" : "more" };
  const [first = "", ...fields] = head.toString("latin1", 0, end).split("\r\n");
  const [, method, target = ""] = REQUEST_LINE.exec(first) ?? [];
  if (method === undefined) return { kind: "wrong" };
  const place = method === "CONNECT" ? parseHostPort(target) : { host: "", port: 0 };
  if (place === undefined) return { kind: "wrong" };
  return { kind: "found", value: { method, ...place, credentials: credentialsIn(fields) }, length: end + END.length };
}

/** `text` is for people, and ends up in their browsers. */
export function encodeAnswer(status: string, text: string, fields: readonly string[] = []): Uint8Array {
  const body = `${text}\n`;
  const head = [
    `HTTP/1.1 ${status}`,
    "content-type: text/plain; charset=utf-8",
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
    ...fields,
  ];
  return Buffer.from(`${head.join("\r\n")}${END}${body}`);
}

/** The tunnel begins behind it. */
export const CONNECTED: Uint8Array = Buffer.from(`HTTP/1.1 200 Connection established${END}`);

/** Methods are of upper-case letters, at least those that come here. */
function isLetter(byte: number): boolean {
  return byte >= 0x41 && byte <= 0x5a;
}

function credentialsIn(fields: readonly string[]): Credentials | undefined {
  const encoded = fields.map((field) => BASIC.exec(field)?.[1]).find((value) => value !== undefined);
  if (encoded === undefined) return undefined;
  const [, user, password] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, "base64").toString()) ?? [];
  return user === undefined || password === undefined ? undefined : { user, password };
}
