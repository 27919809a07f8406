/** Statements that a liar makes in its own name: well-signed, and saying whatever it likes. It has nobody else's key. */
import {
  encodeAccusation,
  encodeNote,
  encodePacket,
  encodeStatement,
  type Note,
  noteSignatureType,
  type Peer,
  type SignedNote,
} from "../../../gossip/index.js";
import { fromHex, type MemberId } from "../../../rings/index.js";
import type { Actor, Identity } from "../../actor.js";

const NO_KEY = new Uint8Array(32);
const NOTHING = new Uint8Array(0);

export function accusationOf(by: Identity, accused: MemberId, ring: number, epoch: bigint): Uint8Array {
  const { certificate } = by;
  const accusation = { accuser: certificate.id, certificate: certificate.hash, accused, ring, epoch };
  const body = encodeAccusation(accusation, hashBytes(certificate.hash));
  return encodeStatement({
    kind: "accusation",
    accusation: { ...accusation, body, signature: by.sign("accusation", body) },
  });
}

/**
 * Its present note with some of it changed; one epoch further on, unless the changes say which. `by`: under another
 * certificate of its own id.
 */
export function noteOf(actor: Actor, changes: Partial<Note> = {}, by: Identity = actor): SignedNote {
  const { machine } = actor;
  const { certificate } = by;
  const known = factsOf(actor);
  const note: Note = {
    id: certificate.id,
    certificate: certificate.hash,
    epoch: machine.epoch + 1n,
    leaving: false,
    mask: machine.mask,
    agreementKey: machine.agreementKeyOf(actor.id) ?? NO_KEY,
    addresses: known?.addresses ?? [],
    metadata: known?.metadata ?? NOTHING,
    ...changes,
  };
  const body = encodeNote(note, hashBytes(certificate.hash));
  return { ...note, body, signature: by.sign(noteSignatureType(note), body) };
}

export function noteStatement(note: SignedNote): Uint8Array {
  return encodeStatement({ kind: "note", note });
}

export function contradiction(first: SignedNote, second: SignedNote): Uint8Array {
  return encodeStatement({ kind: "equivocation", pair: [first, second] });
}

export function certificateStatement({ certificate }: Pick<Identity, "certificate">): Uint8Array {
  return encodeStatement({ kind: "certificate", chain: certificate });
}

export function packetOf(statements: readonly Uint8Array[]): Uint8Array {
  return encodePacket(statements.map((bytes) => ({ kind: "statement", bytes })));
}

/** Nobody holds itself in its view; somebody else has its addresses. */
function factsOf(actor: Actor): Peer | undefined {
  for (const seat of actor.everyone) {
    const peer = seat.state === "down" ? undefined : seat.machine.member(actor.id);
    if (peer) return peer;
  }
  return undefined;
}

function hashBytes(hash: string): Uint8Array {
  return fromHex(hash) ?? NOTHING;
}
