/** My own part: my certificate, epochs, mask and latest note, and which accusations are still to be answered (rule R9). */
import { fromHex, fullMask, type MemberId } from "../rings/index.js";
import { type Budget, type BudgetRate, fullBudget, refilled, spend } from "./budget.js";
import type { CertificateFacts } from "./certificate.js";
import type { Epochs } from "./epochs.js";
import { STRANGER_REBUTTALS_MAX, STRANGERS_MAX } from "./limits.js";
import { type Address, encodeNote, type Note, noteSignatureType, type SignedNote } from "./note.js";
import type { Ports } from "./ports.js";
import { type Answered, type DisabledBy, rebut } from "./rebuttal.js";
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
  readonly #strangerRate: BudgetRate;
  readonly #strangers = new Map<MemberId, Budget>();
  #mask: Uint8Array;
  #disabledBy: DisabledBy = new Map();
  #unanswered: Answered[] = [];

  constructor(options: SelfOptions) {
    this.#options = options;
    this.certificate = options.certificate;
    this.addresses = options.addresses;
    this.metadata = options.metadata;
    this.#mask = fullMask(options.ringCount);
    this.#strangerRate = { burst: STRANGER_REBUTTALS_MAX, refillMs: 10 * options.deltaMs };
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

  /**
   * A well-signed accusation of my current epoch: shall I answer it? One by a member that precedes me always; others
   * only hold a different view, or lie, and have a budget, so that they cannot make me spin my epoch.
   */
  accept(accusation: Answered, precedes: boolean, now: number): boolean {
    const { ring, accuser } = accusation;
    if (this.#unanswered.some((waiting) => waiting.ring === ring && waiting.accuser === accuser)) return true;
    if (!precedes) {
      const held = this.#strangers.get(accusation.accuser);
      if (!held && this.#strangers.size >= STRANGERS_MAX) return false;
      const left = spend(held ?? fullBudget(this.#strangerRate, now), this.#strangerRate, now);
      if (!left) return false;
      this.#strangers.set(accusation.accuser, left);
    }
    this.#unanswered.push(accusation);
    return true;
  }

  /** Would `accept` be more than a repetition? Changes nothing. */
  hears({ ring, accuser }: Answered, precedes: boolean, now: number): boolean {
    if (this.#unanswered.some((waiting) => waiting.ring === ring && waiting.accuser === accuser)) return false;
    const held = this.#strangers.get(accuser);
    if (precedes) return true;
    if (!held) return this.#strangers.size < STRANGERS_MAX;
    return spend(held, this.#strangerRate, now) !== undefined;
  }

  /** Budgets that are full again need not be remembered, and must not keep others from having one. */
  tidy(now: number): void {
    for (const [id, budget] of this.#strangers) {
      if (refilled(budget, this.#strangerRate, now).tokens >= this.#strangerRate.burst) this.#strangers.delete(id);
    }
  }

  /**
   * My next note, signed: with a higher epoch than any of mine and than `floor`, and the rings disabled that the
   * unanswered accusations ask for. Undefined when no epoch is left.
   */
  nextNote(precedes: (ring: number, accuser: MemberId) => boolean, floor = 0n): Verified<SignedNote> | undefined {
    const epoch = this.#options.epochs.advance(floor);
    if (epoch === undefined) return undefined;
    const { mask, disabledBy } = rebut(
      this.#mask,
      this.#options.ringCount,
      this.#disabledBy,
      this.#unanswered,
      precedes,
    );
    this.#mask = mask;
    this.#disabledBy = disabledBy;
    this.#unanswered = [];
    return this.#signed(epoch);
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
