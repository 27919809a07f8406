/**
 * A replicated map. Anti-entropy by gossip: each member gossips a summary of what it holds (key, time, author); the
 * neighbour answers with the entries that the summary lacks, and these are merged. Entries are taken only with their
 * author's signature, and of two for one key the newer wins, so the order in which they arrive does not matter.
 *
 * What a larger one would add: a summary that does not grow with the map (a hash tree), and an end to deleted keys. An
 * entry can be checked while its author's certificate is known, that is until some minutes after the certificate's end;
 * of an author that is away for longer, somebody else would have to write the entry again.
 */
import type { Client } from "fireflies";
import { type Entry, encodeJson, isNewer, parseEntries, parseSummary, signedBytes, type Version } from "./entry.js";

/** An answer carries at most this many entries; the next round brings more. */
const ANSWER_ENTRIES_MAX = 100;
/** Keys and values in characters, and keys in a map, so that summaries and answers stay below 4 MiB, the largest message. */
const KEY_LENGTH_MAX = 256;
const VALUE_LENGTH_MAX = 4_096;
const KEYS_MAX = 1_000;
/** A write from further in the future would win for ever; clocks of honest members differ by less, milliseconds. */
const CLOCK_SKEW_MAX_MS = 60_000;

export class ReplicatedMap {
  readonly #client: Client;
  readonly #entries = new Map<string, Entry>();
  #waiting: (() => void)[] = [];

  /** Takes the gossip of a client that is not started yet. */
  constructor(client: Client) {
    this.#client = client;
    client.registerGossipHandler((summary) => encodeJson(this.#lackedBy(parseSummary(summary))));
    client.registerResponseHandler((answer) => {
      for (const entry of parseEntries(answer)) this.merge(entry);
    });
    this.#publish();
  }

  get(key: string): string | undefined {
    return this.#entries.get(key)?.value ?? undefined;
  }

  set(key: string, value: string): void {
    this.#write(key, value);
  }

  delete(key: string): void {
    this.#write(key, null);
  }

  /** Keys that have a value. */
  keys(): string[] {
    return this.entries().flatMap(({ key, value }) => (value === null ? [] : [key]));
  }

  get size(): number {
    return this.keys().length;
  }

  /** All entries, those of deleted keys as well. */
  entries(): Entry[] {
    return [...this.#entries.values()];
  }

  /** Do both hold the same writes? */
  isEqual(other: ReplicatedMap): boolean {
    const mine = this.entries();
    return (
      mine.length === other.#entries.size &&
      mine.every(({ key, signature }) => other.#entries.get(key)?.signature === signature)
    );
  }

  /** Takes another member's entry if it is newer, within bounds and truly signed by its author. */
  merge(entry: Entry): boolean {
    if (!isNewer(entry, this.#entries.get(entry.key)) || !this.#isAcceptable(entry)) return false;
    if (!this.#client.verifySignature(signedBytes(entry), Buffer.from(entry.signature, "base64"), entry.author)) {
      return false;
    }
    this.#put(entry);
    return true;
  }

  /** Resolves at the next change, by whomever. */
  changed(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #write(key: string, value: string | null): void {
    // Never older than what it replaces, also if that one's clock is ahead of mine.
    const time = Math.max(Date.now(), (this.#entries.get(key)?.time ?? 0) + 1);
    const unsigned = { key, value, time, author: this.#client.id };
    const signature = Buffer.from(this.#client.sign(signedBytes(unsigned))).toString("base64");
    const entry = { ...unsigned, signature };
    if (!this.#isAcceptable(entry)) throw new RangeError("The key or the value is too long, or the map is full");
    this.#put(entry);
  }

  #isAcceptable({ key, value, time }: Entry): boolean {
    const isKnown = this.#entries.has(key) || this.#entries.size < KEYS_MAX;
    const isShort = key.length <= KEY_LENGTH_MAX && (value ?? "").length <= VALUE_LENGTH_MAX;
    return isKnown && isShort && time >= 0 && time <= Date.now() + CLOCK_SKEW_MAX_MS;
  }

  #put(entry: Entry): void {
    this.#entries.set(entry.key, entry);
    this.#publish();
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #publish(): void {
    this.#client.setGossipContent(encodeJson(this.entries().map(({ key, time, author }) => [key, time, author])));
  }

  #lackedBy(summary: ReadonlyMap<string, Version>): Entry[] {
    const lacked = this.entries().filter((entry) => isNewer(entry, summary.get(entry.key)));
    return lacked.slice(0, ANSWER_ENTRIES_MAX);
  }
}
