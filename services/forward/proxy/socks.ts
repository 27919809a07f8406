/**
 * SOCKS 5 (RFC 1928) with user name and password (RFC 1929), as functions of bytes: what a client says, read from the beginning of
 * what has come, and what it is answered. CONNECT alone.
 */

/** What stands at the beginning of some bytes; "more" when it is not all there, "wrong" when it never will be. */
export type Parsed<T> = { readonly kind: "more" } | { readonly kind: "wrong" } | Found<T>;
export interface Found<T> {
  readonly kind: "found";
  readonly value: T;
  /** Bytes of it. */
  readonly length: number;
}

export interface SocksRequest {
  readonly command: "connect" | "other";
  /** A name or an IP address. */
  readonly host: string;
  readonly port: number;
}

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

export const SOCKS_VERSION = 5;
const AUTH_VERSION = 1;
const METHOD_NONE = 0;
const METHOD_PASSWORD = 2;
const METHOD_UNACCEPTABLE = 0xff;
const COMMAND_CONNECT = 1;

/** RFC 1928, section 6. */
const SOCKS_REPLIES = {
  succeeded: 0,
  failure: 1,
  "not-allowed": 2,
  "host-unreachable": 4,
  "connection-refused": 5,
  "ttl-expired": 6,
  "command-unsupported": 7,
  "address-unsupported": 8,
} as const;
export type SocksReply = keyof typeof SOCKS_REPLIES;

const MORE = { kind: "more" } as const;
const WRONG = { kind: "wrong" } as const;

/** Section 3: the methods that a client offers. */
export function parseGreeting(bytes: Uint8Array): Parsed<readonly number[]> {
  const [version, count] = bytes;
  if (version !== undefined && version !== SOCKS_VERSION) return WRONG;
  if (count === 0) return WRONG;
  if (count === undefined || bytes.length < 2 + count) return MORE;
  return { kind: "found", value: [...bytes.subarray(2, 2 + count)], length: 2 + count };
}

/** RFC 1929, section 2. */
export function parseCredentials(bytes: Uint8Array): Parsed<Credentials> {
  const [version, userLength] = bytes;
  if (version !== undefined && version !== AUTH_VERSION) return WRONG;
  if (userLength === undefined) return MORE;
  const passwordAt = 3 + userLength;
  const passwordLength = bytes[passwordAt - 1];
  if (passwordLength === undefined || bytes.length < passwordAt + passwordLength) return MORE;
  const user = text(bytes, 2, userLength);
  const password = text(bytes, passwordAt, passwordLength);
  return { kind: "found", value: { user, password }, length: passwordAt + passwordLength };
}

/** Section 4. */
export function parseRequest(bytes: Uint8Array): Parsed<SocksRequest> {
  const [version, command, reserved, type] = bytes;
  if (version !== undefined && version !== SOCKS_VERSION) return WRONG;
  if (reserved !== undefined && reserved !== 0) return WRONG;
  if (type === undefined) return MORE;
  const host = parseHost(bytes, type);
  if (host.kind !== "found") return host;
  const portAt = 4 + host.length;
  if (bytes.length < portAt + 2) return MORE;
  const port = bytes[portAt]! * 256 + bytes[portAt + 1]!;
  const value = { command: command === COMMAND_CONNECT ? "connect" : "other", host: host.value, port } as const;
  return { kind: "found", value, length: portAt + 2 };
}

/** The one method that is used, and what the client is told; if it does not offer that, the connection ends. */
export function chooseMethod(
  offered: readonly number[],
  isPasswordSet: boolean,
): { readonly isOffered: boolean; readonly words: Uint8Array } {
  const wanted = isPasswordSet ? METHOD_PASSWORD : METHOD_NONE;
  const isOffered = offered.includes(wanted);
  return { isOffered, words: Uint8Array.of(SOCKS_VERSION, isOffered ? wanted : METHOD_UNACCEPTABLE) };
}

export function encodeAuthReply(isRight: boolean): Uint8Array {
  return Uint8Array.of(AUTH_VERSION, isRight ? 0 : 1);
}

/** The bound address is none that a client could use, and so all zeros, as most servers say it. */
export function encodeReply(reply: SocksReply): Uint8Array {
  return Uint8Array.of(SOCKS_VERSION, SOCKS_REPLIES[reply], 0, 1, 0, 0, 0, 0, 0, 0);
}

function parseHost(bytes: Uint8Array, type: number): Parsed<string> {
  if (type === 1) return fixed(bytes, 4, (part) => part.join("."));
  if (type === 4) return fixed(bytes, 16, (part) => [...part].map(hexPair).join("").match(/.{4}/g)!.join(":"));
  if (type !== 3) return WRONG;
  const length = bytes[4];
  if (length === 0) return WRONG;
  if (length === undefined || bytes.length < 5 + length) return MORE;
  return { kind: "found", value: text(bytes, 5, length), length: 1 + length };
}

function fixed(bytes: Uint8Array, length: number, write: (part: Uint8Array) => string): Parsed<string> {
  if (bytes.length < 4 + length) return MORE;
  return { kind: "found", value: write(bytes.subarray(4, 4 + length)), length };
}

function hexPair(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}

function text(bytes: Uint8Array, at: number, length: number): string {
  return new TextDecoder().decode(bytes.subarray(at, at + length));
}
