/**
 * What one member holds: certificates, notes, accusations, proofs and the revocation list (rules R1, R2, R3, R8, R12,
 * R17); and interests, which are no part of membership (R22).
 *
 * Admission is structural: it depends on what is held and never on who is live, so any two members that exchange
 * everything hold the same (rule R4). Merging is commutative, idempotent and monotone; what that costs in care stands
 * beside each rule. Who is live follows from this in judgement.ts.
 */

import { isEnabled, LayeredMap, type MemberId, Rings, type Sha256, toHex } from "../../rings/index.js";
import { CLOCK_TOLERANCE_MS } from "../clock.js";
import { ACCUSATIONS_PER_RING_MAX, ACCUSER_WINDOW, CERTIFICATES_PER_MEMBER_MAX, MEMBERS_MAX } from "../limits.js";
import type { SignedAccusation } from "../records/accusation.js";
import { type CertificateFacts, compareCertificates } from "../records/certificate.js";
import { bestEquivocation, type Contradiction, type Equivocation, silences } from "../records/equivocation.js";
import { addressesOf, noteProblem, type SignedNote, TRANSPORT_GRPC, TRANSPORT_PING } from "../records/note.js";
import { LISTED_DIGITS } from "../records/packet.js";
import type { RecordTree } from "../records/record-tree.js";
import type { SignedRevocationList } from "../records/revocation.js";
import type { Claim, StoredRecord } from "../records/statement.js";
import type { Verified } from "../records/verified.js";
import { Farewells } from "./farewells.js";
import type { HeldAccusation, HeldCertificate, HeldNote, HeldProof } from "./held.js";
import { Interests } from "./interests.js";
import { RecordStore } from "./record-store.js";
import { Revoked } from "./revoked.js";

export interface EvidenceOptions {
  readonly ringCount: number;
  readonly sha256: Sha256;
}

export class Evidence {
  readonly ringCount: number;
  /** Every id with a held certificate, live or not: the static order of rule R3. */
  readonly rings: Rings;
  readonly interests: Interests;
  readonly #sha256: Sha256;
  readonly #certificates: LayeredMap<MemberId, HeldCertificate[]>;
  readonly #byHash: LayeredMap<string, Verified<CertificateFacts>>;
  readonly #notes: LayeredMap<MemberId, HeldNote>;
  readonly farewells: Farewells;
  readonly #proofs: LayeredMap<MemberId, HeldProof>;
  readonly #accusations: LayeredMap<MemberId, HeldAccusation[]>;
  readonly #store: RecordStore;
  readonly #revoked: Revoked;
  readonly #watchers: Set<MemberId>[] = [];
  #version: number;
  /** No held certificate ends before: one for who asks what has ended, one for what is to be forgotten. */
  #nextEnd: number;
  #nextForgotten: number;
  /** Whose certificate ended before, unix milliseconds, has ended by my clock, with the tolerated skew. */
  #ended: number;

  /** With `base` it begins as a fork of that one: both share what is there, and neither sees what the other admits. */
  constructor(options: EvidenceOptions, base?: Evidence) {
    this.ringCount = options.ringCount;
    this.#sha256 = options.sha256;
    this.rings = base?.rings.fork() ?? new Rings({ count: options.ringCount, sha256: options.sha256 });
    this.#store = new RecordStore(options.sha256, base ? base.#store : undefined);
    this.#certificates = base ? base.#certificates.fork() : new LayeredMap();
    this.#byHash = base ? base.#byHash.fork() : new LayeredMap();
    this.#notes = base ? base.#notes.fork() : new LayeredMap();
    this.farewells = new Farewells(base?.farewells);
    this.#proofs = base ? base.#proofs.fork() : new LayeredMap();
    this.#accusations = base ? base.#accusations.fork() : new LayeredMap();
    this.interests = this.#newInterests(base?.interests);
    this.#revoked = new Revoked(options.sha256, base ? base.#revoked : undefined);
    this.#version = base ? base.#version : 0;
    this.#nextEnd = base ? base.#nextEnd : Number.POSITIVE_INFINITY;
    this.#nextForgotten = base ? base.#nextForgotten : Number.POSITIVE_INFINITY;
    this.#ended = base ? base.#ended : Number.NEGATIVE_INFINITY;
  }

