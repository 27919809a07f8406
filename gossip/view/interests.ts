/**
 * What each member subscribes to, one statement a member (rule R22). Held by rules that ask for nothing but what is held, as all
 * evidence is, so views of interests become equal. Membership asks for none of it.
 */
import { LayeredMap, type MemberId, type Sha256 } from "../../rings/index.js";
import { INTERESTS_BYTES_MAX } from "../limits.js";
import type { CertificateFacts } from "../records/certificate.js";
import type { InterestOffer, SignedInterest } from "../records/interest.js";
import { LISTED_DIGITS } from "../records/packet.js";
import { recordDigest, type StoredRecord } from "../records/statement.js";
import type { Verified } from "../records/verified.js";
import type { RecordStore } from "./record-store.js";

export interface HeldInterest {
  readonly interest: Verified<SignedInterest>;
  readonly digest: string;
}

/** What is held of the members that sign them. */
export interface Signers {
  certificate(hash: string): CertificateFacts | undefined;
  /** Why nothing is taken that was signed under this certificate: revoked, ended by my clock, silenced by a proof. */
  barred(facts: CertificateFacts): string | undefined;
  hasLeft(id: MemberId): boolean;
}

export class Interests {
  readonly #signers: Signers;
  readonly #store: RecordStore;
  readonly #sha256: Sha256;
  readonly #held: LayeredMap<MemberId, HeldInterest>;
  #changed = new Set<MemberId>();
  /** Bytes of the bodies of all that are held. */
  #bytes: number;

  /** With `base` it begins as a fork of that one. */
  constructor(signers: Signers, store: RecordStore, sha256: Sha256, base?: Interests) {
    this.#signers = signers;
    this.#store = store;
    this.#sha256 = sha256;
    this.#held = base ? base.#held.fork() : new LayeredMap();
    this.#bytes = base ? base.#bytes : 0;
  }

  get(id: MemberId): HeldInterest | undefined {
    return this.#held.get(id);
  }

  all(): Iterable<HeldInterest> {
    return this.#held.values();
  }

  /** Whose interest has changed, or was dropped, since this was asked last. */
  takeChanged(): ReadonlySet<MemberId> {
    const changed = this.#changed;
    if (changed.size > 0) this.#changed = new Set();
    return changed;
  }

  /** Why it need not be verified at all; undefined means that it is worth a signature check. */
  problem(interest: SignedInterest, digest = this.#digestOf(interest)): string | undefined {
    const certificate = this.#signers.certificate(interest.certificate);
    if (!certificate || certificate.id !== interest.id) return "certificate-unknown";
    const { id, version, body } = interest;
    const offer = { id, version, bytes: body.length, digest };
    return (
      this.#signers.barred(certificate) ?? this.#leftProblem(id) ?? this.#rankProblem(offer) ?? this.#roomProblem(offer)
    );
  }

  /** Would one like this take the place of what is held, or find one? Whether it is well signed shows when it is there. */
  isNews(offer: InterestOffer): boolean {
    return (this.#leftProblem(offer.id) ?? this.#rankProblem(offer) ?? this.#roomProblem(offer)) === undefined;
  }

  #leftProblem(id: MemberId): string | undefined {
    return this.#signers.hasLeft(id) ? "left" : undefined;
  }

  /** The highest version, then the lowest digest: the same one, whichever came first. */
  #rankProblem({ id, version, digest }: InterestOffer): string | undefined {
    const held = this.#held.get(id);
    if (!held || version > held.interest.version) return undefined;
    if (version < held.interest.version) return "stale";
    const listed = digest.slice(0, LISTED_DIGITS);
    if (held.digest.startsWith(listed)) return "duplicate";
    return listed < held.digest ? undefined : "stale";
  }

  /** All together are bounded: the smallest that fit are held, so that large ones keep out nobody else's. */
  #roomProblem({ id, bytes }: InterestOffer): string | undefined {
    const others = this.#bytes - (this.#held.get(id)?.interest.body.length ?? 0);
    if (others + bytes <= INTERESTS_BYTES_MAX) return undefined;
    const largest = this.#largest(id);
    return largest && isLarger(sizeOf(largest), { id, bytes }) ? undefined : "interests-full";
  }

  #largest(but?: MemberId): SignedInterest | undefined {
    let largest: SignedInterest | undefined;
    for (const { interest } of this.#held.values()) {
      if (interest.id !== but && (!largest || isLarger(sizeOf(interest), sizeOf(largest)))) largest = interest;
    }
    return largest;
  }

  /** Returns its digest; undefined when it was not taken. `record`: as it was received, when it was. */
  admit(interest: Verified<SignedInterest>, record?: StoredRecord): string | undefined {
    if (this.problem(interest, record?.digest) !== undefined) return undefined;
    this.drop(interest.id);
    const digest = this.#store.add({ kind: "interest", interest }, record);
    this.#held.set(interest.id, { interest, digest });
    this.#bytes += interest.body.length;
    this.#changed.add(interest.id);
    while (this.#bytes > INTERESTS_BYTES_MAX) this.drop(this.#largest()!.id);
    return this.#held.get(interest.id)?.digest;
  }

  #digestOf(interest: SignedInterest): string {
    return recordDigest(this.#sha256, { kind: "interest", interest });
  }

  drop(id: MemberId): void {
    const held = this.#held.get(id);
    if (!held) return;
    this.#store.delete(held.digest);
    this.#held.delete(id);
    this.#bytes -= held.interest.body.length;
    this.#changed.add(id);
  }

  /** What was signed under a certificate goes with it (rule R4). */
  dropUnder(certificate: CertificateFacts): void {
    if (this.#held.get(certificate.id)?.interest.certificate === certificate.hash) this.drop(certificate.id);
  }
}

interface Size {
  readonly id: MemberId;
  readonly bytes: number;
}

function sizeOf({ id, body }: SignedInterest): Size {
  return { id, bytes: body.length };
}

/** Is `a` dropped before `b`, where not all find room? By bytes, then by id. */
function isLarger(a: Size, b: Size): boolean {
  return a.bytes === b.bytes ? a.id > b.id : a.bytes > b.bytes;
}
