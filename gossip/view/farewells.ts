/**
 * The last farewell of each member, also when a later note of it is held: that says that the member has returned since (rule
 * R13). One below the held note is no part of what views are compared by; it is there to be passed on, and to be counted.
 */
import { LayeredMap, type MemberId } from "../../rings/index.js";
import type { SignedNote } from "../records/note.js";
import type { StoredRecord } from "../records/statement.js";

interface Farewell {
  readonly epoch: bigint;
  /** By its digest as it is listed, while it is below the note that is held. */
  readonly listed: string | undefined;
}

export class Farewells {
  readonly #last: LayeredMap<MemberId, Farewell>;
  readonly #records: LayeredMap<string, StoredRecord>;

  /** With `base` it begins as a fork of that one. */
  constructor(base?: Farewells) {
    this.#last = base ? base.#last.fork() : new LayeredMap();
    this.#records = base ? base.#records.fork() : new LayeredMap();
  }

  /** Undefined for a member that never said one. */
  epochOf(id: MemberId): bigint | undefined {
    return this.#last.get(id)?.epoch;
  }

  /** A farewell with a higher epoch than the last that I know of this member. */
  isNew({ id, epoch, leaving }: SignedNote): boolean {
    return leaving && epoch > (this.epochOf(id) ?? -1n);
  }

  record(listed: string): StoredRecord | undefined {
    return this.#records.get(listed);
  }

  /** `old`: its record and the digest as it is listed, of one below the note that is held. */
  remember({ id, epoch }: SignedNote, old?: { readonly listed: string; readonly record: StoredRecord }): void {
    this.forget(id);
    this.#last.set(id, { epoch, listed: old?.listed });
    if (old) this.#records.set(old.listed, old.record);
  }

  forget(id: MemberId): void {
    const listed = this.#last.get(id)?.listed;
    if (listed !== undefined) this.#records.delete(listed);
    this.#last.delete(id);
  }
}
