/**
 * What two ends of a connection through NATS send each other. NATS loses messages when a connection of it is lost, or when
 * somebody is slow; so bytes are counted, acknowledged and sent again. The end of a direction counts as one byte behind the last.
 */

export type Frame =
  /** Bytes from a place on. */
  | { readonly kind: "data"; readonly at: number; readonly bytes: Uint8Array }
  /** No more bytes: their count. */
  | { readonly kind: "end"; readonly at: number }
  /** It is over, out of order. */
  | { readonly kind: "cut" }
  /** All before `received` has come; what is below `limit` may be sent. */
  | { readonly kind: "credit"; readonly received: number; readonly limit: number }
  /** As credit, and what is behind `received` was lost. */
  | { readonly kind: "again"; readonly received: number; readonly limit: number }
  /** Asks for credit; all below `sent` should have come before it. */
  | { readonly kind: "ask"; readonly sent: number }
  /** A stranger asks for a connection, and is let in. */
  | { readonly kind: "hello" }
  | { readonly kind: "welcome" };

const KINDS = ["data", "end", "cut", "credit", "again", "ask", "hello", "welcome"] as const;
/** Bytes of a number: up to 2^48. */
const NUMBER = 6;

/** Bytes of a message: NATS takes 1 MiB by default, and operators lower it; small ones share a connection better. */
export const PIECE_BYTES = 32 * 1024;

export function encodeFrame(frame: Frame): Uint8Array {
  const kind = KINDS.indexOf(frame.kind);
  switch (frame.kind) {
    case "data": {
      const out = Buffer.allocUnsafe(1 + NUMBER + frame.bytes.length);
      out[0] = kind;
      out.writeUIntBE(frame.at, 1, NUMBER);
      out.set(frame.bytes, 1 + NUMBER);
      return out;
    }
    case "end":
      return numbers(kind, frame.at);
    case "ask":
      return numbers(kind, frame.sent);
    case "credit":
    case "again":
      return numbers(kind, frame.received, frame.limit);
    default:
      return Uint8Array.of(kind);
  }
}

/** Undefined for what is none: a stranger may send anything. */
export function decodeFrame(bytes: Uint8Array): Frame | undefined {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const kind = KINDS[view[0] ?? KINDS.length];
  const body = view.length - 1;
  switch (kind) {
    case "data":
      if (body <= NUMBER || body > NUMBER + PIECE_BYTES) return undefined;
      return { kind, at: view.readUIntBE(1, NUMBER), bytes: view.subarray(1 + NUMBER) };
    case "end":
      return body === NUMBER ? { kind, at: view.readUIntBE(1, NUMBER) } : undefined;
    case "ask":
      return body === NUMBER ? { kind, sent: view.readUIntBE(1, NUMBER) } : undefined;
    case "credit":
    case "again":
      if (body !== 2 * NUMBER) return undefined;
      return { kind, received: view.readUIntBE(1, NUMBER), limit: view.readUIntBE(1 + NUMBER, NUMBER) };
    case "cut":
    case "hello":
    case "welcome":
      return body === 0 ? { kind } : undefined;
    default:
      return undefined;
  }
}

function numbers(kind: number, ...values: readonly number[]): Uint8Array {
  const out = Buffer.alloc(1 + values.length * NUMBER);
  out[0] = kind;
  for (const [index, value] of values.entries()) out.writeUIntBE(value, 1 + index * NUMBER, NUMBER);
  return out;
}
