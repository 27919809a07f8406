/** My own part: my certificate, epochs, mask and latest note, and which accusations are still to be answered (rule R9). */
import { type Extension, fromHex, fullMask, type MemberId, NO_EXTENSIONS } from "../../rings/index.js";
import { UNANSWERED_MAX } from "../limits.js";
import type { Ports } from "../ports.js";
import type { CertificateFacts } from "../records/certificate.js";
import { type Address, encodeNote, type Note, noteSignatureType, type SignedNote } from "../records/note.js";
import { own, type Verified } from "../records/verified.js";
import type { Epochs } from "./epochs.js";
import { type Answered, type DisabledBy, type Precedes, rebut } from "./rebuttal.js";

export interface SelfOptions {
  readonly certificate: Verified<CertificateFacts>;
  readonly ringCount: number;
  readonly epochs: Epochs;
  /** X25519 public key, 32 bytes. */
  readonly agreementKey: Uint8Array;
  readonly addresses: readonly Address[];
  readonly metadata: Uint8Array;
  readonly extensions?: readonly Extension[];
  readonly sign: Ports["sign"];
}

export class Self {
  certificate: Verified<CertificateFacts>;
  addresses: readonly Address[];
  metadata: Uint8Array;
  extensions: readonly Extension[];
  leaving = false;
  /** Of the first note of this life; undefined before it. */
  firstEpoch: bigint | undefined;
  readonly #options: SelfOptions;
  #mask: Uint8Array;
  #disabledBy: DisabledBy = new Map();
  #unanswered: Answered[] = [];

  constructor(options: SelfOptions) {
    this.#options = options;
    this.certificate = options.certificate;
    this.addresses = options.addresses;
    this.metadata = options.metadata;
    this.extensions = options.extensions ?? NO_EXTENSIONS;
    this.#mask = fullMask(options.ringCount);
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
    this.firstEpoch = note.epoch;
    this.#mask = note.mask;
  }

  /** An accusation of my current epoch by a member that may stand before me: my next note disables its ring. */
  remember(accusation: Answered): void {
    if (this.#unanswered.length < UNANSWERED_MAX && !this.remembers(accusation)) this.#unanswered.push(accusation);
  }

  remembers({ ring, accuser }: Answered): boolean {
    return this.#unanswered.some((waiting) => waiting.ring === ring && waiting.accuser === accuser);
  }

  /**
   * My next note, signed: with a higher epoch than any of mine and than `floor`, and the rings disabled that the
   * unanswered accusations ask for, and those that are `proven` to be accused. Undefined when no epoch is left.
   */
  nextNote(
    precedes: Precedes,
    alone: Precedes,
    floor: bigint,
    proven: readonly number[],
  ): Verified<SignedNote> | undefined {
    const epoch = this.#options.epochs.advance(floor);
    if (epoch === undefined) return undefined;
    const { mask, disabledBy } = rebut(
      this.#mask,
      this.#options.ringCount,
      this.#disabledBy,
      [...this.#unanswered, ...proven.map((ring) => ({ ring, accuser: undefined }))],
      precedes,
      alone,
    );
    this.#mask = mask;
    this.#disabledBy = disabledBy;
    this.#unanswered = [];
    return this.#signed(epoch);
  }

  #signed(epoch: bigint): Verified<SignedNote> {
    const { certificate, leaving, addresses, metadata, extensions } = this;
    this.firstEpoch ??= epoch;
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
      extensions,
    };
    const body = encodeNote(note, fromHex(certificate.hash) as Uint8Array);
    return own({ ...note, body, signature: sign(noteSignatureType(note), body) });
  }
}
