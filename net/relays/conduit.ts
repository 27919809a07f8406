/**
 * A conduit at its ends: a connection of its own to the relay, which joins it with that of the other end and passes raw bytes on
 * (docs/protocol.md, "Relays"). A relayed duplex is encrypted twice on each hop, once by the ends and once by the session with
 * the relay; a conduit by the ends alone. As the connections of TURN over TCP (RFC 6062, section 4.3).
 *
 * The first bytes on it say which conduit it is for, in the clear and before TLS:
 *
 *     f1 46 4c 01 | token (32)
 *
 * The first is the first byte of no TLS record, HTTP request or meeting, which share the port. Whoever reads the token on
 * the wire has it when it is used up.
 */
import type { Duplex } from "node:stream";
import { FirefliesError } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";
import { type Deadline, msUntil } from "../deadline.js";
import type { Session } from "../session/session.js";
import { RELAY_CONDUIT } from "./limits.js";
import { CONDUIT_TOKEN_BYTES, decodeConduit, encodeTarget } from "./messages.js";
import { RelayRefusal } from "./refusal.js";

const MARK = Uint8Array.of(0xf1, 0x46, 0x4c, 0x01);
const PREFACE_BYTES = MARK.length + CONDUIT_TOKEN_BYTES;

export function encodePreface(token: Uint8Array): Uint8Array {
  return Buffer.concat([MARK, token]);
}

/** What the first bytes of a connection say: for which conduit it is, that it is for none, or undefined: not enough yet. */
export function decodePreface(bytes: Uint8Array): Uint8Array | "none" | undefined {
  const isMarked = MARK.every((byte, index) => index >= bytes.length || bytes[index] === byte);
  if (!isMarked) return "none";
  return bytes.length < PREFACE_BYTES ? undefined : bytes.subarray(MARK.length, PREFACE_BYTES);
}

/**
 * Reads the first bytes of a connection and calls `decide` once, at once where they have come already: with a token, what is
 * behind it is not read; with "none", and when time is up before it is marked, the connection is as if nobody had looked. One that
 * ends before, or is slow to say its token, is cut: undefined.
 */
export function sortConduit(
  connection: Duplex,
  withinMs: number,
  decide: (found: Uint8Array | "none" | undefined) => void,
): void {
  let held: Buffer = Buffer.alloc(0);
  let isSettled = false;
  const settle = (found: Uint8Array | "none" | undefined) => {
    if (isSettled) return;
    isSettled = true;
    clearTimeout(timer);
    connection.off("readable", read).off("end", gone).off("close", gone);
    const rest = found instanceof Uint8Array ? held.subarray(PREFACE_BYTES) : held;
    if (rest.length > 0 && !connection.destroyed) connection.unshift(rest);
    decide(found);
  };
  const gone = () => {
    connection.destroy();
    settle(undefined);
  };
  const late = () => (held.length === 0 ? settle("none") : gone());
  const read = () => {
    for (let chunk: Buffer | null = connection.read(); chunk !== null && !isSettled; chunk = connection.read())
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    const found = held.length === 0 ? undefined : decodePreface(held);
    if (found !== undefined) settle(found);
  };
  const timer = setTimeout(late, withinMs);
  connection.on("readable", read).on("end", gone).on("close", gone);
  read();
}

/** An end of a conduit, on which nothing was said but which one it is. */
export interface ConduitEnd {
  readonly connection: Duplex;
  /** How long the relay keeps it, milliseconds from now. */
  readonly lastsMs: number;
}

/**
 * A conduit to a member that has a reservation at the other end of `session`. `dial` makes a connection to that relay. Rejects with
 * a FirefliesError: a RelayRefusal, or why the relay was not asked or dialled.
 */
export async function openConduit(
  session: Session,
  target: MemberId,
  until: Deadline,
  dial: (relay: MemberId, until: Deadline) => Promise<Duplex>,
): Promise<ConduitEnd> {
  const { id } = session.peer;
  const answer = decodeConduit(await session.call(RELAY_CONDUIT, encodeTarget(target), until));
  if (answer === undefined) throw new FirefliesError("bad-frame");
  if (answer.kind === "refused") throw new RelayRefusal(`The relay ${id}`, answer);
  const connection = await dial(id, until);
  enterConduit(connection, answer.token);
  if (msUntil(until.deadline) <= 0) connection.destroy();
  return { connection, lastsMs: answer.lastsMs };
}

export function enterConduit(connection: Duplex, token: Uint8Array): void {
  connection.write(encodePreface(token));
}
