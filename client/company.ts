/**
 * Looks for others while a member is alone: the first contacts may have been dead, the authority away, or all members
 * of a site restarted together. The machine keeps trying the contacts it has; this brings it new ones.
 */

/** The first pause before asking again, milliseconds, and what the doubled pauses end at. */
const PAUSE_FIRST_MS = 1000;
const PAUSE_MAX_MS = 60_000;

export interface CompanyOptions {
  readonly isAlone: () => boolean;
  /** Asks for contacts; what fails is reported by whoever asks. */
  readonly find: (signal: AbortSignal) => Promise<void>;
}

export class Company {
  readonly #options: CompanyOptions;
  readonly #abort = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: CompanyOptions) {
    this.#options = options;
    this.#schedule(PAUSE_FIRST_MS);
  }

  stop(): void {
    this.#abort.abort();
    clearTimeout(this.#timer);
  }

  #schedule(pauseMs: number): void {
    if (this.#abort.signal.aborted) return;
    this.#timer = setTimeout(() => void this.#look(pauseMs), pauseMs * (0.5 + Math.random() / 2));
    this.#timer.unref();
  }

  async #look(pauseMs: number): Promise<void> {
    const isAlone = this.#options.isAlone();
    if (isAlone) await this.#options.find(this.#abort.signal);
    this.#schedule(isAlone ? Math.min(PAUSE_MAX_MS, pauseMs * 2) : PAUSE_FIRST_MS);
  }
}
