/**
 * What I subscribe to, as a statement of mine (rule R22): its version rises with every change, also over restarts; it goes to my
 * neighbours, and I say when it is known to have spread.
 */
import {
  affordableAt,
  type Bucket,
  type BucketRate,
  fromHex,
  fullBucket,
  refilled,
  spend,
  type Timers,
  tolerance,
} from "../../rings/index.js";
import { EPOCH_MAX, INTEREST_BYTES_MAX } from "../limits.js";
import type { Outbox } from "../outputs.js";
import type { Ports } from "../ports.js";
import type { CertificateFacts } from "../records/certificate.js";
import { encodeInterest, type SignedInterest } from "../records/interest.js";
import { own, type Verified } from "../records/verified.js";
import { noteMs, type Settings } from "../settings.js";

import { interestCost, interestRate } from "../view/interest-gate.js";
import type { Roster } from "../view/roster.js";
import type { View } from "../view/view.js";
import type { Mailer } from "./mailer.js";

/** The timers of what waits for its time, and of what is not known to have spread. */
export const INTEREST_DUE = "interest";
export const INTEREST_REPUSH = "interest-repush";

export interface OwnInterestParts {
  readonly view: View;
  readonly self: { readonly certificate: CertificateFacts; readonly leaving: boolean };
  readonly roster: Roster;
  readonly mailer: Mailer;
  readonly timers: Timers;
  readonly outbox: Outbox;
  readonly settings: Settings;
  readonly ports: Ports;
}

export class OwnInterest {
  readonly #parts: OwnInterestParts;
  readonly #rate: BucketRate;
  #budget: Bucket;
  /** Undefined while nobody has said what I subscribe to. */
  #content: Uint8Array | undefined;
  #version = 0n;
  /** The highest version of a statement that was made with my key and not in this life. */
  #floor = 0n;
  /** I have neighbours to tell. */
  #isOut = false;
  /** My latest statement, while it is not known to have spread, and since when enough have it. */
  #spreading: { readonly digest: string; readonly version: bigint; enoughAt: number | undefined } | undefined;

  constructor(parts: OwnInterestParts) {
    this.#parts = parts;
    this.#rate = interestRate(noteMs(parts.settings));
    this.#budget = fullBucket(this.#rate, Number.NEGATIVE_INFINITY);
  }

  /** Throws RangeError for more bytes than an interest may have. */
  set(content: Uint8Array, now: number): void {
    if (content.length > INTEREST_BYTES_MAX)
      throw new RangeError(`an interest has at most ${INTEREST_BYTES_MAX} bytes, not ${content.length}`);
    this.#content = content.slice();
    this.#schedule(now);
  }

  /** A statement under my key that is not my latest: of an earlier life. Mine goes above it, and is empty if I have none. */
  saw(interest: SignedInterest, now: number): void {
    if (interest.version < this.#version || interest.version <= this.#floor) return;
    this.#floor = interest.version;
    this.#schedule(now);
  }

  /** I begin, or my certificate is another one: what I said under the old one ends with it. */
  restate(now: number): void {
    if (this.#content || this.#version > 0n) this.#schedule(now);
  }

  /** I am among the others now: they hear what I have said before. */
  setOut(now: number): void {
    this.#isOut = true;
    this.#announce(false, now);
  }

  /** Its time has come. */
  issue(now: number): void {
    const { self, timers } = this.#parts;
    if (self.leaving) return;
    timers.clear(INTEREST_DUE);
    const version = this.#nextVersion(now);
    const digest = version && this.#admit(version, now);
    if (!version || !digest) {
      this.#refused();
      return;
    }
    this.#version = version;
    this.#spreading = { digest, version, enoughAt: undefined };
    if (this.#isOut) this.#announce(false, now);
  }

  #admit(version: bigint, now: number): string | undefined {
    const interest = this.#signed(version);
    const left = spend(this.#budget, this.#rate, now, interestCost(interest));
    this.#budget = left ?? { ...refilled(this.#budget, this.#rate, now), tokens: 0 };
    return this.#parts.view.evidence.interests.admit(interest);
  }

  /** A push was answered, or its pause is over. */
  check(now: number): void {
    const spreading = this.#spreading;
    if (!spreading || !this.#isOut) return;
    const { view, mailer, roster, settings, timers, outbox } = this.#parts;
    const heard = mailer.heard("interest", spreading.digest);
    const neighbours = view.neighbours();
    // Among t + 1 is a correct one; where there are fewer neighbours, some of whom may be mute, half of them must do.
    const needed = Math.min(tolerance(view.ringCount) + 1, Math.ceil(neighbours.size / 2));
    if (heard.size >= needed) spreading.enoughAt ??= now;
    const isEverybody = [...roster.peers()].every(({ id }) => heard.has(id));
    if (!isEverybody && now - (spreading.enoughAt ?? now) < settings.deltaMs) return;
    this.#spreading = undefined;
    timers.clear(INTEREST_REPUSH);
    outbox.emit({ kind: "interest-spread", version: spreading.version });
  }

  /** To those that have not answered, until enough have; then the time runs in which these pass it on. */
  repush(now: number): void {
    this.check(now);
    if (this.#spreading) this.#announce(true, now);
  }

  #announce(again: boolean, now: number): void {
    const { mailer, settings, timers } = this.#parts;
    if (!this.#spreading) return;
    if (this.#spreading.enoughAt === undefined) mailer.announce(this.#spreading.digest, again, "interest");
    mailer.deliver(now);
    timers.set(INTEREST_REPUSH, now + settings.deltaMs / 2);
    this.check(now);
  }

  #schedule(now: number): void {
    const { view, self, timers } = this.#parts;
    // Before I have started; it is said then.
    if (!view.evidence.certificate(self.certificate.hash)) return;
    const cost = interestCost({ body: this.#content ?? new Uint8Array(0) });
    const at = affordableAt(this.#budget, this.#rate, cost);
    if (at <= now) this.issue(now);
    else timers.setEarlier(INTEREST_DUE, at);
  }

  /** At least the time in milliseconds, so that it rises over restarts; a clock that was put back is found out by `saw`. */
  #nextVersion(now: number): bigint | undefined {
    const wall = BigInt(Math.max(1, Math.floor(this.#parts.ports.clock.wall(now))));
    const above = (this.#version > this.#floor ? this.#version : this.#floor) + 1n;
    const next = above > wall ? above : wall;
    return next > EPOCH_MAX ? undefined : next;
  }

  #signed(version: bigint): Verified<SignedInterest> {
    const { certificate } = this.#parts.self;
    const content = this.#content ?? new Uint8Array(0);
    const interest = { id: certificate.id, certificate: certificate.hash, version, content };
    const body = encodeInterest(interest, fromHex(certificate.hash) as Uint8Array);
    return own({ ...interest, body, signature: this.#parts.ports.sign("interest", body) });
  }

  /** I hold it for as little as others would: my certificate is revoked, or all interests together are too large. */
  #refused(): void {
    this.#parts.outbox.emit({ kind: "rejected", from: undefined, what: "interest", reason: "own" });
  }
}
