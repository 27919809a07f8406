/** The records of all that is held: the tree by which views are compared, and each record's bytes as it is handed on. */
import { LayeredMap, type Sha256 } from "../../rings/index.js";
import { LISTED_DIGITS } from "../records/packet.js";
import { RecordTree } from "../records/record-tree.js";
import { type Claim, encodeStatement, recordDigest, type StoredRecord } from "../records/statement.js";

export class RecordStore {
  readonly tree: RecordTree;
  readonly #sha256: Sha256;
  readonly #records: LayeredMap<string, StoredRecord>;

  /** With `base` it begins as a fork of that one. */
  constructor(sha256: Sha256, base?: RecordStore) {
    this.#sha256 = sha256;
    this.tree = base?.tree.fork() ?? new RecordTree(sha256);
    this.#records = base ? base.#records.fork() : new LayeredMap();
  }

  /** By the digest as it is listed to partners. */
  get(listed: string): StoredRecord | undefined {
    return this.#records.get(listed);
  }

  all(): Iterable<StoredRecord> {
    return this.#records.values();
  }

  /** Returns the digest. `received`: as it came, when it did; it is not digested and encoded again. */
  add(claim: Claim, received?: StoredRecord): string {
    const record = received ?? { digest: recordDigest(this.#sha256, claim), bytes: encodeStatement(claim) };
    const { digest } = record;
    this.#records.set(digest.slice(0, LISTED_DIGITS), record);
    this.tree.insert(digest);
    return digest;
  }

  delete(digest: string): void {
    this.#records.delete(digest.slice(0, LISTED_DIGITS));
    this.tree.delete(digest);
  }
}
