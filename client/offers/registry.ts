/** What a member handles by name: protocols of streams, or services of messages. Names come and go while it runs. */
import { FirefliesError, wrongType } from "../../identity/index.js";
import { onAbort } from "../../net/index.js";
import { type Bucket, type BucketRate, fullBucket, spend } from "../../rings/index.js";
import { nearest } from "../nearest.js";
import type { Announced } from "./announced.js";
import { isName, nameShown, requireName } from "./name.js";

/** Names that one member handles, of each kind: a mistake in a loop is found before memory is. */
export const HANDLED_MAX = 1_024;
/** Names that a misspelt one is compared with. */
const COMPARED_MAX = 128;
/** Answers with the nearest name, for all peers: to look for it takes a millisecond, and peers may ask for anything. */
const HINTS: BucketRate = { burst: 20, refillMs: 100 };

export interface RegistryOptions {
  readonly what: "protocol" | "service";
  /** Where names are told to the others. */
  readonly announced: Pick<Announced, "add" | "remove">;
  readonly now?: () => number;
}

/** Of one registration. */
export interface Registration {
  /** Ends it. */
  readonly signal?: AbortSignal | undefined;
  /** Are the others told the name? */
  readonly announce?: boolean | undefined;
}

export class Registry<Entry> {
  readonly #byName = new Map<string, Entry>();
  readonly #what: RegistryOptions["what"];
  readonly #now: () => number;
  readonly #announced: RegistryOptions["announced"];
  #hints: Bucket;

  constructor({ what, announced, now = () => performance.now() }: RegistryOptions) {
    this.#what = what;
    this.#now = now;
    this.#announced = announced;
    this.#hints = fullBucket(HINTS, now());
  }

  get names(): readonly string[] {
    return [...this.#byName.keys()];
  }

  /** Throws "name-invalid", "name-taken", "names-too-large", and a TypeError for what is no signal. */
  add(name: string, entry: Entry, { signal, announce = true }: Registration = {}): void {
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
    if (announce) this.#announced.add(name);
    this.#byName.set(name, entry);
    onAbort(signal, () => {
      this.#byName.delete(name);
      if (announce) this.#announced.remove(name);
    });
  }

  /** Or "handler-missing", as the peer is told. */
  find(name: string): Entry | FirefliesError {
    return this.#byName.get(name) ?? this.#missing(name);
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
