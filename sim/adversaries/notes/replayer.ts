/**
 * Says again what others said: old notes and accusations as they were, copies with another signature (r, n - s), with bytes
 * behind them, and its own signatures under a type that they were not made for, as of another network.
 */
import { encodeStatement, type Output, parseStatement } from "../../../gossip/index.js";
import type { MemberId } from "../../../rings/index.js";
import type { Actor, Behaviour } from "../../actor.js";
import { someOf, tellMost } from "../tools/crowd.js";
import { noteOf, noteStatement } from "../tools/forgery.js";
import { statementsIn } from "../tools/packets.js";

/** Statements remembered: the first ones, which are the oldest. */
const REMEMBERED_MAX = 512;
/** 32 statements a second, to everybody. */
const REPLAYED_PER_TURN = 8;
const SIGNATURE_BYTES = 64;
/** The order n of P-256 (SEC 2, 2.4.2). */
const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

export class Replayer implements Behaviour {
  readonly name = "replayer";
  readonly #heard: Uint8Array[] = [];

  start(actor: Actor): void {
    for (const bytes of someOf(actor.chance, actor.machine.statements(), REMEMBERED_MAX / 2)) this.#heard.push(bytes);
  }

  request(_actor: Actor, _from: MemberId, packet: Uint8Array): undefined {
    this.#remember(packet);
  }

  output(_actor: Actor, output: Output): undefined {
    if (output.kind === "send") this.#remember(output.packet);
  }

  turn(actor: Actor): void {
    const old = someOf(actor.chance, this.#heard, REPLAYED_PER_TURN);
    tellMost(actor, old);
    // Each lie in a packet of its own: what comes after the first one is not looked at.
    const [one] = old;
    if (one) tellMost(actor, [malleated(one)]);
    if (one) tellMost(actor, [Uint8Array.of(...one, 0)]);
    tellMost(actor, [ofAnotherType(actor)]);
  }

  #remember(packet: Uint8Array): void {
    for (const bytes of statementsIn(packet)) {
      if (this.#heard.length >= REMEMBERED_MAX) return;
      this.#heard.push(Uint8Array.from(bytes));
    }
  }
}

/** The statement with the other signature that ECDSA allows over the same bytes: (r, n - s). */
export function malleated(statement: Uint8Array): Uint8Array {
  const claim = parseStatement(statement);
  if (claim?.kind === "note") {
    return encodeStatement({ kind: "note", note: { ...claim.note, signature: negated(claim.note.signature) } });
  }
  if (claim?.kind !== "accusation") return statement;
  const { accusation } = claim;
  return encodeStatement({
    kind: "accusation",
    accusation: { ...accusation, signature: negated(accusation.signature) },
  });
}

function negated(signature: Uint8Array): Uint8Array {
  const half = SIGNATURE_BYTES / 2;
  let s = 0n;
  for (const byte of signature.subarray(half)) s = (s << 8n) | BigInt(byte);
  let other = (((N - s) % N) + N) % N;
  const copy = Uint8Array.from(signature);
  for (let index = SIGNATURE_BYTES - 1; index >= half; index--, other >>= 8n) copy[index] = Number(other & 0xffn);
  return copy;
}

/** A note that bears the signature of a farewell. */
function ofAnotherType(actor: Actor): Uint8Array {
  const note = noteOf(actor);
  return noteStatement({ ...note, signature: actor.sign("leave", note.body) });
}
