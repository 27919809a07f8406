/**
 * The control datagrams of reliable UDP, beside the streams themselves. All begin with the first byte of kind "stream"
 * (../../udp/port.ts), whose lower half is the type. Numbers are big-endian.
 *
 *     hello      version u8 | nonce (16) | zeros to 40 bytes
 *     retry      nonce (16) | cookie (16)
 *     open       version u8 | nonce (16) | cookie (16) | offer (44)
 *     accept     nonce (16) | offer (44)
 *     refuse     nonce (16)
 *     gone       stream id u32 | token (8)
 *     path       tag (8) | counter u48 | stream id u32 | zeros | HMAC (16), 48 bytes in all
 *     challenge  tag (8) | counter u48 | value (16) | HMAC (16)
 *     response   tag (8) | counter u48 | value (16) | stream id u32 | token (8) | HMAC (16)
 *     moved      as response
 *
 * No answer is longer than what it answers, until an address is proven. "accept" answers a cookie, "moved" a value.
 * An HMAC covers all before it, under the key of the connection (keys.ts); tag is the one by which the receiver knows it.
 */
import { timingSafeEqual } from "node:crypto";
import { AGREEMENT_KEY_BYTES, hmac16, MAC_BYTES } from "../../../identity/index.js";
import { firstByteOf } from "../../udp/port.js";

const VERSION = 1;
export const NONCE_BYTES = 16;
export const TAG_BYTES = 8;
export const TOKEN_BYTES = 8;
const COUNTER_BYTES = 6;
const HELLO_BYTES = 40;
const PATH_BYTES = 48;
const OFFER_BYTES = 4 + TOKEN_BYTES + AGREEMENT_KEY_BYTES;

const TYPES = ["hello", "retry", "open", "accept", "refuse", "gone", "path", "challenge", "response", "moved"] as const;
type Type = (typeof TYPES)[number];

/** What one end tells the other of a stream that it would take. */
export interface Offer {
  /** By which this end knows the stream. */
  readonly id: number;
  /** TOKEN_BYTES: who shows them says for this end that it has the stream no more. */
  readonly token: Uint8Array;
  /** Raw X25519 key, made for this stream. */
  readonly publicKey: Uint8Array;
}

/** What an end of a connection says about its path. */
export interface PathDatagram {
  readonly type: "path" | "challenge" | "response" | "moved";
  /** TAG_BYTES, the receiver's. */
  readonly tag: Uint8Array;
  readonly counter: number;
  /** MAC_BYTES; of "path": empty. */
  readonly value: Uint8Array;
  /** Of "path": by which the receiver knew the stream. Of "response" and "moved": of the sender's new one. */
  readonly id: number;
  readonly token: Uint8Array;
}

export type Control =
  | { readonly type: "hello"; readonly nonce: Uint8Array }
  | { readonly type: "retry"; readonly nonce: Uint8Array; readonly cookie: Uint8Array }
  | { readonly type: "open"; readonly nonce: Uint8Array; readonly cookie: Uint8Array; readonly offer: Offer }
  | { readonly type: "accept"; readonly nonce: Uint8Array; readonly offer: Offer }
  | { readonly type: "refuse"; readonly nonce: Uint8Array }
  | { readonly type: "gone"; readonly id: number; readonly token: Uint8Array }
  | PathDatagram;

export function encodeOffer({ id, token, publicKey }: Offer): Uint8Array {
  return Buffer.concat([number(id, 4), token, publicKey]);
}

/** Undefined for another size. */
export function decodeOffer(bytes: Uint8Array): Offer | undefined {
  if (bytes.length !== OFFER_BYTES) return undefined;
  const [id, token, publicKey] = cut(bytes, 4, TOKEN_BYTES, AGREEMENT_KEY_BYTES);
  return { id: numberOf(id!), token: token!, publicKey: publicKey! };
}

/** Of every type but those about a path, which `encodePath` writes. */
export function encodeControl(control: Exclude<Control, PathDatagram>): Uint8Array {
  const version = new Uint8Array([VERSION]);
  switch (control.type) {
    case "hello": {
      const out = new Uint8Array(HELLO_BYTES);
      out.set([...first("hello"), VERSION]);
      out.set(control.nonce, 2);
      return out;
    }
    case "retry":
      return Buffer.concat([first("retry"), control.nonce, control.cookie]);
    case "open":
      return Buffer.concat([first("open"), version, control.nonce, control.cookie, encodeOffer(control.offer)]);
    case "accept":
      return Buffer.concat([first("accept"), control.nonce, encodeOffer(control.offer)]);
    case "refuse":
      return Buffer.concat([first("refuse"), control.nonce]);
    case "gone":
      return Buffer.concat([first("gone"), number(control.id, 4), control.token]);
  }
}

