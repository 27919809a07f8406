/** Requests that are worked on, bounded for each caller's address and in all. */
import { FirefliesError } from "../../identity/index.js";
import type { WorkLimits } from "./service-limits.js";

export class WorkUnderWay {
  readonly #limits: WorkLimits;
  readonly #owners = new Map<object, string | undefined>();
  readonly #counts = new Map<string, number>();

  constructor(limits: WorkLimits) {
    this.#limits = limits;
  }

  /** `owner`: whom the request is counted for; undefined for nobody. Throws "overloaded". */
  requireRoom(owner: string | undefined): void {
    const { max, perAddressMax } = this.#limits;
    const isFull = owner !== undefined && (this.#counts.get(owner) ?? 0) >= perAddressMax;
    if (isFull || this.#owners.size >= max) throw new FirefliesError("overloaded");
  }

  /** Throws "overloaded" when there is no room. Ends by `end`, once or more often. */
  begin(request: object, owner: string | undefined): void {
    this.requireRoom(owner);
    this.#owners.set(request, owner);
    if (owner !== undefined) this.#counts.set(owner, (this.#counts.get(owner) ?? 0) + 1);
  }

  end(request: object): void {
    const owner = this.#owners.get(request);
    if (!this.#owners.delete(request) || owner === undefined) return;
    const left = (this.#counts.get(owner) ?? 1) - 1;
    if (left === 0) this.#counts.delete(owner);
    else this.#counts.set(owner, left);
  }
}
