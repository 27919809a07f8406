/** The view on disk, so that a member can start when the authority is away. Losing it loses nothing else. */
import type { Machine } from "../../gossip/index.js";
import type { FirefliesError } from "../../identity/index.js";
import { asFirefliesError } from "../../net/index.js";
import { toHex } from "../../rings/index.js";
import type { StateDirectory } from "../state/index.js";

/**
 * Between two writes of the known members, milliseconds, and one more for each statement written: a small network is
 * on disk soon after it has formed, a large one in motion does not keep the disk busy.
 */
const SAVE_PAUSE_MS = 2000;

export interface ViewCacheOptions {
  readonly machine: Machine;
  readonly state: StateDirectory;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly onAlarm: (alarm: FirefliesError) => void;
}

export class ViewCache {
  readonly #options: ViewCacheOptions;
  #savedRoot = "";
  #nextAt = 0;
  #isCompanySaved = false;
  /** The disk has refused, which was told; the next alarm comes after it has taken something. */
  #isRefused = false;

  constructor(options: ViewCacheOptions) {
    this.#options = options;
  }

  /** The first others are saved at once: killed now and with the authority away, I would know nobody to return to. */
  joined(): void {
    if (!this.#isCompanySaved) void this.save();
  }

  /** Saves what has changed, when it is time. */
  tidy(): void {
    if (this.#options.now() >= this.#nextAt) void this.save();
  }

  /** Resolves when what is held now is on disk, or the disk has refused, which is one alarm until it takes a save again. Never rejects. */
  async save(): Promise<void> {
    const { machine, state, now, onAlarm } = this.#options;
    const root = toHex(machine.fingerprint());
    if (root === this.#savedRoot) return;
    const statements = machine.statements();
    this.#isCompanySaved ||= machine.members().length > 0;
    this.#nextAt = now() + SAVE_PAUSE_MS + statements.length;
    try {
      await state.saveMembers(statements);
      this.#savedRoot = root;
      this.#isRefused = false;
    } catch (error) {
      if (this.#isRefused) return;
      this.#isRefused = true;
      onAlarm(asFirefliesError(error, "state-write-failed"));
    }
  }
}
