/**
 * Looks for others while a member is alone: the first contacts may have been dead, the authority away, or all members
 * of a site restarted together. The machine keeps trying the contacts it has; this brings it new ones.
 */

/** The first pause before asking again, milliseconds: a contact that was just starting is there by then. */
const PAUSE_FIRST_MS = 200;
/** What the doubled pauses end at, milliseconds: a thousand lonely members ask an authority 100 times a second at most. */
const PAUSE_MAX_MS = 15_000;
/** Whether company was lost is looked at this often, milliseconds; and contacts have so long to answer before others are sought. */
const LOOK_MS = 1_000;

export interface CompanyOptions {
  readonly isAlone: () => boolean;
  /** Asks for contacts; what fails is reported by whoever asks. */
  readonly find: (signal: AbortSignal) => Promise<void>;
  /** In [0, 1). */
  readonly random: () => number;
}

export class Company {
  readonly #options: CompanyOptions;
  readonly #abort = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #isFinding = false;
  #pauseMs = PAUSE_FIRST_MS;

  constructor(options: CompanyOptions) {
    this.#options = options;
    this.#schedule(LOOK_MS);
  }

  /** The first contacts are known to have failed: ask again at once. */
  hurry(): void {
    clearTimeout(this.#timer);
    if (!this.#isFinding) this.#schedule(this.#pauseMs);
  }

  stop(): void {
    this.#abort.abort();
    clearTimeout(this.#timer);
  }

  #schedule(pauseMs: number): void {
    if (this.#abort.signal.aborted) return;
    this.#timer = setTimeout(() => void this.#look(), pauseMs * (0.5 + this.#options.random() / 2));
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    const isAlone = this.#options.isAlone();
    if (isAlone) {
      this.#isFinding = true;
      await this.#options.find(this.#abort.signal);
      this.#isFinding = false;
    }
    this.#pauseMs = isAlone ? Math.min(PAUSE_MAX_MS, this.#pauseMs * 2) : PAUSE_FIRST_MS;
    this.#schedule(isAlone ? this.#pauseMs : LOOK_MS);
  }
}
