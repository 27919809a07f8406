/** My own part: my certificate, epochs, mask and latest note, and which accusations are still to be answered (rule R9). */
import { fromHex, fullMask, type MemberId } from "../rings/index.js";
import { Budgets } from "./budgets.js";
import type { CertificateFacts } from "./certificate.js";
import type { Epochs } from "./epochs.js";
import { STRANGER_REBUTTALS_MAX, STRANGER_REFILL_DELTAS, STRANGERS_MAX } from "./limits.js";
import { type Address, encodeNote, type Note, noteSignatureType, type SignedNote } from "./note.js";
import type { Ports } from "./ports.js";
import { type Answered, type DisabledBy, type Precedes, rebut } from "./rebuttal.js";
import { own, type Verified } from "./verified.js";

export interface SelfOptions {
  readonly certificate: Verified<CertificateFacts>;
  readonly ringCount: number;
  readonly deltaMs: number;
  readonly epochs: Epochs;
  /** X25519 public key, 32 bytes. */
  readonly agreementKey: Uint8Array;
  readonly addresses: readonly Address[];
  readonly metadata: Uint8Array;
  readonly sign: Ports["sign"];
}

export class Self {
  certificate: Verified<CertificateFacts>;
  addresses: readonly Address[];
  metadata: Uint8Array;
  leaving = false;
  readonly #options: SelfOptions;
  readonly #strangers: Budgets;
  #mask: Uint8Array;
  #disabledBy: DisabledBy = new Map();
  #unanswered: Answered[] = [];

  constructor(options: SelfOptions) {
    this.#options = options;
    this.certificate = options.certificate;
    this.addresses = options.addresses;
    this.metadata = options.metadata;
    this.#mask = fullMask(options.ringCount);
    const strangerRate = { burst: STRANGER_REBUTTALS_MAX, refillMs: STRANGER_REFILL_DELTAS * options.deltaMs };
    this.#strangers = new Budgets(strangerRate, STRANGERS_MAX);
  }

  get id(): MemberId {
    return this.certificate.id;
  }

  get epoch(): bigint {
    return this.#options.epochs.current;
  }

  get mask(): Uint8Array {
    return this.#mask;
  }

  markToSave(): bigint | undefined {
    return this.#options.epochs.markToSave();
  }

  /** A note of mine that others hold already is my latest. */
  adopt(note: Note): void {
    this.#options.epochs.adopt(note.epoch);
    this.#mask = note.mask;
  }

  /**
   * A well-signed accusation of my current epoch: shall I answer it? One by a member that precedes me always; others
   * only hold a different view, or lie, and have a budget, so that they cannot make me spin my epoch.
   */
  accept(accusation: Answered, precedes: boolean, now: number): boolean {
    if (this.#isUnanswered(accusation)) return true;
    if (!precedes && !this.#strangers.take(accusation.accuser, now)) return false;
    this.#unanswered.push(accusation);
    return true;
  }

  /** Would `accept` be more than a repetition? Changes nothing. */
  hears(accusation: Answered, precedes: boolean, now: number): boolean {
    if (this.#isUnanswered(accusation)) return false;
    return precedes || this.#strangers.affords(accusation.accuser, now);
  }

  /** Budgets that are full again need not be remembered, and must not keep others from having one. */
  tidy(now: number): void {
    this.#strangers.tidy(now);
  }

  /**
   * My next note, signed: with a higher epoch than any of mine and than `floor`, and the rings disabled that the
   * unanswered accusations ask for. Undefined when no epoch is left.
   */
  nextNote(precedes: Precedes, alone: Precedes, floor = 0n): Verified<SignedNote> | undefined {
    const epoch = this.#options.epochs.advance(floor);
    if (epoch === undefined) return undefined;
    const { mask, disabledBy } = rebut(
      this.#mask,
      this.#options.ringCount,
      this.#disabledBy,
      this.#unanswered,
      precedes,
      alone,
    );
    this.#mask = mask;
    this.#disabledBy = disabledBy;
    this.#unanswered = [];
    return this.#signed(epoch);
  }

  #isUnanswered({ ring, accuser }: Answered): boolean {
    return this.#unanswered.some((waiting) => waiting.ring === ring && waiting.accuser === accuser);
  }

  #signed(epoch: bigint): Verified<SignedNote> {
    const { certificate, leaving, addresses, metadata } = this;
    const { agreementKey, sign } = this.#options;
    const note: Note = {
      id: certificate.id,
      certificate: certificate.hash,
      epoch,
      leaving,
      mask: this.#mask,
      agreementKey,
      addresses,
      metadata,
    };
    const body = encodeNote(note, fromHex(certificate.hash) as Uint8Array);
    return own({ ...note, body, signature: sign(noteSignatureType(note), body) });
  }
}
