/**
 * The way of a foreign statement into the evidence: parse, cheap checks, signature, admission.
 *
 * One packet is one batch, taken in three stages, because each stage needs what the one before it brought:
 * certificates and the revocation list, then notes, then accusations and proofs, and interests last. Between the stages the batch waits for
 * the driver's verdicts. Nothing here knows who is live.
 */
import type { BucketRate, MemberId, Sha256 } from "../../rings/index.js";
import { Budgets } from "../budget.js";
import { BATCH_CHECKS_MAX, BATCHES_MAX, BATCHES_PER_PARTNER_MAX } from "../limits.js";
import type { Notice } from "../notice.js";
import type { SignedAccusation } from "../records/accusation.js";
import type { CertificateFacts } from "../records/certificate.js";
import type { InterestOffer, SignedInterest } from "../records/interest.js";
import { noteSignatureType, type SignedNote } from "../records/note.js";
import { LISTED_DIGITS } from "../records/packet.js";
import {
  type Claim,
  type ReadStatement,
  type StatementReader,
  type StoredRecord,
  statementReader,
} from "../records/statement.js";
import { type Check, type Verdict, type Verified, vouch } from "../records/verified.js";
import type { Evidence } from "./evidence.js";
import { noticeOfAccusation } from "./inspection.js";
import { InterestGate, interestCost } from "./interest-gate.js";

/** A statement is held from now on. */
export interface Admitted {
  readonly kind: "admitted";
  readonly claim: Claim;
  readonly digest: string;
  readonly fresh: boolean;
  /** Who brought it; undefined for what waited, and for what came from my disk or the authority. */
  readonly from: MemberId | undefined;
}

/** What the intake did, in order; the machine acts on it. */
export type Intaken =
  | { readonly kind: "verify"; readonly batch: number; readonly checks: readonly Check[] }
  | Admitted
  /** An accusation of me that nobody can hold, and that I answer. */
  | { readonly kind: "noticed"; readonly notice: Notice }
  /** A well-signed note or accusation about me, or an interest of mine: mine to judge, whether or not it was admitted. */
  | { readonly kind: "about-me"; readonly claim: ClaimAboutMe }
  | { readonly kind: "rejected"; readonly from: MemberId | undefined; readonly what: string; readonly reason: string }
  /** A signature or a certificate was false: the partner that sent it pays. */
  | { readonly kind: "lied"; readonly from: MemberId | undefined }
  /** A well-signed note or interest beyond its subject's budget waits until then (rules R11, R22). */
  | { readonly kind: "parked"; readonly what: "note" | "interest"; readonly id: MemberId; readonly until: number };

export type ClaimAboutMe = Claim & { readonly kind: "note" | "accusation" | "interest" };

type StagedClaim = ReadStatement;

interface Parked extends StagedClaim {
  readonly note: Verified<SignedNote>;
}

/**
 * Well-signed notes of one subject that are checked in vain per gossip interval, because they must wait: only the subject
 * itself can make more of them, and a correct one issues at most one per Delta / 2 (rule R9).
 */
const PARKED_PER_INTERVAL = 8;

/** Why a certificate, or what was signed under it, may fail though its sender is honest: clocks differ, and time passed since it was sent (R18). */
const HONEST_REASONS: ReadonlySet<string> = new Set(["expired", "not-yet-valid"]);

interface Batch {
  readonly id: number;
  readonly from: MemberId | undefined;
  readonly fresh: boolean;
  /** An answer to my own summons: it takes nobody's place. */
  readonly isHearing: boolean;
  readonly stages: StagedClaim[][];
  /** Notes and proofs of one subject that this batch has sent to be checked: what they may cost is not spent before. */
  readonly spent: Map<string, number>;
  /** Under verification, each with the number of checks it was sent with: the evidence may have moved on since. */
  checking: { readonly staged: StagedClaim; readonly checks: readonly Check[] }[];
}

export interface IntakeOptions {
  readonly evidence: Evidence;
  readonly sha256: Sha256;
  /** Default: one without memory. */
  readonly read?: StatementReader | undefined;
  readonly me: MemberId;
  /** Would I answer this accusation of me? One that nobody can hold is checked for no other reason (rule R9). */
  readonly isHeard: (accusation: SignedAccusation) => boolean;
  /** Would this old farewell be one from which its author has returned lately (rule R13)? */
  readonly isReturn: (id: MemberId, farewell: bigint) => boolean;
  /** Rule R11: t + 2 notes of one subject at once, then one per gossip interval. */
  readonly noteRate: BucketRate;
}