export function encodePath({ type, tag, counter, value, id, token }: PathDatagram, key: Uint8Array): Uint8Array {
  const head = [first(type), tag, number(counter, COUNTER_BYTES)];
  const zeros = new Uint8Array(PATH_BYTES - 1 - TAG_BYTES - COUNTER_BYTES - 4 - MAC_BYTES);
  const rest = {
    path: [number(id, 4), zeros],
    challenge: [value],
    response: [value, number(id, 4), token],
    moved: [value, number(id, 4), token],
  }[type];
  const said = Buffer.concat([...head, ...rest]);
  return Buffer.concat([said, hmac16(key, said)]);
}

/** Whether the other end of the connection made this datagram about its path. */
export function isAuthenticPath(bytes: Uint8Array, key: Uint8Array): boolean {
  const at = bytes.length - MAC_BYTES;
  return timingSafeEqual(bytes.subarray(at), hmac16(key, bytes.subarray(0, at)));
}

const EMPTY = new Uint8Array(0);
/** Bytes of each type after the first one. */
const SIZES: Readonly<Record<Type, number>> = {
  hello: HELLO_BYTES - 1,
  retry: NONCE_BYTES + MAC_BYTES,
  open: 1 + NONCE_BYTES + MAC_BYTES + OFFER_BYTES,
  accept: NONCE_BYTES + OFFER_BYTES,
  refuse: NONCE_BYTES,
  gone: 4 + TOKEN_BYTES,
  path: PATH_BYTES - 1,
  challenge: TAG_BYTES + COUNTER_BYTES + MAC_BYTES + MAC_BYTES,
  response: TAG_BYTES + COUNTER_BYTES + MAC_BYTES + 4 + TOKEN_BYTES + MAC_BYTES,
  moved: TAG_BYTES + COUNTER_BYTES + MAC_BYTES + 4 + TOKEN_BYTES + MAC_BYTES,
};

/** What a datagram claims; undefined for another size, type or version. Nothing of it is proven. */
export function decodeControl(bytes: Uint8Array): Control | undefined {
  const type = TYPES[(bytes[0] ?? 0) & 0xf];
  if (type === undefined || bytes.length !== SIZES[type] + 1) return undefined;
  const body = bytes.subarray(1);
  switch (type) {
    case "hello":
      return body[0] === VERSION ? { type, nonce: body.subarray(1, 1 + NONCE_BYTES) } : undefined;
    case "open": {
      const [version, nonce, cookie, rest] = cut(body, 1, NONCE_BYTES, MAC_BYTES, OFFER_BYTES);
      return version![0] === VERSION ? { type, nonce: nonce!, cookie: cookie!, offer: decodeOffer(rest!)! } : undefined;
    }
    case "retry":
    case "accept":
    case "refuse": {
      const [nonce, rest] = [body.subarray(0, NONCE_BYTES), body.subarray(NONCE_BYTES)];
      if (type === "retry") return { type, nonce, cookie: rest };
      return type === "refuse" ? { type, nonce } : { type, nonce, offer: decodeOffer(rest)! };
    }
    case "gone":
      return { type, id: numberOf(body.subarray(0, 4)), token: body.subarray(4) };
    default:
      return decodePath(type, body);
  }
}

function decodePath(type: PathDatagram["type"], body: Uint8Array): PathDatagram {
  const [tag, counter] = cut(body, TAG_BYTES, COUNTER_BYTES);
  const rest = body.subarray(TAG_BYTES + COUNTER_BYTES);
  const common = { type, tag: tag!, counter: numberOf(counter!) };
  if (type === "path") return { ...common, value: EMPTY, id: numberOf(rest.subarray(0, 4)), token: EMPTY };
  const [value, id, token] = cut(rest, MAC_BYTES, 4, TOKEN_BYTES);
  if (type === "challenge") return { ...common, value: value!, id: 0, token: EMPTY };
  return { ...common, value: value!, id: numberOf(id!), token: token! };
}

function first(type: Type): Uint8Array {
  return new Uint8Array([firstByteOf("stream", TYPES.indexOf(type))]);
}

function number(value: number, bytes: number): Uint8Array {
  const out = Buffer.alloc(bytes);
  out.writeUIntBE(value, 0, bytes);
  return out;
}

function numberOf(bytes: Uint8Array): number {
  let value = 0;
  for (const byte of bytes) value = value * 256 + byte;
  return value;
}

/** Consecutive pieces of these sizes. */
function cut(bytes: Uint8Array, ...sizes: readonly number[]): Uint8Array[] {
  let at = 0;
  return sizes.map((size) => {
    at += size;
    return bytes.subarray(at - size, at);
  });
}
