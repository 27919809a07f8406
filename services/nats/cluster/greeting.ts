/**
 * The first lines of a NATS connection, which the members at its two ends read and write: the server's INFO, and CONNECT, the
 * answer to it. All that follows passes unread. Of the client protocol and of routes alike.
 * https://docs.nats.io/reference/reference-protocols/nats-protocol
 */

/** Bytes of a line: the server's own default is 4,096 for CONNECT, and its INFO names no more than a cluster of such. */
export const LINE_BYTES_MAX = 32 * 1024;
/** Lines before CONNECT: a server that dials says its INFO first. */
const LINES_MAX = 4;

export type Fields = Readonly<Record<string, unknown>>;

/** What the first bytes hold up to the awaited line; `rest` is what came behind it. */
export type Head =
  | { readonly kind: "more" }
  | { readonly kind: "bad"; readonly why: string }
  | { readonly kind: "head"; readonly before: Uint8Array; readonly fields: Fields; readonly rest: Uint8Array };

const LF = 10;

/** The first line of the verb "INFO" or "CONNECT", with the lines before it as they are. */
export function readHead(bytes: Uint8Array, verb: "INFO" | "CONNECT"): Head {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0, lines = 0; lines < LINES_MAX; lines++) {
    const end = text.indexOf(LF, at);
    const length = (end === -1 ? text.length : end) - at;
    if (length > LINE_BYTES_MAX) return { kind: "bad", why: `its first line has more than ${LINE_BYTES_MAX} bytes` };
    if (end === -1) return { kind: "more" };
    const line = text.toString("utf8", at, end);
    if (line.slice(0, verb.length + 1).toUpperCase() === `${verb} `) {
      const fields = recordOf(line.slice(verb.length + 1));
      if (fields === undefined) return { kind: "bad", why: `its ${verb} is no JSON object` };
      return { kind: "head", before: text.subarray(0, at), fields, rest: text.subarray(end + 1) };
    }
    at = end + 1;
  }
  return { kind: "bad", why: `no ${verb} is among its first lines` };
}

export function headLine(verb: "INFO" | "CONNECT", fields: Fields): Uint8Array {
  return Buffer.from(`${verb} ${JSON.stringify(fields)}\r\n`);
}

/** What a program is to prove itself with is no question of its: the member behind it is proven. Nor are other servers. */
const HIDDEN: readonly string[] = [
  ...[
    "auth_required",
    "nonce",
    "tls_required",
    "tls_verify",
    "tls_available",
    "connect_urls",
    "client_id",
    "client_ip",
  ],
];
/** How a program would prove itself. */
const PROOFS: readonly string[] = ["user", "pass", "auth_token", "jwt", "nkey", "sig"];

/** The server's INFO as a program at another member sees it. */
export function infoForMember(info: Fields): Fields {
  return without(info, HIDDEN);
}

/** CONNECT without what a program said of itself. */
export function connectWithoutProof(connect: Fields): Fields {
  return without(connect, PROOFS);
}

/** CONNECT with what the server asks for: of a member its key and the signed nonce, of a route the server's own secret. */
export function connectAs(connect: Fields, proof: Fields): Fields {
  return { ...connectWithoutProof(connect), ...proof };
}

function without(fields: Fields, names: readonly string[]): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
}

function recordOf(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
  } catch {
    return undefined;
  }
}