const STAGE: Readonly<Record<Claim["kind"], number>> = {
  certificate: 0,
  revocation: 0,
  note: 1,
  accusation: 2,
  equivocation: 2,
  interest: 3,
};

export class Intake {
  readonly #options: IntakeOptions;
  readonly #evidence: Evidence;
  readonly #read: StatementReader;
  readonly #batches = new Map<number, Batch>();
  readonly #noteBudgets: Budgets;
  readonly #farewellBudgets: Budgets;
  readonly #parkBudgets: Budgets;
  readonly #proofBudgets: Budgets;
  readonly #parked = new Map<MemberId, Parked>();
  readonly #interests: InterestGate;
  /** Records under way, as listed: not asked for a second time. */
  readonly #pending = new Set<string>();
  #nextBatch = 1;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#evidence = options.evidence;
    this.#read = options.read ?? statementReader(options.sha256);
    const { noteRate } = options;
    this.#noteBudgets = new Budgets(noteRate);
    this.#farewellBudgets = new Budgets(noteRate);
    this.#parkBudgets = new Budgets({ burst: PARKED_PER_INTERVAL, refillMs: noteRate.refillMs / PARKED_PER_INTERVAL });
    this.#proofBudgets = new Budgets(noteRate);
    this.#interests = new InterestGate(noteRate.refillMs);
  }

  get isIdle(): boolean {
    return this.#batches.size === 0;
  }

  isPending(listedDigest: string): boolean {
    return this.#pending.has(listedDigest);
  }

  /**
   * `from` is undefined for what comes from my own disk or from the authority. `isHearing`: an accused member's answer to my
   * own call (rule R20); there is always room for its few statements, however many packets liars keep under check.
   */
  submit(
    statements: readonly Uint8Array[],
    from: MemberId | undefined,
    fresh: boolean,
    now: number,
    isHearing = false,
  ): Intaken[] {
    const done: Intaken[] = [];
    if (!isHearing && !this.#hasRoom(from)) {
      return [{ kind: "rejected", from, what: "packet", reason: "verification-busy" }];
    }
    const batch: Batch = {
      id: this.#nextBatch++,
      from,
      fresh,
      isHearing,
      stages: [[], [], [], []],
      spent: new Map(),
      checking: [],
    };
    const seen = new Set<string>();
    for (const bytes of statements) {
      const read = this.#read(bytes);
      if (!read) {
        done.push({ kind: "rejected", from, what: "statement", reason: "malformed" }, { kind: "lied", from });
        continue;
      }
      // The same one a thousand times in a packet would be as many signatures to check.
      if (seen.has(read.digest)) continue;
      seen.add(read.digest);
      // In a storm most of what comes is held already: one look-up says so.
      if (this.#evidence.record(read.digest)?.digest === read.digest) {
        done.push({ kind: "rejected", from, what: read.claim.kind, reason: "duplicate" });
        continue;
      }
      this.#pending.add(read.digest.slice(0, LISTED_DIGITS));
      batch.stages[STAGE[read.claim.kind]]?.push(read);
    }
    this.#batches.set(batch.id, batch);
    return [...done, ...this.#advance(batch, now)];
  }

  /** The driver's verdicts, one for each check of the batch, in order. */
  verified(batchId: number, verdicts: readonly Verdict[], now: number): Intaken[] {
    const batch = this.#batches.get(batchId);
    if (!batch) return [];
    const done: Intaken[] = [];
    let offset = 0;
    for (const { staged, checks } of batch.checking) {
      const share = verdicts.slice(offset, offset + checks.length);
      offset += share.length;
      done.push(...this.#judge(batch, staged, share, now));
    }
    batch.checking = [];
    if (done.some((event) => event.kind === "lied")) done.push(...this.#drop(batch));
    return [...done, ...this.#advance(batch, now)];
  }

  /** A parked note or interest may be admitted now. */
  unpark(what: "note" | "interest", id: MemberId, now: number): Intaken[] {
    if (what === "interest") return this.#unparkInterest(id, now);
    const parked = this.#parked.get(id);
    this.#parked.delete(id);
    if (!parked) return [];
    const { note, claim, digest } = parked;
    return this.#admitNote(note, parked, now)
      ? [{ kind: "admitted", claim, digest, fresh: true, from: undefined }]
      : [];
  }

  #unparkInterest(id: MemberId, now: number): Intaken[] {
    const waiting = this.#interests.take(id);
    if (!waiting || !this.#admitInterest(waiting.interest, waiting, now)) return [];
    const { interest, digest } = waiting;
    return [{ kind: "admitted", claim: { kind: "interest", interest }, digest, fresh: true, from: undefined }];
  }

  /** Would this interest be taken in if it came now? */
  isWorth(offer: InterestOffer, now: number): boolean {
    return this.#evidence.interests.isNews(offer) && this.#interests.affords(offer, now);
  }

  /** Budgets that are full again need not be remembered. */
  tidy(now: number): void {
    const budgets = [this.#noteBudgets, this.#farewellBudgets, this.#parkBudgets, this.#proofBudgets];
    for (const each of [...budgets, this.#interests]) each.tidy(now);
  }

  #hasRoom(from: MemberId | undefined): boolean {
    if (from === undefined) return true;
    const others = [...this.#batches.values()].filter((batch) => !batch.isHearing);
    const mine = others.filter((batch) => batch.from === from).length;
    return others.length < BATCHES_MAX && mine < BATCHES_PER_PARTNER_MAX;
  }

  /** Nobody honest hands on what is not verified: after a lie, the rest of a partner's packet is not worth the work. */
  #drop(batch: Batch): Intaken[] {
    if (batch.from === undefined) return [];
    return batch.stages.splice(0).flatMap((stage) => stage.map((staged) => this.#reject(batch.from, staged, "liar")));
  }

  /** Runs the batch up to the next stage that has something to verify, or to its end. */
  #advance(batch: Batch, now: number): Intaken[] {
    const done: Intaken[] = [];
    for (let stage = batch.stages[0]; stage; stage = batch.stages[0]) {
      while (stage.length > 0 && batch.checking.length < BATCH_CHECKS_MAX) {
        for (const staged of stage.splice(0, BATCH_CHECKS_MAX)) done.push(...this.#consider(batch, staged, now));
      }
      if (stage.length === 0) batch.stages.shift();
      if (batch.checking.length === 0) continue;
      return [...done, { kind: "verify", batch: batch.id, checks: batch.checking.flatMap(({ checks }) => checks) }];
    }
    this.#batches.delete(batch.id);
    return done;
  }

  #consider(batch: Batch, staged: StagedClaim, now: number): Intaken[] {
    const problem = this.#problem(staged) ?? this.#excess(batch, staged, now);
    if (problem !== undefined) return [this.#reject(batch.from, staged, problem)];
    batch.checking.push({ staged, checks: this.#checksOf(staged.claim) });
    return [];
  }

  #problem({ claim, digest }: StagedClaim): string | undefined {
    switch (claim.kind) {
      case "certificate":
        return this.#evidence.certificateProblem(claim.chain.leaf);
      case "revocation":
        return this.#evidence.revocationProblem(claim.list);
      case "note":
        return this.#noteProblem(claim.note);
      case "accusation":
        return this.#accusationProblem(claim.accusation);
      case "equivocation":
        return this.#evidence.equivocationProblem(claim.pair);
      case "interest":
        return this.#evidence.interests.problem(claim.interest, digest);
    }
  }

  /** An old farewell says that its author has returned: some hold it as gone where others never heard of that. */
  #noteProblem(note: SignedNote): string | undefined {
    const problem = this.#evidence.noteProblem(note);
    const isNews = problem === "stale" && this.#evidence.farewells.isNew(note);
    return isNews && this.#options.isReturn(note.id, note.epoch) ? undefined : problem;
  }

  /** One against me that is too far to be held is worth a check only while I would answer it. */
  #accusationProblem(accusation: SignedAccusation): string | undefined {
    const { me, isHeard } = this.#options;
    const problem = this.#evidence.accusationProblem(accusation);
    return problem === "not-near" && accusation.accused === me && isHeard(accusation) ? undefined : problem;
  }

  #checksOf(claim: Claim): Check[] {
    if (claim.kind === "certificate") return [{ kind: "certificate", chain: claim.chain }];
    if (claim.kind === "revocation") {
      const { issuer, body, signature } = claim.list;
      return [{ kind: "revocation", issuer, body, signature }];
    }
    if (claim.kind === "equivocation") return claim.pair.flatMap((note) => this.#noteCheck(note));
    if (claim.kind === "note") return this.#noteCheck(claim.note);
    const signed = claim.kind === "interest" ? claim.interest : claim.accusation;
    const certificate = this.#evidence.certificate(signed.certificate);
    const { body, signature } = signed;
    return certificate ? [{ kind: "signature", type: claim.kind, certificate, body, signature }] : [];
  }

  #noteCheck(note: SignedNote): Check[] {
    const certificate = this.#evidence.certificate(note.certificate);
    const { body, signature } = note;
    return certificate ? [{ kind: "signature", type: noteSignatureType(note), certificate, body, signature }] : [];
  }

  #judge(batch: Batch, staged: StagedClaim, verdicts: readonly Verdict[], now: number): Intaken[] {
    const failed = verdicts.find((verdict) => !verdict.ok);
    if (failed || verdicts.length === 0) {
      const reason = failed && !failed.ok ? failed.reason : "not-checked";
      const rejected = this.#reject(batch.from, staged, reason);
      return HONEST_REASONS.has(reason) ? [rejected] : [rejected, { kind: "lied", from: batch.from }];
    }
    this.#pending.delete(staged.digest.slice(0, LISTED_DIGITS));
    const aboutMe = this.#aboutMe(staged.claim);
    if (aboutMe && aboutMe.kind !== "accusation") return [{ kind: "about-me", claim: aboutMe }];
    const told: Intaken[] = aboutMe ? [{ kind: "about-me", claim: aboutMe }] : [];
    if (this.#isOldFarewell(staged.claim)) return this.#admitFarewell(staged, verdicts, batch, now);
    const until = this.#wait(staged.claim, now);
    if (until > now) return this.#park(staged, verdicts, until, now);
    const { claim, digest, bytes } = staged;
    const { fresh, from } = batch;
    if (this.#admit(staged, verdicts, now)) return [{ kind: "admitted", claim, digest, fresh, from }, ...told];
    if (claim.kind !== "accusation" || told.length === 0) return told;
    return [{ kind: "noticed", notice: noticeOfAccusation(this.#evidence, claim.accusation, bytes, from) }, ...told];
  }

  #isOldFarewell(claim: Claim): boolean {
    return claim.kind === "note" && this.#evidence.isStale(claim.note);
  }

  #admitFarewell(staged: StagedClaim, verdicts: readonly Verdict[], { fresh, from }: Batch, now: number): Intaken[] {
    const { claim, digest } = staged;
    const note = claim.kind === "note" ? vouch(claim.note, verdicts) : undefined;
    if (!note || !this.#evidence.admitFarewell(note, staged)) return [];
    this.#farewellBudgets.take(note.id, now);
    return [{ kind: "admitted", claim, digest, fresh, from }];
  }

  #aboutMe(claim: Claim): ClaimAboutMe | undefined {
    if (claim.kind === "note" && claim.note.id === this.#options.me) return claim;
    if (claim.kind === "interest" && claim.interest.id === this.#options.me) return claim;
    return claim.kind === "accusation" && claim.accusation.accused === this.#options.me ? claim : undefined;
  }

  #admit(staged: StagedClaim, verdicts: readonly Verdict[], now: number): boolean {
    const { claim } = staged;
    switch (claim.kind) {
      case "certificate":
        return this.#admitCertificate(verdicts);
      case "revocation":
        return this.#with(claim.list, verdicts, (list) => this.#evidence.admitRevocations(list));
      case "note":
        return this.#with(claim.note, verdicts, (note) => this.#admitNote(note, staged, now));
      case "accusation":
        return this.#with(claim.accusation, verdicts, (accusation) =>
          this.#evidence.admitAccusation(accusation, staged),
        );
      case "equivocation":
        return this.#with(claim.pair, verdicts, (pair) => this.#admitProof(pair, now));
      case "interest":
        return this.#with(claim.interest, verdicts, (interest) => this.#admitInterest(interest, staged, now));
    }
  }

  #admitInterest(interest: Verified<SignedInterest>, record: StoredRecord, now: number): boolean {
    const isAdmitted = this.#evidence.interests.admit(interest, record) !== undefined;
    if (isAdmitted) this.#interests.admitted(interest, now);
    return isAdmitted;
  }

  #admitProof([first, second]: readonly [SignedNote, SignedNote], now: number): boolean {
    const pair = [first as Verified<SignedNote>, second as Verified<SignedNote>] as const;
    const isAdmitted = this.#evidence.admitEquivocation(pair);
    if (isAdmitted) this.#proofBudgets.take(first.id, now);
    return isAdmitted;
  }

  #with<T>(value: T, verdicts: readonly Verdict[], admit: (value: Verified<T>) => boolean): boolean {
    const verified = vouch(value, verdicts);
    return verified !== undefined && admit(verified);
  }

  #admitCertificate(verdicts: readonly Verdict[]): boolean {
    const verdict = verdicts[0];
    if (!verdict?.ok || !verdict.certificate) return false;
    return this.#with<CertificateFacts>(verdict.certificate, verdicts, (facts) =>
      this.#evidence.admitCertificate(facts),
    );
  }

  /** Only a note that proved to be its subject's own costs the subject its budget. */
  #admitNote(note: Verified<SignedNote>, record: StoredRecord, now: number): boolean {
    const isAdmitted = this.#evidence.admitNote(note, record);
    // The same one in many packets at once costs its author one.
    if (isAdmitted) this.#noteBudgets.take(note.id, now);
    return isAdmitted;
  }

  /** A farewell waits for nothing: were it to wait, it could be kept from some, and its subject held as live there alone. */
  #wait(claim: Claim, now: number): number {
    if (claim.kind === "interest") return this.#interests.admissibleAt(claim.interest, now);
    if (claim.kind !== "note" || this.#evidence.isFarewell(claim.note)) return now;
    return this.#noteBudgets.affordableAt(claim.note.id, now);
  }

  /**
   * Of several notes that wait, the newest supersedes the others. Only well-signed ones may wait: a forged one with a
   * high epoch would keep out the answer that its subject owes to an accusation.
   */
  #park(staged: StagedClaim, verdicts: readonly Verdict[], until: number, now: number): Intaken[] {
    if (staged.claim.kind === "interest")
      return this.#parkInterest(staged.claim.interest, staged, verdicts, until, now);
    const note = staged.claim.kind === "note" ? vouch(staged.claim.note, verdicts) : undefined;
    if (!note) return [];
    const parked = this.#parked.get(note.id);
    if (parked && parked.note.epoch >= note.epoch) return [];
    this.#parkBudgets.take(note.id, now);
    this.#parked.set(note.id, { ...staged, note });
    return [{ kind: "parked", what: "note", id: note.id, until }];
  }

  #parkInterest(
    signed: SignedInterest,
    { digest, bytes }: StoredRecord,
    verdicts: readonly Verdict[],
    until: number,
    now: number,
  ): Intaken[] {
    const interest = vouch(signed, verdicts);
    if (!interest || !this.#interests.park({ interest, digest, bytes }, now)) return [];
    return [{ kind: "parked", what: "interest", id: interest.id, until }];
  }

  /** Is it not worth a check, because its subject has had so many? What this batch has under check counts as had. */
  #excess(batch: Batch, { claim, digest }: StagedClaim, now: number): string | undefined {
    if (claim.kind === "interest") return this.#interestExcess(batch, claim.interest, digest, now);
    if (claim.kind !== "note" && claim.kind !== "equivocation") return undefined;
    const id = claim.kind === "note" ? claim.note.id : claim.pair[0].id;
    const key = `${claim.kind} ${id}`;
    const cost = (batch.spent.get(key) ?? 0) + 1;
    const problem =
      claim.kind === "note"
        ? this.#noteExcess(claim.note, digest, cost, now)
        : this.#proofExcess(claim.pair, cost, now);
    if (problem === undefined) batch.spent.set(key, cost);
    return problem;
  }

  #interestExcess({ spent }: Batch, interest: SignedInterest, digest: string, now: number): string | undefined {
    const key = `interest ${interest.id}`;
    const before = spent.get(key) ?? 0;
    const problem = this.#interests.excess(interest, digest, before, now);
    if (problem === undefined) spent.set(key, before + interestCost(interest));
    return problem;
  }

  /** Rule R11: beyond its budget a few more are checked, because the newest of them waits. */
  #noteExcess(note: SignedNote, digest: string, cost: number, now: number): string | undefined {
    const { id } = note;
    if (this.#evidence.isStale(note)) {
      return this.#farewellBudgets.affords(id, now, cost) ? undefined : "note-budget";
    }
    if (this.#noteBudgets.affords(id, now, cost)) return undefined;
    // One of them is admitted, and makes the others wait.
    if (cost <= PARKED_PER_INTERVAL && this.#evidence.isFarewell(note)) return undefined;
    if (this.#parked.get(id)?.digest === digest) return "duplicate";
    return this.#parkBudgets.affords(id, now, cost) ? undefined : "note-budget";
  }

  /**
   * Rule R12: a liar can make ever better proofs against itself, and each is pushed through the whole network. They have
   * the rate of its notes; the best one comes by reconciliation. One that silences a certificate which none did yet has no
   * budget: else better and better ones about an old certificate would keep it out, here and not elsewhere.
   */
  #proofExcess(pair: readonly [SignedNote, SignedNote], cost: number, now: number): string | undefined {
    const isFree = this.#proofBudgets.affords(pair[0].id, now, cost) || this.#evidence.silencesMore(pair);
    return isFree ? undefined : "proof-budget";
  }

  #reject(from: MemberId | undefined, staged: StagedClaim, reason: string): Intaken {
    this.#pending.delete(staged.digest.slice(0, LISTED_DIGITS));
    return { kind: "rejected", from, what: staged.claim.kind, reason };
  }
}
