/**
 * The intermediates of a network, with their keys: which one signs, and which are still trusted. The store is asked again
 * every second at most, so that what an operator does on the command line reaches a running server.
 */
import { FirefliesError, type Issuer, spkiOfCertificate } from "../../identity/index.js";
import { equalBytes } from "../../rings/index.js";
import type { SigningKey } from "../keys/signing-key.js";
import type { IssuerRecord, NetworkStore } from "../store/store.js";
import { refusal } from "./directory.js";

/** What was read counts as current for this long, milliseconds. */
const READ_AGE_MS = 1_000;

/** An intermediate and the key that signs for it. */
export interface SigningIssuer extends Issuer {
  readonly record: IssuerRecord;
}

export interface IssuersOptions {
  readonly records: Pick<NetworkStore, "issuers">;
  /** Of the authority's state, for messages. */
  readonly directory: string;
  /** The key of a reference; undefined when it is not here. */
  readonly openKey: (reference: string) => Promise<SigningKey | undefined>;
  /** Monotonic milliseconds. */
  readonly monotonic?: () => number;
}

export class Issuers {
  readonly #options: IssuersOptions;
  readonly #keys = new Map<string, Promise<SigningKey>>();
  #read: { readonly at: number; readonly issuers: Promise<readonly IssuerRecord[]> } | undefined;
  #seen: readonly IssuerRecord[] = [];

  constructor(options: IssuersOptions) {
    this.#options = options;
  }

  /** All of them, also the retired ones, the oldest first. */
  async all(): Promise<readonly IssuerRecord[]> {
    const now = (this.#options.monotonic ?? (() => performance.now()))();
    if (this.#read === undefined || now - this.#read.at > READ_AGE_MS) {
      this.#read = { at: now, issuers: this.#options.records.issuers() };
      this.#read.issuers.catch(() => this.forget());
    }
    this.#seen = await this.#read.issuers;
    return this.#seen;
  }

  /** Those whose certificates members accept, the newest first. */
  async trusted(): Promise<IssuerRecord[]> {
    await this.all();
    return this.seen;
  }

  /** The one that signs members. Rejects with "ca-state-corrupt" or "ca-state-mismatch" when its key is not here. */
  async active(): Promise<SigningIssuer> {
    const record = (await this.all()).find(({ state }) => state === "active");
    if (record === undefined) throw new FirefliesError("ca-state-corrupt", "The database holds no active issuer.");
    return this.signing(record);
  }

  /** As `trusted`, of what was read last. */
  get seen(): IssuerRecord[] {
    return this.#seen.filter(({ state }) => state !== "retired").toReversed();
  }

  /** The active one as last seen. */
  get current(): IssuerRecord {
    const active = this.#seen.find(({ state }) => state === "active");
    if (active === undefined) throw new FirefliesError("authority-failed");
    return active;
  }

  async signing(record: IssuerRecord): Promise<SigningIssuer> {
    const { fingerprint, certificate } = record;
    const opening = this.#keys.get(fingerprint) ?? this.#open(record);
    this.#keys.set(fingerprint, opening);
    opening.catch(() => this.#keys.delete(fingerprint)); // A file that was forgotten may come.
    const { sign } = await opening;
    return { record, certificate, sign };
  }

  /** Reads the store again at the next call. */
  forget(): void {
    this.#read = undefined;
  }

  async close(): Promise<void> {
    const keys = [...this.#keys.values()];
    this.#keys.clear();
    await Promise.all(keys.map((key) => key.then((opened) => opened.close()).catch(() => {})));
  }

  async #open({ keyReference, certificate }: IssuerRecord): Promise<SigningKey> {
    const key = await this.#options.openKey(keyReference);
    const { directory } = this.#options;
    if (key === undefined) throw refusal("ca-state-corrupt", directory, `${keyReference} is gone`);
    const spki = spkiOfCertificate(certificate);
    if (spki !== undefined && equalBytes(spki, key.spki)) return key;
    await key.close();
    throw refusal("ca-state-mismatch", directory, `${keyReference} is not the key of its issuing certificate`);
  }
}