  #newInterests(base: Interests | undefined): Interests {
    const signers = {
      certificate: (hash: string) => this.#byHash.get(hash),
      barred: (facts: CertificateFacts) => this.#barred(facts),
      hasLeft: (id: MemberId) => this.#accusable(id)?.leaving === true,
    };
    return new Interests(signers, this.#store, this.#sha256, base);
  }

  fork(): Evidence {
    return new Evidence({ ringCount: this.ringCount, sha256: this.#sha256 }, this);
  }

  get tree(): RecordTree {
    return this.#store.tree;
  }

  /** Rises with every change but those of interests, so that what was judged from it can be kept until then. */
  get version(): number {
    return this.#version;
  }

  /** A set to which every member is added that a change bears on from now on, and now whoever is accused. Its reader clears it. */
  watch(): Set<MemberId> {
    const watched = new Set(this.accusedIds());
    this.#watchers.push(watched);
    return watched;
  }

  #affect(id: MemberId): void {
    for (const watched of this.#watchers) watched.add(id);
  }

  /**
   * Tells the watchers whose certificates have ended, with the tolerated skew, since this was called last, and drops what
   * they accused under them (rule R3). Unix milliseconds; after a step back of the clock less than before.
   */
  passTime(wall: number): void {
    const [before, ended] = [this.#ended, wall - CLOCK_TOLERANCE_MS];
    this.#ended = ended;
    if (ended < before) this.#turnBack(before, ended);
    if (this.#nextEnd >= ended) return;
    this.#nextEnd = Number.POSITIVE_INFINITY;
    for (const facts of this.#byHash.values()) {
      if (facts.notAfter >= ended) this.#nextEnd = Math.min(this.#nextEnd, facts.notAfter);
      else if (facts.notAfter >= before) {
        this.#affect(facts.id);
        this.#dropAccusationsUnder(facts);
        this.interests.dropUnder(facts);
      }
    }
  }

  /** What had ended by a clock that was wrong has not. */
  #turnBack(before: number, ended: number): void {
    for (const { id, notAfter } of this.#byHash.values()) {
      if (notAfter < ended) continue;
      if (notAfter < before) this.#affect(id);
      this.#nextEnd = Math.min(this.#nextEnd, notAfter);
    }
  }

  certificate(hash: string): Verified<CertificateFacts> | undefined {
    return this.#byHash.get(hash);
  }

  /** The digest of a certificate's record, by the certificate's hash. */
  certificateDigest(hash: string): string | undefined {
    const facts = this.#byHash.get(hash);
    return facts && this.#certificates.get(facts.id)?.find((held) => held.facts.hash === hash)?.digest;
  }

  /** The newest certificate of a member. */
  currentCertificate(id: MemberId): Verified<CertificateFacts> | undefined {
    return this.#certificates.get(id)?.[0]?.facts;
  }

  note(id: MemberId): HeldNote | undefined {
    return this.#notes.get(id);
  }

  accusations(id: MemberId): readonly HeldAccusation[] {
    return this.#accusations.get(id) ?? [];
  }

  /** Members with at least one held accusation against them. */
  accusedIds(): Iterable<MemberId> {
    return this.#accusations.keys();
  }

  ids(): Iterable<MemberId> {
    return this.#certificates.keys();
  }

  get revocations(): Verified<SignedRevocationList> | undefined {
    return this.#revoked.held?.list;
  }

  isRevoked(facts: CertificateFacts): boolean {
    return this.#revoked.has(facts);
  }

  /** A member caught contradicting itself, until it holds a newer certificate (rule R12). */
  isSilenced(facts: CertificateFacts): boolean {
    const held = this.#proofs.get(facts.id);
    return held !== undefined && silences(held.proof, facts);
  }

  /** Does this pair silence a certificate that no held proof does? Once for each certificate of a member at most. */
  silencesMore(pair: readonly [SignedNote, SignedNote]): boolean {
    const [held, newest] = [this.#proofs.get(pair[0].id)?.proof.newest, this.#newestOf(pair)];
    return newest !== undefined && (held === undefined || compareCertificates(newest, held) > 0);
  }

  #newestOf(pair: readonly [SignedNote, SignedNote]): CertificateFacts | undefined {
    const [one, other] = pair.map((note) => this.#byHash.get(note.certificate));
    return one && other && (compareCertificates(one, other) > 0 ? one : other);
  }

  proof(id: MemberId): Equivocation | undefined {
    return this.#proofs.get(id)?.proof;
  }

  /** The record by which others hear of what was admitted: a note that contradicts another one is told as the proof. */
  toldAs(claim: Claim, digest: string): string {
    if (claim.kind !== "note" || this.record(digest) !== undefined) return digest;
    return this.#proofs.get(claim.note.id)?.digest ?? digest;
  }

  /** Digests of what introduces a member: its certificates and its note. */
  introduction(id: MemberId): string[] {
    const digests = (this.#certificates.get(id) ?? []).map((held) => held.digest);
    const note = this.#notes.get(id);
    return note && this.tree.has(note.digest) ? [...digests, note.digest] : digests;
  }

  /** By the digest as it is listed to partners, or a whole one. */
  record(digest: string): StoredRecord | undefined {
    const listed = digest.slice(0, LISTED_DIGITS);
    return this.#store.get(listed) ?? this.farewells.record(listed);
  }

  records(): Iterable<StoredRecord> {
    return this.#store.all();
  }

  // --- Cheap checks: why a claim need not be verified at all. Undefined means: worth a signature check. ---

  certificateProblem(leaf: Uint8Array): string | undefined {
    return this.#byHash.has(toHex(this.#sha256(leaf))) ? "duplicate" : undefined;
  }

  /**
   * Rules R2 and R11: the form first, then who may have signed it, then whether it is news. My own note is not refused for
   * its dates: my clock may be ahead, and the others wait for my answer (rule R9).
   */
  noteProblem(note: SignedNote, isMine = false): string | undefined {
    const form = noteProblem(note, this.ringCount);
    if (form) return form;
    const certificate = this.#byHash.get(note.certificate);
    if (!certificate || certificate.id !== note.id) return "certificate-unknown";
    const barred = this.#barred(certificate, isMine);
    if (barred !== undefined) return barred;
    const held = this.#supersededBy(certificate) ? undefined : this.#notes.get(note.id);
    if (held && note.epoch < held.note.epoch) return "stale";
    if (held && note.epoch === held.note.epoch && this.#hash(note.body) === held.hash) return "duplicate";
    return undefined;
  }

  /** Why nothing is taken that was signed under a certificate; `isMine`: whatever its dates. */
  #barred(certificate: CertificateFacts, isMine = false): string | undefined {
    if (this.isRevoked(certificate)) return "revoked";
    if (!isMine && certificate.notAfter < this.#ended) return "expired";
    // Else who says the same by turns under this certificate and a newer one would be gone for some, and there for others.
    return this.isSilenced(certificate) ? "silenced" : undefined;
  }

  /** Is a note with a higher epoch held that still counts? */
  isStale(note: SignedNote): boolean {
    const held = this.#notes.get(note.id);
    const certificate = this.#byHash.get(note.certificate);
    return held !== undefined && note.epoch < held.note.epoch && !(certificate && this.#supersededBy(certificate));
  }

  /** A leaving note of a member that is held as there: each of them follows a note that had to wait for its time. */
  isFarewell(note: SignedNote): boolean {
    const held = this.#notes.get(note.id)?.note;
    return note.leaving && held !== undefined && !held.leaving;
  }

  /**
   * Has the held note's certificate ended, or does a proof silence it, while this one is good? Then the held note no longer
   * counts, whatever its epoch. Else it would stand until it is forgotten (rule R8), at a different time in each view, or
   * for ever (rule R12).
   */
  #supersededBy(certificate: CertificateFacts): boolean {
    const held = this.#notes.get(certificate.id);
    return held !== undefined && !this.#isGood(held.certificate) && this.#isGood(certificate);
  }

  #isGood(certificate: CertificateFacts): boolean {
    return certificate.notAfter >= this.#ended && !this.isSilenced(certificate);
  }

  /** Rule R3 without the signature. */
  accusationProblem(accusation: SignedAccusation): string | undefined {
    const { accused, accuser, ring } = accusation;
    if (accused === accuser) return "self-accusation";
    if (ring < 1 || ring > this.ringCount) return "ring-range";
    const target = this.#accusable(accused);
    if (!target) return "note-unknown";
    if (accusation.epoch !== target.epoch) return "epoch-differs";
    if (!isEnabled(target.mask, ring)) return "ring-disabled";
    const certificate = this.#byHash.get(accusation.certificate);
    if (!certificate || certificate.id !== accuser) return "certificate-unknown";
    if (this.isRevoked(certificate)) return "revoked";
    if (certificate.notAfter < this.#ended) return "accuser-expired";
    const distance = this.rings.distance(ring, accuser, accused, ACCUSER_WINDOW - 1);
    if (distance === undefined) return "not-near";
    return this.#crowded(accusation, distance);
  }

  #crowded(accusation: SignedAccusation, distance: number): string | undefined {
    const { accused, accuser, ring } = accusation;
    let closer = 0;
    for (const other of this.accusations(accused)) {
      if (other.accusation.ring !== ring) continue;
      if (other.accusation.accuser === accuser) return this.#preferred(accusation, other) ? undefined : "duplicate";
      if (this.#distance(other) < distance) closer += 1;
    }
    return closer >= ACCUSATIONS_PER_RING_MAX ? "closer-held" : undefined;
  }

  equivocationProblem(pair: readonly [SignedNote, SignedNote]): string | undefined {
    const [first, second] = pair.map((note) => this.contradiction(note));
    if (!first || !second) return "certificate-unknown";
    const held = this.#proofs.get(pair[0].id)?.proof;
    const best = bestEquivocation(held, [first, second]);
    return best === undefined ? "no-contradiction" : best === held ? "duplicate" : undefined;
  }

  revocationProblem(list: SignedRevocationList): string | undefined {
    return this.#revoked.problem(list);
  }

  /** A note with what ranks it in a proof; undefined while its certificate is not held. */
  contradiction(note: SignedNote): Contradiction | undefined {
    const certificate = this.#byHash.get(note.certificate);
    if (!certificate || certificate.id !== note.id) return undefined;
    return { note, hash: this.#hash(note.body), certificate };
  }

  // --- Admission: returns whether anything changed. The problem functions above were asked just before. ---

  admitCertificate(facts: Verified<CertificateFacts>): boolean {
    if (this.#byHash.has(facts.hash)) return false;
    // Renewals of those who are held find room also when the view is full.
    if (!this.#certificates.has(facts.id) && this.#certificates.size >= MEMBERS_MAX) return false;
    const held = [...(this.#certificates.get(facts.id) ?? [])];
    // One that would be dropped at once is no news: it would go round for ever.
    const oldest = held[CERTIFICATES_PER_MEMBER_MAX - 1];
    if (oldest && compareCertificates(facts, oldest.facts) < 0) return false;
    const digest = this.#keep({ kind: "certificate", chain: facts });
    held.push({ facts, digest });
    held.sort((a, b) => compareCertificates(b.facts, a.facts));
    this.#byHash.set(facts.hash, facts);
    this.#certificates.set(facts.id, held);
    this.#nextEnd = Math.min(this.#nextEnd, facts.notAfter);
    this.#nextForgotten = Math.min(this.#nextForgotten, facts.notAfter);
    this.#affect(facts.id);
    const isNewId = this.rings.add(facts.id);
    for (const dropped of held.splice(CERTIFICATES_PER_MEMBER_MAX)) this.#dropCertificate(dropped);
    // A newcomer between two members may push an accuser out of the window of rule R3.
    if (isNewId) this.#dropAccusationsAround(facts.id);
    return true;
  }

  /** `record`: as it was received, when it was; it is not digested and encoded again. */
  admitNote(note: Verified<SignedNote>, record?: StoredRecord): boolean {
    return this.noteProblem(note) === undefined && this.#admit(note, record);
  }

  /** A note that I signed. */
  admitMine(note: Verified<SignedNote>): boolean {
    return this.noteProblem(note, true) === undefined && this.#admit(note);
  }

  #admit(note: Verified<SignedNote>, record?: StoredRecord): boolean {
    const found = this.contradiction(note);
    if (!found) return false;
    const held = this.#notes.get(note.id);
    if (held && note.epoch < held.note.epoch) this.farewells.forget(note.id);
    const contradicts = this.#admitContradictions(note.id, held ? [held, found] : [found]);
    if (this.isSilenced(found.certificate)) return contradicts;
    if (held) this.#unkeep(held.digest);
    const ways = { callable: addressesOf(note, TRANSPORT_GRPC), pingable: addressesOf(note, TRANSPORT_PING) };
    this.#notes.set(note.id, { ...found, ...ways, note, digest: this.#keep({ kind: "note", note }, record) });
    if (note.leaving) this.farewells.remember(note);
    if (note.leaving) this.interests.drop(note.id);
    this.#affect(note.id);
    this.#dropAccusations(note.id, (held) => this.accusationForm(held.accusation) === undefined);
    return true;
  }

  /**
   * A farewell below the note that is held: its author has returned, and some have not heard yet that it had gone. It is no
   * part of what views are compared by; it is there to be passed on, and to be counted (rule R13).
   */
  admitFarewell(note: Verified<SignedNote>, record: StoredRecord): boolean {
    if (!this.farewells.isNew(note)) return false;
    this.farewells.remember(note, { listed: record.digest.slice(0, LISTED_DIGITS), record });
    this.#affect(note.id);
    this.#version += 1;
    return true;
  }

  /** The note that accusations are against; none of a silenced one, which is no record. */
  #accusable(id: MemberId): SignedNote | undefined {
    const held = this.#notes.get(id);
    return held && !this.isSilenced(held.certificate) ? held.note : undefined;
  }

  /** Is the accusation still one against the note that is held? */
  accusationForm(accusation: SignedAccusation): string | undefined {
    const target = this.#accusable(accusation.accused);
    if (!target || target.epoch !== accusation.epoch) return "epoch-differs";
    return isEnabled(target.mask, accusation.ring) ? undefined : "ring-disabled";
  }

  /** `record`: see `admitNote`. */
  admitAccusation(accusation: Verified<SignedAccusation>, record?: StoredRecord): boolean {
    if (this.accusationProblem(accusation)) return false;
    const digest = this.#keep({ kind: "accusation", accusation }, record);
    const held = [...this.accusations(accusation.accused), { accusation, digest }];
    this.#accusations.set(accusation.accused, held);
    this.#affect(accusation.accused);
    this.#dropCrowd(accusation.accused, accusation.ring);
    return this.tree.has(digest);
  }

  admitEquivocation(pair: readonly [Verified<SignedNote>, Verified<SignedNote>]): boolean {
    const found = pair.map((note) => this.contradiction(note)).filter((item) => item !== undefined);
    return this.#admitContradictions(pair[0].id, found);
  }

  /** What was signed under a revoked certificate is dropped (rule R17); the certificate stays, to be recognised. */
  admitRevocations(list: Verified<SignedRevocationList>): boolean {
    if (this.revocationProblem(list)) return false;
    if (this.#revoked.held) this.#unkeep(this.#revoked.held.digest);
    const digest = this.#keep({ kind: "revocation", list });
    this.#affectRevoked();
    this.#revoked.replace(list, digest);
    this.#affectRevoked();
    for (const facts of this.#byHash.values()) if (this.isRevoked(facts)) this.#dropSignedUnder(facts);
    return true;
  }

  /**
   * Rule R8: forgets certificates whose end, plus twice the tolerated skew, has passed, and what was signed under them.
   * Twice: a member whose clock is slow by the tolerance must not be told again of what the others forgot.
   * Returns the ids of which nothing is left.
   */
  forget(wall: number): MemberId[] {
    const end = wall - 2 * CLOCK_TOLERANCE_MS;
    if (this.#nextForgotten >= end) return [];
    const ended = [...this.#byHash.values()].filter((facts) => facts.notAfter < end);
    const gone: MemberId[] = [];
    for (const facts of ended) {
      const held = this.#certificates.get(facts.id) ?? [];
      for (const certificate of held) if (certificate.facts.hash === facts.hash) this.#dropCertificate(certificate);
      const left = held.filter((certificate) => certificate.facts.hash !== facts.hash);
      if (left.length > 0) this.#certificates.set(facts.id, left);
      else if (this.#forgetMember(facts.id)) gone.push(facts.id);
    }
    this.#nextForgotten = Number.POSITIVE_INFINITY;
    for (const { notAfter } of this.#byHash.values()) this.#nextForgotten = Math.min(this.#nextForgotten, notAfter);
    return gone;
  }

  #affectRevoked(): void {
    for (const facts of this.#byHash.values()) if (this.isRevoked(facts)) this.#affect(facts.id);
  }

  #forgetMember(id: MemberId): boolean {
    this.#affect(id);
    this.#certificates.delete(id);
    this.farewells.forget(id);
    this.#dropAccusations(id, () => false);
    const proof = this.#proofs.get(id);
    if (proof) this.#unkeep(proof.digest);
    this.#proofs.delete(id);
    return this.rings.delete(id);
  }

  #admitContradictions(id: MemberId, found: readonly Contradiction[]): boolean {
    const held = this.#proofs.get(id);
    const proof = bestEquivocation(held?.proof, found);
    if (!proof || proof === held?.proof) return false;
    if (held) this.#unkeep(held.digest);
    const digest = this.#keep({ kind: "equivocation", pair: [proof.pair[0].note, proof.pair[1].note] });
    this.#proofs.set(id, { proof, digest });
    this.#affect(id);
    this.#silence(id);
    return true;
  }

  /**
   * What a member said last under a silenced certificate is no record any more: another view may have had the proof before
   * it. It is kept for its addresses and its key, so that the member can be told (rule R12).
   */
  #silence(id: MemberId): void {
    const interest = this.interests.get(id)?.interest;
    const signer = interest && this.#byHash.get(interest.certificate);
    if (signer && this.isSilenced(signer)) this.interests.drop(id);
    const held = this.#notes.get(id);
    if (!held || !this.isSilenced(held.certificate)) return;
    this.#unkeep(held.digest);
    this.#dropAccusations(id, () => false);
  }

  #dropCertificate(held: HeldCertificate): void {
    this.#byHash.delete(held.facts.hash);
    this.#affect(held.facts.id);
    this.#unkeep(held.digest);
    this.#dropSignedUnder(held.facts);
    this.#dropProofUnder(held.facts);
  }

  /** A proof whose certificate is no longer held could be verified by nobody who does not hold it already (rule R4). */
  #dropProofUnder(facts: CertificateFacts): void {
    const held = this.#proofs.get(facts.id);
    if (!held?.proof.pair.some(({ certificate }) => certificate.hash === facts.hash)) return;
    this.#unkeep(held.digest);
    this.#proofs.delete(facts.id);
    // What the proof had silenced may be said again by others, and is then a record as before.
    const note = this.#notes.get(facts.id);
    if (note && !this.tree.has(note.digest)) this.#notes.delete(facts.id);
  }

  #dropSignedUnder(facts: CertificateFacts): void {
    const note = this.#notes.get(facts.id);
    if (note && note.certificate.hash === facts.hash) {
      this.#unkeep(note.digest);
      this.#notes.delete(facts.id);
      this.#dropAccusations(facts.id, () => false);
    }
    this.#dropAccusationsUnder(facts);
    this.interests.dropUnder(facts);
  }

  #dropAccusationsUnder(facts: CertificateFacts): void {
    for (const accused of this.#accusedAfter(facts.id)) {
      this.#dropAccusations(accused, (held) => held.accusation.certificate !== facts.hash);
    }
  }

  #dropAccusationsAround(id: MemberId): void {
    for (const accused of this.#accusedAfter(id)) {
      this.#affect(accused);
      this.#dropAccusations(accused, (held) => this.#distance(held) < ACCUSER_WINDOW);
    }
  }

  /** Whom a held accusation by this member can be against, or one that passes over it: the next ones after it (rule R3). */
  #accusedAfter(id: MemberId): ReadonlySet<MemberId> {
    const found = new Set<MemberId>();
    if (this.#accusations.size === 0) return found;
    for (let ring = 1; ring <= this.ringCount; ring++) {
      for (const accused of this.rings.successors(ring, id, ACCUSER_WINDOW)) {
        if (this.#accusations.has(accused)) found.add(accused);
      }
    }
    return found;
  }

  /** Rule R3: of one ring the closest accusers are kept. Mostly there is room for all, and none need be measured. */
  #dropCrowd(accused: MemberId, ring: number): void {
    const crowd = this.accusations(accused).filter((held) => held.accusation.ring === ring);
    if (crowd.length <= ACCUSATIONS_PER_RING_MAX && firstPerAccuser(crowd).length === crowd.length) return;
    crowd.sort((a, b) => this.#distance(a) - this.#distance(b) || (this.#preferred(a.accusation, b) ? -1 : 1));
    const kept = new Set(firstPerAccuser(crowd).slice(0, ACCUSATIONS_PER_RING_MAX));
    this.#dropAccusations(accused, (held) => held.accusation.ring !== ring || kept.has(held));
  }

  #dropAccusations(accused: MemberId, keep: (held: HeldAccusation) => boolean): void {
    const held = this.#accusations.get(accused);
    if (!held) return;
    const kept = held.filter(keep);
    if (kept.length === held.length) return;
    for (const dropped of held) if (!kept.includes(dropped)) this.#unkeep(dropped.digest);
    this.#affect(accused);
    if (kept.length > 0) this.#accusations.set(accused, kept);
    else this.#accusations.delete(accused);
  }

  /** One accuser may hold two certificates: what it says under the newer one stays, because that ends later. */
  #preferred(accusation: SignedAccusation, held: HeldAccusation): boolean {
    const [one, other] = [accusation, held.accusation].map(({ certificate }) => this.#byHash.get(certificate));
    return one !== undefined && other !== undefined && compareCertificates(one, other) > 0;
  }

  #distance(held: HeldAccusation): number {
    const { ring, accuser, accused } = held.accusation;
    return this.rings.distance(ring, accuser, accused, ACCUSER_WINDOW - 1) ?? ACCUSER_WINDOW;
  }

  #keep(claim: Claim, received?: StoredRecord): string {
    this.#version += 1;
    return this.#store.add(claim, received);
  }

  #unkeep(digest: string): void {
    this.#version += 1;
    this.#store.delete(digest);
  }

  #hash(bytes: Uint8Array): string {
    return toHex(this.#sha256(bytes));
  }
}

function firstPerAccuser(accusations: readonly HeldAccusation[]): HeldAccusation[] {
  const seen = new Set<MemberId>();
  return accusations.filter(({ accusation }) => !seen.has(accusation.accuser) && seen.add(accusation.accuser));
}
