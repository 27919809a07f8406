/** What a member handles by name: protocols of streams, or services of messages. Names come and go while it runs. */
import { FirefliesError, wrongType } from "../../identity/index.js";
import { onAbort } from "../../net/index.js";
import { type Bucket, type BucketRate, fullBucket, spend } from "../../rings/index.js";
import { nearest } from "../config/nearest.js";
import { isName, nameShown, requireName } from "./name.js";

/** Names that one member handles, of each kind: a mistake in a loop is found before memory is. */
export const HANDLED_MAX = 1_024;
/** Names that a misspelt one is compared with. */
const COMPARED_MAX = 128;
/** Answers with the nearest name, for all peers: to look for it takes a millisecond, and peers may ask for anything. */
const HINTS: BucketRate = { burst: 20, refillMs: 100 };

export interface RegistryOptions {
  readonly what: "protocol" | "service";
  readonly now?: () => number;
  /** The names are others from now on. */
  readonly onChange?: () => void;
}

export class Registry<Entry> {
  readonly #byName = new Map<string, Entry>();
  readonly #what: RegistryOptions["what"];
  readonly #now: () => number;
  readonly #onChange: () => void;
  #hints: Bucket;

  constructor({ what, now = () => performance.now(), onChange = () => {} }: RegistryOptions) {
    this.#what = what;
    this.#now = now;
    this.#onChange = onChange;
    this.#hints = fullBucket(HINTS, now());
  }

  get names(): readonly string[] {
    return [...this.#byName.keys()];
  }

  /** Until the signal fires. Throws "name-invalid", "name-taken", and a TypeError for what is no signal. */
  add(name: string, entry: Entry, signal: AbortSignal | undefined): void {
    requireName(name, this.#what);
    if (signal !== undefined && !(signal instanceof AbortSignal)) throw wrongType("A signal is an AbortSignal.");
    if (this.#byName.has(name)) {
      throw new FirefliesError("name-taken", `The ${this.#what} ${nameShown(name)} has a handler already.`);
    }
    if (this.#byName.size >= HANDLED_MAX) {
      throw new FirefliesError("overloaded", `${HANDLED_MAX} names of a ${this.#what} are handled here.`, {
        advice: "End some by their signals, or use one name for several.",
      });
    }
    if (signal?.aborted) return;
    this.#byName.set(name, entry);
    this.#onChange();
    onAbort(signal, () => this.#remove(name, entry));
  }

  /** Or "handler-missing", as the peer is told. */
  find(name: string): Entry | FirefliesError {
    return this.#byName.get(name) ?? this.#missing(name);
  }

  #remove(name: string, entry: Entry): void {
    if (this.#byName.get(name) !== entry) return;
    this.#byName.delete(name);
    this.#onChange();
  }

  #missing(name: string): FirefliesError {
    if (!isName(name)) return new FirefliesError("handler-missing", `That is no name of a ${this.#what}.`);
    const near = this.#nearest(name);
    const hint = near === undefined ? "" : ` Did you mean ${nameShown(near)}?`;
    return new FirefliesError("handler-missing", `It handles no ${this.#what} ${nameShown(name)}.${hint}`);
  }

  #nearest(name: string): string | undefined {
    const left = spend(this.#hints, HINTS, this.#now());
    if (left === undefined) return undefined;
    this.#hints = left;
    return nearest(name, this.names.slice(0, COMPARED_MAX));
  }
}
