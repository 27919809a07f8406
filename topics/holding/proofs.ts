/** Proofs against publishers: one for each log, and a few for each publisher, are kept, told and passed on, once. */
import type { MemberId, Sha256 } from "../../rings/index.js";
import type { Equivocation, Outbox } from "../effects.js";
import { PROOFS_MAX, PROOFS_PER_PUBLISHER_MAX } from "../limits.js";
import type { Head } from "../records/batch.js";
import { contradict } from "../records/equivocation.js";
import type { LogTag } from "../records/log.js";
import type { Intake } from "./intake.js";

interface Claimed {
  readonly heads: readonly [Head, Head];
  valid: number;
}

export interface ProofsOptions {
  readonly sha256: Sha256;
  readonly outbox: Outbox;
  readonly intake: Intake;
  /** To be told to others. */
  readonly onProof: (proof: Equivocation, from: MemberId) => void;
}

export class Proofs {
  readonly #options: ProofsOptions;
  readonly #held = new Map<LogTag, Equivocation>();
  /** How many of those are against each publisher. */
  readonly #against = new Map<MemberId, number>();
  readonly #claimed = new Map<number, Claimed>();
  #next = 1;

  constructor(options: ProofsOptions) {
    this.#options = options;
  }

  get(tag: LogTag): Equivocation | undefined {
    return this.#held.get(tag);
  }

  /** Two checked statements contradict each other. */
  found(a: Head, b: Head, from: MemberId): void {
    const { tag, publisher } = a.log;
    if (!this.#isNews(a)) return;
    this.#against.set(publisher, (this.#against.get(publisher) ?? 0) + 1);
    const proof: Equivocation = { publisher, heads: [a, b] };
    this.#held.set(tag, proof);
    this.#options.outbox.emit({ kind: "equivocation", proof });
    this.#options.onProof(proof, from);
  }

  /** A member says so: its two statements are checked. */
  claimed(from: MemberId, heads: readonly [Head, Head], now: number): void {
    if (!this.#isNews(heads[0])) return;
    if (!contradict(heads[0], heads[1], this.#options.sha256)) {
      this.#options.outbox.emit({ kind: "rejected", from, what: "proof", reason: "no-contradiction" });
      return;
    }
    const proof = this.#next++;
    if (this.#claimed.size >= PROOFS_MAX) this.#claimed.delete(this.#claimed.keys().next().value!);
    this.#claimed.set(proof, { heads, valid: 0 });
    if (!heads.every((head) => this.#options.intake.proof(from, head, proof, now))) this.#claimed.delete(proof);
  }

  #isNews({ log: { tag, publisher } }: Head): boolean {
    if (this.#held.has(tag) || this.#held.size >= PROOFS_MAX) return false;
    return (this.#against.get(publisher) ?? 0) < PROOFS_PER_PUBLISHER_MAX;
  }

  /** One of the two is valid. */
  verified(number: number, from: MemberId): void {
    const claimed = this.#claimed.get(number);
    if (!claimed) return;
    claimed.valid += 1;
    if (claimed.valid < 2) return;
    this.#claimed.delete(number);
    this.found(claimed.heads[0], claimed.heads[1], from);
  }
}
