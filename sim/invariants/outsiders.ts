/**
 * S5: an outsider changes nothing. An outsider has no certificate of the network. Members' transports turn it away; here
 * what it makes reaches the machines all the same, as if some member had passed it on without looking: pings with made-up
 * fingerprints, packets of junk, and statements in the names of members whose signatures it cannot make.
 *
 * After each strike the struck member must have the same view, epoch, mask and fingerprint as before; that it also has
 * them when the checks are through is S3's to see, as all that an outsider could change by is a statement that is held.
 */
import {
  encodeAccusation,
  encodeNote,
  encodePacket,
  encodeStatement,
  type Note,
  type SignedNote,
} from "../../gossip/index.js";
import { fromHex, fullMask, type MemberId, memberIdFromBytes, toHex } from "../../rings/index.js";
import type { Seat } from "../actor.js";
import type { Chance } from "../chance.js";
import type { InvariantName, Ledger } from "./violation.js";
import type { Watched } from "./watched.js";

const SIGNATURE_BYTES = 64;
const FINGERPRINT_BYTES = 16;
const JUNK_BYTES_MAX = 600;
/** Of the packets, those that are not even packets. */
const JUNK_SHARE = 0.2;
/** A made-up epoch lies this far above the real one, at most. */
const EPOCHS_AHEAD = 1000;

export class Outsiders {
  readonly #ledger: Ledger;
  readonly #watched: Watched;
  readonly #chance: Chance;
  readonly #id: MemberId;

  constructor(ledger: Ledger, watched: Watched, chance: Chance) {
    this.#ledger = ledger;
    this.#watched = watched;
    this.#chance = chance;
    this.#id = memberIdFromBytes(this.#bytes(32));
  }

  /** One packet and one ping to a member that is up, drawn by chance. What follows comes with its next input. */
  strike(now: number): void {
    const up = this.#watched.members.filter((seat) => seat.isCorrect && seat.state === "up");
    const seat = this.#chance.pick(up);
    if (!seat) return;
    const before = stateOf(seat);
    try {
      this.#hand(seat, up, now);
    } catch (error) {
      this.#report("S6", seat, now, `threw ${String(error)} at an outsider's packet`);
    }
    const after = stateOf(seat);
    if (after !== before) this.#report("S5", seat, now, `an outsider changed it: ${before} became ${after}`);
  }

  #hand({ machine }: Seat, members: readonly Seat[], now: number): void {
    const isJunk = this.#chance.happens(JUNK_SHARE);
    const packet = isJunk ? this.#bytes(this.#chance.below(JUNK_BYTES_MAX)) : this.#lies(members);
    machine.request(this.#id, packet, now);
    machine.pinged(this.#id, this.#bytes(FINGERPRINT_BYTES), now);
    machine.pong(this.#id, this.#chance.nonce(), this.#bytes(FINGERPRINT_BYTES), now);
  }

  #report(invariant: InvariantName, seat: Seat, at: number, text: string): void {
    this.#ledger.add({ invariant, at, member: seat.name, text });
  }

  #lies(members: readonly Seat[]): Uint8Array {
    const victim = this.#chance.pick(members) as Seat;
    const accuser = this.#chance.pick(members) as Seat;
    const notes = [1, 2].map((byte) => this.#note(victim, Uint8Array.of(byte))) as [SignedNote, SignedNote];
    const { issuer } = victim.certificate;
    const chain = { leaf: this.#bytes(victim.certificate.leaf.length), issuer };
    const statements = [
      encodeStatement({ kind: "certificate", chain }),
      encodeStatement({ kind: "note", note: notes[0] }),
      encodeStatement({ kind: "equivocation", pair: notes }),
      this.#accusation(accuser, victim),
    ];
    return encodePacket(statements.map((bytes) => ({ kind: "statement", bytes })));
  }

  #note(victim: Seat, metadata: Uint8Array): SignedNote {
    const { id, certificate, machine } = victim;
    const note: Note = {
      id,
      certificate: certificate.hash,
      epoch: machine.epoch + BigInt(1 + this.#chance.below(EPOCHS_AHEAD)),
      leaving: false,
      mask: fullMask(this.#watched.ringCount),
      agreementKey: this.#bytes(32),
      addresses: [],
      metadata,
    };
    const body = encodeNote(note, fromHex(certificate.hash) as Uint8Array);
    return { ...note, body, signature: this.#signature() };
  }

  #accusation(accuser: Seat, victim: Seat): Uint8Array {
    const accusation = {
      accuser: accuser.id,
      certificate: accuser.certificate.hash,
      accused: victim.id,
      ring: 1 + this.#chance.below(this.#watched.ringCount),
      epoch: victim.machine.epoch,
    };
    const body = encodeAccusation(accusation, fromHex(accuser.certificate.hash) as Uint8Array);
    const signed = { ...accusation, body, signature: this.#signature() };
    return encodeStatement({ kind: "accusation", accusation: signed });
  }

  #signature(): Uint8Array {
    return this.#bytes(SIGNATURE_BYTES);
  }

  #bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.#chance.below(256));
  }
}

function stateOf({ machine }: Seat): string {
  const suspected = machine.members().filter((peer) => peer.suspected).length;
  const view = `${machine.members().length} members, ${suspected} suspected`;
  return `${view}, epoch ${machine.epoch}, mask ${toHex(machine.mask)}, fingerprint ${toHex(machine.fingerprint())}`;
}
