/** Asks for the next certificate at about two thirds of the present one's life, and again until it is there. */
import {
  CLOCK_TOLERANCE_MS,
  type FirefliesError,
  type Identity,
  keyPairOf,
  saveIdentity,
} from "../../identity/index.js";
import { asFirefliesError } from "../../net/index.js";
import { renew } from "../authority/authority.js";
import { byEitherClock, type Clocks } from "./clocks.js";

/** The share of a certificate's life after which it is renewed; the rest is for an authority that is away. */
const RENEW_AT = 2 / 3;
/** The instant is drawn from this share of the life before that, so that members admitted together do not come together. */
const JITTER = 0.05;
/** Between two attempts: this share of the life ... */
const RETRY_SHARE = 1 / 100;
/** ... and not less, milliseconds. */
const RETRY_MS_MIN = 1_000;
/** A timer stands still while the machine sleeps, so the wall clock is looked at this often, milliseconds. */
const LOOK_MS = 60_000;

export interface RenewalOptions {
  readonly identity: () => Identity;
  readonly urls: readonly string[];
  /** A proxy ends TLS in front of the authority: which roots vouch for it. */
  readonly proxyRoots?: string | undefined;
  readonly addresses: () => readonly string[];
  /** Where identity files are kept, if anywhere. */
  readonly directory: string | undefined;
  readonly clocks: () => Clocks;
  readonly onRenewed: (identity: Identity) => void;
  readonly onFailed: (error: FirefliesError) => void;
}

export class Renewal {
  readonly #options: RenewalOptions;
  readonly #abort = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  /** When the next attempt is planned, unix milliseconds; undefined while one is under way. */
  #dueAt: number | undefined;
  /** Attempts up to now; never rejects. */
  #attempts: Promise<unknown> = Promise.resolve();

  constructor(options: RenewalOptions) {
    this.#options = options;
    this.#schedule(renewalTime(options.identity().certificate, Math.random()));
  }

  /** Resolves when nothing is being written any more: the next owner of the directory must find the new certificate. */
  async stop(): Promise<void> {
    this.#abort.abort();
    clearTimeout(this.#timer);
    await this.#attempts;
  }

  /** The wall clock has stepped: a renewal may be due by it. */
  look(): void {
    if (this.#dueAt !== undefined) this.#schedule(this.#dueAt);
  }

  #schedule(at: number): void {
    if (this.#options.urls.length === 0 || this.#abort.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#dueAt = at;
    const delay = Math.min(LOOK_MS, Math.max(0, at - this.#now()));
    this.#timer = setTimeout(() => void (at > this.#now() ? this.#schedule(at) : this.#renew()), delay);
    this.#timer.unref();
  }

  /** The later one of both clocks: a renewal that comes early does no harm. */
  #now(): number {
    const { wall, believed } = this.#options.clocks();
    return Math.max(wall, believed);
  }

  /** Gets another certificate at once, whatever was planned. Rejects with the codes of `renew`, or "state-write-failed". */
  async renewNow(): Promise<void> {
    clearTimeout(this.#timer);
    this.#dueAt = undefined;
    try {
      await this.#attempt({ anew: true });
    } finally {
      this.#plan();
    }
  }

  async #renew(): Promise<void> {
    this.#dueAt = undefined;
    try {
      await this.#attempt();
      this.#plan();
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      const { identity, onFailed } = this.#options;
      onFailed(asFirefliesError(error, "authority-failed"));
      this.#schedule(this.#now() + retryPause(identity().certificate, Math.random()));
    }
  }

  #attempt(how: { readonly anew?: boolean } = {}): Promise<void> {
    // One after the other: each writes the same files, and one that was asked for meanwhile may be of another intermediate.
    const attempt = this.#attempts.then(() => this.#ask(how));
    this.#attempts = attempt.catch(() => {});
    return attempt;
  }

  async #ask(how: { readonly anew?: boolean }): Promise<void> {
    const { identity, urls, proxyRoots, addresses, clocks, onRenewed } = this.#options;
    const current = identity();
    const options = { addresses: addresses(), signal: this.#abort.signal, proxyRoots, ...how };
    const granted = await byEitherClock(clocks(), (now) =>
      renew(urls, current, keyPairOf(current.privateKey), { ...options, now }),
    );
    const renewed = { ...current, certificate: granted.certificate };
    // First of all in use: a full disk must not cost the membership. What is not saved is asked for again.
    onRenewed(renewed);
    await this.#keep(renewed);
  }

  /** An authority that gave the old one again is not asked without end. */
  #plan(): void {
    const { certificate } = this.#options.identity();
    const soonest = this.#now() + retryPause(certificate, Math.random());
    this.#schedule(Math.max(soonest, renewalTime(certificate, Math.random())));
  }

  async #keep(renewed: Identity): Promise<void> {
    if (this.#options.directory === undefined) return;
    try {
      await saveIdentity(this.#options.directory, renewed);
    } catch (error) {
      throw asFirefliesError(error, "state-write-failed");
    }
  }
}

interface Dates {
  readonly notBefore: number;
  readonly notAfter: number;
}

/** When to renew, unix milliseconds; `chance` in [0, 1) spreads members apart. */
export function renewalTime({ notBefore, notAfter }: Dates, chance: number): number {
  const life = lifeOf({ notBefore, notAfter });
  return notAfter - life + life * (RENEW_AT - JITTER * chance);
}

function retryPause(dates: Dates, chance: number): number {
  return Math.max(RETRY_MS_MIN, lifeOf(dates) * RETRY_SHARE) * (1 + chance);
}

/** Without what the authority sets the beginning back by, because clocks differ: a life of minutes would be over at once. */
function lifeOf({ notBefore, notAfter }: Dates): number {
  const span = notAfter - notBefore;
  return span > CLOCK_TOLERANCE_MS ? span - CLOCK_TOLERANCE_MS : span;
}
