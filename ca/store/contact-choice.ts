/** The candidates for contacts, read once for all who ask between two commits: those of a group ask at one moment. */
import { randomBytes } from "node:crypto";
import type { MemberId } from "../../rings/index.js";
import type { Session } from "./database/sql.js";
import { type Candidates, candidatesOf, contactsAmong } from "./reports.js";
import type { ContactRecord } from "./store.js";
import type { Writer } from "./writer.js";

/** What other replicas commit may be this late, milliseconds. */
const AGE_MAX_MS = 20;
const ID_BYTES = 32;

export interface ContactQuery {
  readonly except: MemberId;
  /** Unix milliseconds. */
  readonly now: number;
  readonly limit: number;
}

interface Choice {
  readonly commits: number;
  readonly at: number;
  readonly now: number;
  readonly limit: number;
  readonly candidates: Promise<Candidates>;
}

export class ContactChoice {
  readonly #read: Session;
  readonly #writer: Writer;
  readonly #networkId: Uint8Array;
  #choice: Choice | undefined;

  constructor(read: Session, writer: Writer, networkId: Uint8Array) {
    this.#read = read;
    this.#writer = writer;
    this.#networkId = networkId;
  }

  async draw(query: ContactQuery): Promise<ContactRecord[]> {
    return contactsAmong(this.#read, await this.#candidates(query), query);
  }

  #candidates({ now, limit }: ContactQuery): Promise<Candidates> {
    const [commits, at] = [this.#writer.commits, performance.now()];
    const known = this.#choice;
    if (
      known?.commits === commits &&
      known.limit === limit &&
      at - known.at < AGE_MAX_MS &&
      Math.abs(now - known.now) < AGE_MAX_MS
    ) {
      return known.candidates;
    }
    const from = new Uint8Array(randomBytes(ID_BYTES));
    const candidates = candidatesOf(this.#read, this.#networkId, { now, limit, from });
    this.#choice = { commits, at, now, limit, candidates };
    candidates.catch(() => {
      this.#choice = undefined;
    });
    return candidates;
  }
}
