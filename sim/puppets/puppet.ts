/** One liar as a plot moves it: what it signs, what it tells and to whom, and what its own machine may no longer say. */
import { type Claim, encodePacket, type Item, type Note, type Output, type SignedNote } from "../../gossip/index.js";
import { equalBytes, type MemberId } from "../../rings/index.js";
import type { Actor, Identity, Seat } from "../actor.js";
import {
  accusationOf,
  certificateStatement,
  contradiction,
  noteOf,
  noteStatement,
  packetOf,
} from "../adversaries/tools/forgery.js";
import { sendWithout, without } from "../adversaries/tools/packets.js";
import type { Dates } from "../crypto/crypto.js";

/** Is this statement kept from this member? */
export type Withheld = (claim: Claim, to: MemberId | undefined) => boolean;

/**
 * Epochs between two of a puppet's notes. Its machine sees them and signs the next epoch above: with a step of one, both
 * would sign two notes with one epoch, which proves a lie that the plot did not want to tell.
 */
const EPOCH_STEP = 16n;
/** Proofs get better downwards from so far above its epoch: one every millisecond for a quarter of an hour. */
const PROOF_EPOCHS = 1_000_000n;
/** An answer with nothing in it: our views are equal. */
const NOTHING = encodePacket([]);

export class Puppet {
  readonly actor: Actor;
  /** Certificates of its own id, the oldest first: the one that it came with, and what `renew` brought. */
  readonly identities: Identity[];
  /** What its machine's packets and answers leave out. */
  readonly withheld: Withheld[] = [];
  /** To whom it sends nothing by itself and answers with nothing. */
  isDeafTo: (id: MemberId) => boolean = () => false;
  /** Whose pings and calls it does not answer. */
  isSilentTo: (id: MemberId) => boolean = () => false;
  /** Virtual milliseconds that it sits on its answers to a member; undefined: none. */
  lateBy: (id: MemberId) => number | undefined = () => undefined;
  #epoch: bigint;
  #low: bigint;
  readonly #proofs = new Map<Identity, bigint>();

  constructor(actor: Actor) {
    this.actor = actor;
    this.identities = [actor];
    this.#epoch = actor.machine.epoch;
    this.#low = this.#epoch;
  }

  get id(): MemberId {
    return this.actor.id;
  }

  get isUp(): boolean {
    return this.actor.state === "up";
  }

  /** The highest epoch that it has signed in a plot. */
  get epoch(): bigint {
    return this.#epoch;
  }

  /** Of its latest note, whoever signed it: the plot or its machine. */
  get latest(): bigint {
    const { epoch } = this.actor.machine;
    return epoch > this.#epoch ? epoch : this.#epoch;
  }

  /** An epoch above all that it has signed, and above what its machine will sign next. */
  nextEpoch(): bigint {
    this.#epoch = this.latest + EPOCH_STEP;
    return this.#epoch;
  }

  /** Above what it had signed before, and below all that `nextEpoch` gave, for the first EPOCH_STEP - 1 times. */
  lowEpoch(): bigint {
    this.#low += 1n;
    return this.#low;
  }

  /** Alive or, with `leaving`, gone; at the next epoch unless the changes say which. */
  note(changes: Partial<Note> = {}, by: Identity = this.actor): SignedNote {
    return noteOf(this.actor, { epoch: changes.epoch ?? this.nextEpoch(), ...changes }, by);
  }

  noteStatement(changes: Partial<Note> = {}, by: Identity = this.actor): Uint8Array {
    return noteStatement(this.note(changes, by));
  }

  accusation(victim: Seat, ring: number, epoch: bigint, by: Identity = this.actor): Uint8Array {
    return accusationOf(by, victim.id, ring, epoch);
  }

  /** Two notes with one epoch: each proof is better than the one before (R12). */
  proof(by: Identity = this.actor): Uint8Array {
    const epoch = (this.#proofs.get(by) ?? this.#epoch + PROOF_EPOCHS) - 1n;
    this.#proofs.set(by, epoch);
    const [one, other] = [1, 2].map((byte) => this.note({ epoch, metadata: Uint8Array.of(byte) }, by));
    return contradiction(one as SignedNote, other as SignedNote);
  }

  certificate(by: Identity = this.actor): Uint8Array {
    return certificateStatement(by);
  }

  /** A further certificate of its own id, which is `identities.at(-1)` from now on. Default: newer, with dates like anybody's. */
  renew(dates?: Dates): Identity {
    const identity = this.actor.reissue(dates);
    this.identities.push(identity);
    return identity;
  }

  tell(to: Seat, statements: readonly Uint8Array[]): void {
    if (statements.length > 0 && to.id !== this.id) this.actor.call(to, packetOf(statements));
  }

  /** A word that bears no signature: the call itself proves whose it is. */
  say(to: Seat, item: Item): void {
    if (to.id !== this.id) this.actor.call(to, encodePacket([item]));
  }

  /** No more of what earlier plots kept back. */
  release(): void {
    this.withheld.length = 0;
    this.isDeafTo = () => false;
    this.isSilentTo = () => false;
    this.lateBy = () => undefined;
  }

  // --- What becomes of its machine's packets ---

  sent(output: Output): readonly Output[] | undefined {
    if (output.kind !== "send") return undefined;
    const to = output.to.id;
    if (to && this.isDeafTo(to)) return [];
    return this.withheld.length === 0 ? undefined : sendWithout(output, (claim) => this.#isWithheld(claim, to));
  }

  response(from: MemberId): Uint8Array | "silent" | undefined {
    if (this.isSilentTo(from)) return "silent";
    return this.isDeafTo(from) ? NOTHING : undefined;
  }

  answer(from: MemberId, packet: Uint8Array): Uint8Array | undefined {
    if (this.withheld.length === 0) return undefined;
    const left = without(packet, (claim) => this.#isWithheld(claim, from));
    return equalBytes(left, packet) ? undefined : left;
  }

  #isWithheld(claim: Claim, to: MemberId | undefined): boolean {
    return this.withheld.some((isWithheld) => isWithheld(claim, to));
  }
}
