/**
 * The Fireflies member as a machine without I/O: every input is a method that takes the monotonic time `now` in
 * milliseconds, every effect leaves as an output, and `deadline` says when to call `tick` again. The driver takes all
 * outputs after each input. The same code runs in production and under a simulator.
 *
 * Inputs come in here, and the parts are held together (docs/rooms.md lists them). Rule numbers (R1 .. R21) are those
 * of docs/protocol.md.
 */
import { earliest, type MemberId, Timers, tolerance } from "../rings/index.js";
import { CLOCK_TOLERANCE_MS } from "./clock.js";
import { Defence } from "./defence/defence.js";
import { Epochs } from "./defence/epochs.js";
import { Hearings } from "./defence/hearings.js";
import { Self } from "./defence/self.js";
import { Lateness } from "./detection/lateness.js";
import { Monitor } from "./detection/monitor.js";
import type { TryOutcome } from "./detection/verdict.js";
import { Herald } from "./herald.js";
import { Isolation } from "./isolation.js";
import type { MachineOptions, NewFacts } from "./machine-options.js";
import { Outbox, type Output, type Peer, type Recipient, type Standing } from "./outputs.js";
import type { Ports } from "./ports.js";
import type { CertificateFacts } from "./records/certificate.js";
import type { Interest } from "./records/interest.js";
import type { SignedNote } from "./records/note.js";
import { encodePacket, parsePacket } from "./records/packet.js";
import { subjectOf, withoutInterests } from "./records/statement.js";
import { own, type Verdict } from "./records/verified.js";
import { checkSettings, noteMs, type Settings } from "./settings.js";
import { CALL_TIMEOUT_MS, Courier } from "./spreading/courier.js";
import { Entry } from "./spreading/entry.js";
import { Exchanges } from "./spreading/exchanges.js";
import { Mailer } from "./spreading/mailer.js";
import { INTEREST_DUE, INTEREST_REPUSH, OwnInterest } from "./spreading/own-interest.js";
import { Partners, receive } from "./spreading/partners.js";
import { Rounds } from "./spreading/rounds.js";
import { Evidence } from "./view/evidence.js";
import { type Inspected, inspect } from "./view/inspection.js";
import { type Admitted, type ClaimAboutMe, Intake, type Intaken } from "./view/intake.js";
import { Judgement } from "./view/judgement.js";
import { Roster } from "./view/roster.js";
import { View } from "./view/view.js";

/**
 * After a change of mine, milliseconds in which differing fingerprints start no exchange: others are still learning it. More
 * than the pause between two pushes (mailer.ts) and a round trip.
 */
const SETTLE_MS = 250;
/** Expiry and forgotten budgets are looked at this often, in gossip intervals. */
const TIDY_INTERVALS = 10;

export class Machine {
  readonly #settings: Settings;
  readonly #ports: Ports;
  readonly #evidence: Evidence;
  readonly #judgement: Judgement;
  readonly #view: View;
  readonly #self: Self;
  readonly #intake: Intake;
  readonly #partners: Partners;
  readonly #mailer: Mailer;
  readonly #monitor: Monitor;
  readonly #defence: Defence;
  readonly #exchanges: Exchanges;
  readonly #hearings: Hearings;
  readonly #rounds: Rounds;
  readonly #courier = new Courier();
  readonly #roster: Roster;
  readonly #herald: Herald;
  readonly #isolation: Isolation;
  readonly #timers = new Timers();
  readonly #lateness = new Lateness();
  readonly #outbox = new Outbox();
  readonly #known: readonly Uint8Array[];
  /** My note in a shared view, until I have started from it. */
  readonly #standingNote: SignedNote | undefined;
  readonly #entry: Entry;
  readonly #interest: OwnInterest;
  #judgedVersion = -1;
  #changedAt = Number.NEGATIVE_INFINITY;
  /** The deadline, once it was asked for; only inputs change it, and each of them wakes me first. Infinity: none. */
  #due: number | undefined;
  #departed = false;

  /** Throws RangeError on settings out of range, and for a shared view in which my note does not stand. */
  constructor(options: MachineOptions) {
    checkSettings(options.settings);
    const { settings, ports, ringCount, certificate } = options;
    this.#settings = settings;
    this.#ports = ports;
    this.#known = options.known;
    const begun = options.shared?.fork(certificate.id);
    this.#standingNote = options.shared?.noteOf(certificate, options.savedMark);
    this.#evidence = begun?.evidence ?? new Evidence({ ringCount, sha256: ports.sha256 });
    this.#roster = begun?.roster ?? new Roster();
    this.#judgement = new Judgement({ evidence: this.#evidence, ...settings });
    this.#view = new View(certificate.id, this.#evidence, this.#judgement);
    const epochs = new Epochs(options.savedMark, ports.clock.reading);
    this.#self = new Self({ ...options, certificate: own(certificate), epochs, sign: ports.sign });
    this.#intake = this.#newIntake(options);
    this.#partners = new Partners(settings.gossipMs);
    const parts = {
      view: this.#view,
      self: this.#self,
      partners: this.#partners,
      roster: this.#roster,
      courier: this.#courier,
      timers: this.#timers,
      outbox: this.#outbox,
      settings,
      ports,
      random: ports.random,
    };
    this.#isolation = new Isolation(parts);
    const shared = { ...parts, isolation: this.#isolation };
    this.#herald = new Herald(shared);
    this.#mailer = new Mailer(shared);
    this.#monitor = new Monitor({ ...shared, mailer: this.#mailer, onAccused: (id) => this.#herald.touch(id) });
    this.#defence = new Defence({ ...shared, mailer: this.#mailer });
    this.#exchanges = new Exchanges({
      ...shared,
      submit: (statements, from, isNews, now, isHearing) =>
        this.#act(this.#intake.submit(statements, from, isNews, now, isHearing), now),
      isPending: (digest) => this.#intake.isPending(digest),
      isWorth: (offer, now) => this.#intake.isWorth(offer, now),
      defence: this.#defence,
      deltaMs: settings.deltaMs,
      isNew: () => this.#entry.isOpen,
    });
    this.#hearings = new Hearings({ ...shared, exchanges: this.#exchanges });
    this.#rounds = new Rounds({
      ...shared,
      exchanges: this.#exchanges,
      contacts: options.contacts,
    });
    this.#interest = new OwnInterest({ ...shared, mailer: this.#mailer });
    this.#entry = new Entry({
      ...shared,
      mailer: this.#mailer,
      exchanges: this.#exchanges,
      isSettled: () => this.#intake.isIdle,
      onJoined: () => this.#herald.tell(),
      onOut: (now) => this.#interest.setOut(now),
    });
  }

  #newIntake({ certificate, ringCount, settings, ports }: MachineOptions): Intake {
    return new Intake({
      evidence: this.#evidence,
      sha256: ports.sha256,
      read: ports.read,
      me: certificate.id,
      isHeard: (accusation) => this.#defence.hears(accusation),
      isReturn: (id, farewell) => this.#judgement.isReturn(id, farewell),
      noteRate: { burst: tolerance(ringCount) + 2, refillMs: noteMs(settings) },
    });
  }

  // --- What the driver may ask at any time ---

  get id(): MemberId {
    return this.#self.id;
  }

  get epoch(): bigint {
    return this.#self.epoch;
  }

  get mask(): Uint8Array {
    return this.#self.mask;
  }

  /** The monotonic instant at which `tick` is due, or undefined before `start`. */
  get deadline(): number | undefined {
    const { deadline } = this.#hearings;
    this.#due ??= earliest(this.#timers.deadline, this.#monitor.deadline, this.#judgement.deadline, deadline);
    return this.#due === Number.POSITIVE_INFINITY ? undefined : this.#due;
  }

  /** Root of the hash tree over all held records: 16 bytes, equal in equal views. */
  fingerprint(): Uint8Array {
    return this.#evidence.tree.root();
  }

  /** Live members other than me. */
  members(): Peer[] {
    return [...this.#roster.peers()];
  }

  member(id: MemberId): Peer | undefined {
    return this.#roster.get(id);
  }

  standing(id: MemberId): Standing {
    return this.#judgement.standing(id);
  }

  /** All that I hold of a member, and why it stands as it does. */
  inspect(id: MemberId): Inspected {
    return inspect(this.#view, id);
  }

  /** My live predecessor and successor on a ring. */
  neighboursOn(ring: number): { predecessor: MemberId | undefined; successor: MemberId | undefined } {
    return this.#view.neighboursOn(ring);
  }

  /** Why the bearer of a certificate must not be talked to at all, by what I hold against it (rules R12, R17). */
  refusal(certificate: CertificateFacts): "revoked" | "equivocated" | undefined {
    if (this.#evidence.isRevoked(certificate)) return "revoked";
    return this.#evidence.isSilenced(certificate) ? "equivocated" : undefined;
  }

  /** A certificate of a known member by its hash (64 hex digits), or its newest. */
  certificateOf(id: MemberId): CertificateFacts | undefined {
    return this.#evidence.note(id)?.certificate ?? this.#evidence.currentCertificate(id);
  }

  /** The X25519 key of a member's latest note. */
  agreementKeyOf(id: MemberId): Uint8Array | undefined {
    return this.#evidence.note(id)?.note.agreementKey;
  }

  /** Every held statement of membership, for a cache on disk or an audit. */
  statements(): Uint8Array[] {
    return withoutInterests(this.#evidence.records());
  }

  /** What a member subscribes to, me included: the content of its interest as it signed it (rule R22). */
  interestOf(id: MemberId): Interest | undefined {
    return this.#evidence.interests.get(id)?.interest;
  }

  /** All that are held, also of members that are not live. */
  interests(): Interest[] {
    return Array.from(this.#evidence.interests.all(), ({ interest }) => interest);
  }

  /** To be called after each input, and carried out in order. */
  takeOutputs(): Output[] {
    return this.#outbox.take();
  }

  // --- Inputs ---

  start(now: number): void {
    this.#due = undefined;
    this.#ports.clock.wall(now);
    if (this.#standingNote) this.#defence.stand(this.#standingNote);
    else {
      this.#evidence.admitCertificate(this.#self.certificate);
      this.#defence.issueNote(now);
    }
    if (this.#known.length > 0) this.#act(this.#intake.submit(this.#known, undefined, false, now), now);
    if (this.#standingNote) this.#entry.setOut(now);
    else this.#entry.begin(this.#rounds.contacts, false, now);
    this.#interest.restate(now);
    this.#settle(now);
  }

  tick(now: number): void {
    this.#wake(now);
    for (let name = this.#timers.pop(now); name !== undefined; name = this.#timers.pop(now)) this.#fire(name, now);
    this.#monitor.tick(now);
    this.#hearings.tick(now);
    this.#settle(now);
  }

  /** A partner's packet; returns the packet to answer with. Never throws for what the partner sent. */
  request(from: MemberId, packet: Uint8Array, now: number): Uint8Array {
    this.#wake(now);
    const received = receive(this.#partners, from, packet, now);
    if ("refused" in received) {
      this.#outbox.emit({ kind: "rejected", from, what: "packet", reason: received.refused });
      return encodePacket([{ kind: "refused", reason: received.refused }]);
    }
    const answer = this.#exchanges.answer(from, received.items, now);
    this.#settle(now);
    return answer;
  }

  /** The answer to a `send`, and who gave it. */
  answered(call: number, from: MemberId, packet: Uint8Array, now: number): void {
    this.#wake(now);
    const ended = this.#courier.end(call);
    if (!ended) return;
    this.#partners.called(from, true);
    const parsed = parsePacket(packet);
    if (!parsed.ok) this.#outbox.emit({ kind: "rejected", from, what: "packet", reason: parsed.reason });
    const items = parsed.ok ? parsed.items : [];
    const isOver = this.#exchanges.answered(ended, from, items, !this.#self.leaving, now);
    if (isOver) this.#entry.answered(from);
    // Who was too busy to look at a packet has not heard what was in it.
    this.#mailer.ended(call, items.some(({ kind }) => kind === "refused") ? undefined : from);
    if (ended.purpose === "interest") this.#interest.check(now);
    this.#mailer.deliver(now);
    this.#settle(now);
  }

  /** A `send` had no answer. */
  failed(call: number, now: number): void {
    this.#wake(now);
    const ended = this.#courier.end(call);
    if (!ended) return;
    if (ended.to.id) this.#partners.called(ended.to.id, false);
    this.#entry.failed(ended.to);
    this.#mailer.ended(call, undefined);
    if (ended.to.id) this.#hint(ended.to.id, now);
    this.#mailer.deliver(now);
    this.#settle(now);
  }

  /** An authentic datagram of a member says that I stand accused in its view (rule R20). */
  summoned(from: MemberId, ring: number, epoch: bigint, now: number): void {
    this.#wake(now);
    this.#defence.summoned(from, { ring, epoch }, false, now);
    this.#settle(now);
  }

  /** An authenticated ping arrived from a member. */
  pinged(from: MemberId, fingerprint: Uint8Array, now: number): void {
    this.#wake(now);
    this.#learnFingerprint(from, fingerprint, now);
    this.#settle(now);
  }

  /** An authenticated pong arrived. */
  pong(from: MemberId, nonce: bigint, fingerprint: Uint8Array, now: number): void {
    this.#wake(now);
    if (this.#monitor.pong(from, nonce, now)) this.#learnFingerprint(from, fingerprint, now);
    this.#settle(now);
  }

  /** How a `try` ended. */
  tried(id: MemberId, outcome: TryOutcome, now: number): void {
    this.#wake(now);
    this.#monitor.tried(id, outcome, now);
    this.#settle(now);
  }

  /** A connection to a member broke without my doing: a reason to look at once, and no more than that. */
  linkLost(id: MemberId, now: number): void {
    this.#wake(now);
    this.#hint(id, now);
    this.#settle(now);
  }

  verified(batch: number, verdicts: readonly Verdict[], now: number): void {
    this.#wake(now);
    this.#act(this.#intake.verified(batch, verdicts, now), now);
    this.#settle(now);
  }

  /** Statements from the authority or from disk; checked like anyone's. */
  learn(statements: readonly Uint8Array[], now: number): void {
    this.#wake(now);
    this.#act(this.#intake.submit(statements, undefined, true, now), now);
    this.#settle(now);
  }

  addContacts(contacts: readonly Recipient[]): void {
    this.#rounds.addContacts(contacts);
  }

  /**
   * Contacts that came later. While I know nobody I ask them at once, as a joiner does; "ready" follows again. Those that an
   * operator names are asked at once in any case (`isUrgent`): they may know others than I do.
   */
  meet(contacts: readonly Recipient[], now: number, isUrgent = false): void {
    this.#wake(now);
    const others = this.#rounds.addContacts(contacts);
    if (this.#entry.isOpen) this.#entry.add(others);
    else if (this.#roster.size === 0 && !this.#self.leaving && others.length > 0) this.#entry.begin(others, true, now);
    else if (isUrgent) for (const to of others) this.#exchanges.begin(to, now);
    this.#settle(now);
  }

  /** What is handed to ring neighbours each interval; undefined for nothing. */
  setGossipContent(content: Uint8Array | undefined): void {
    this.#rounds.setContent(content);
  }

  /**
   * What I subscribe to, as my next interest (rule R22): at most INTEREST_BYTES_MAX bytes, RangeError for more. Said at once, or
   * when others will admit it; "interest-spread" follows with its version.
   */
  setInterest(content: Uint8Array, now: number): void {
    this.#wake(now);
    this.#interest.set(content, now);
    this.#settle(now);
  }

  /** New facts about me, as my next note. */
  describe({ addresses, metadata, extensions }: NewFacts, now: number): void {
    this.#wake(now);
    if (addresses) this.#self.addresses = addresses;
    if (metadata) this.#self.metadata = metadata;
    if (extensions) this.#self.extensions = extensions;
    this.#defence.issueNote(now);
    this.#settle(now);
  }

  /** My renewed certificate, for the same id. */
  renew(certificate: CertificateFacts, now: number): void {
    this.#wake(now);
    this.#self.certificate = own(certificate);
    this.#evidence.admitCertificate(this.#self.certificate);
    this.#monitor.renewed();
    for (const digest of this.#evidence.introduction(this.id)) this.#mailer.announce(digest);
    this.#defence.issueNote(now);
    this.#interest.restate(now);
    this.#settle(now);
  }

  /** Says goodbye; `departed` follows when the neighbours have heard it, or have had their time (rule R14). */
  leave(now: number): void {
    this.#wake(now);
    if (this.#self.leaving) return;
    this.#self.leaving = true;
    this.#entry.end();
    this.#defence.issueNote(now);
    for (const name of ["doubt", "gossip", "monitor", "repush", INTEREST_DUE, INTEREST_REPUSH])
      this.#timers.clear(name);
    this.#hearings.end();
    this.#timers.set("depart", now + CALL_TIMEOUT_MS);
    this.#settle(now);
  }

  // --- Time ---

  /** Before every input: time in which my own loop was late counts for no verdict and no removal (section 4). */
  #wake(now: number): void {
    const { deadline } = this;
    this.#due = undefined;
    const late = this.#lateness.of(deadline, now);
    if (late === 0) return;
    this.#judgement.postpone(late, now);
    this.#isolation.stalled(late, now);
    if (late <= this.#settings.monitorMs / 2) this.#monitor.postpone(late);
    else this.#monitor.restart(now);
    if (late > this.#settings.deltaMs / 2) this.#askAround(now);
  }

  /** After a stall others may have accused me, and will not come to tell me: they pass me over on their rings. */
  #askAround(now: number): void {
    if (!this.#self.leaving && !this.#entry.isOpen) this.#rounds.askAfterStall(now);
  }

  #fire(name: string, now: number): void {
    // A statement that waits (rules R11, R22): what it is, and whose.
    const [what, id] = name.split("/");
    if (id) this.#act(this.#intake.unpark(what as "note" | "interest", id as MemberId, now), now);
    else if (name === "gossip") this.#gossip(now);
    else if (name === "monitor") this.#watch(now);
    else if (name === "push") this.#mailer.push(now);
    else if (name === "rebuttal") this.#defence.answer(now);
    else if (name === "repush") this.#defence.repush(now);
    else if (name === "join") this.#entry.finish(now);
    else if (name === INTEREST_DUE) this.#interest.issue(now);
    else if (name === INTEREST_REPUSH) this.#interest.repush(now);
    else if (name === "doubt") this.#doubt(now);
    else if (name === "isolation") this.#isolation.touch();
    else if (name === "depart") this.#depart();
  }

  #watch(now: number): void {
    this.#timers.set("monitor", now + this.#settings.monitorMs);
    this.#monitor.round(now);
  }

  #gossip(now: number): void {
    const round = this.#rounds.next(now);
    this.#timers.set("gossip", now + this.#settings.gossipMs / this.#rounds.pace);
    if (round % TIDY_INTERVALS === 0) this.#tidy(now);
  }

  /** Before a removal I ask others for an answer that has not reached me. */
  #doubt(now: number): void {
    if (this.#self.leaving || !this.#judgement.hasOpenAccusations) return;
    this.#rounds.confront(this.#judgement.accusedIds(), now);
    this.#rounds.askInDoubt(now);
    this.#timers.set("doubt", now + this.#settings.deltaMs / 2);
  }

  #tidy(now: number): void {
    this.#intake.tidy(now);
    for (const { number } of this.#courier.overdue(now)) {
      this.#courier.end(number);
      this.#mailer.ended(number, undefined);
    }
    for (const id of this.#evidence.forget(this.#wall(now))) {
      this.#judgement.forget(id);
      this.#partners.forget(id);
      this.#monitor.forget(id);
      this.#herald.touch(id);
    }
    // Expiry comes with time alone.
    this.#judgedVersion = -1;
  }

  #wall(now: number): number {
    const wall = this.#ports.clock.wall(now);
    this.#herald.clockIs(this.#ports.clock.isFrozen);
    return wall;
  }

  // --- Judging and telling ---

  /** After every input: judge what changed, tell it, and act on it, until nothing changes any more. */
  #settle(now: number): void {
    while (this.#judgedVersion !== this.#evidence.version || (this.#judgement.deadline ?? Infinity) <= now) {
      this.#judge(now);
      // While I join nothing is told: of the dead I hear the notes first and what stands against them a moment later.
      if (!this.#entry.isOpen) this.#herald.tell();
      this.#defence.answerStanding(now);
      if (!this.#self.leaving) this.#monitor.guardTheDead(now);
    }
    this.#herald.tellInterests();
    if (this.#entry.isOpen) this.#entry.go(now);
    else this.#isolation.tell(now);
    if (this.#intake.isIdle) this.#exchanges.resume(now);
    if (this.#self.leaving && this.#courier.isIdle && this.#mailer.isIdle) this.#depart();
  }

  #judge(now: number): void {
    if (this.#judgedVersion !== this.#evidence.version) this.#changedAt = now;
    this.#judgedVersion = this.#evidence.version;
    const { changed, turned, removed } = this.#judgement.update(now, this.#wall(now));
    this.#view.refresh(changed);
    this.#isolation.touch();
    for (const id of changed) this.#herald.touch(id);
    for (const id of removed) this.#monitor.forget(id);
    if (!this.#self.leaving) this.#hearings.turned(turned, now);
    if (!this.#entry.isOpen && !this.#self.leaving) this.#rounds.confront(turned, now);
    const isOpen = this.#judgement.hasOpenAccusations && !this.#entry.isOpen;
    if (isOpen && !this.#timers.has("doubt")) this.#timers.set("doubt", now + this.#settings.removalMs / 2);
  }

  // --- Statements ---

  #act(intaken: readonly Intaken[], now: number): void {
    for (const event of intaken) {
      if (event.kind === "verify" || event.kind === "rejected" || event.kind === "noticed") this.#outbox.emit(event);
      else if (event.kind === "lied" && event.from) this.#partners.punish(event.from, now);
      else if (event.kind === "parked") this.#timers.set(`${event.what}/${event.id}`, event.until);
      else if (event.kind === "about-me") this.#aboutMe(event.claim, now);
      else if (event.kind === "admitted") this.#admitted(event, now);
    }
  }

  #admitted({ claim, digest, fresh, from }: Admitted, now: number): void {
    if (claim.kind === "interest") {
      // Others are still learning it.
      this.#changedAt = now;
      if (fresh) this.#mailer.spreadInterest(digest, now);
      return;
    }
    const id = subjectOf(claim);
    const isLatest = claim.kind === "note" && this.#evidence.note(claim.note.id)?.digest === digest;
    // Not judged anew yet: still accused means that this note is the answer.
    const isRebuttal = isLatest && this.#judgement.mayAnswer(claim.note.id);
    if (id) this.#herald.admitted(id, claim, digest, from, isRebuttal);
    if (claim.kind === "revocation") {
      this.#ports.clock.proves(claim.list.issuedAt - CLOCK_TOLERANCE_MS, now);
      this.#herald.revoked(claim.list);
    }
    if (claim.kind === "note") {
      if (this.#judgement.noteAdmitted(claim.note.id, now)) this.#rounds.tellOfWait(claim.note.id, now);
      if (isLatest) this.#monitor.forget(claim.note.id);
    }
    if (fresh && isRebuttal) this.#mailer.spreadUrgently(digest, now);
    else if (fresh && !(claim.kind === "accusation" && this.#judgement.isReserve(claim.accusation)))
      this.#mailer.spread(this.#evidence.toldAs(claim, digest), now);
  }

  /** A well-signed accusation of mine, or a note or an interest under my key that is not my latest. */
  #aboutMe(claim: ClaimAboutMe, now: number): void {
    if (claim.kind === "note") this.#defence.sawMyNote(claim.note, now);
    else if (claim.kind === "interest") this.#interest.saw(claim.interest, now);
    else this.#defence.accused(claim.accusation, now);
  }

  #learnFingerprint(from: MemberId, fingerprint: Uint8Array, now: number): void {
    this.#partners.learnFingerprint(from, fingerprint);
    if (this.#partners.holdsSame(from, this.fingerprint()) || now - this.#changedAt < SETTLE_MS) return;
    if (!this.#self.leaving) this.#rounds.differs(from, now);
  }

  #hint(id: MemberId, now: number): void {
    if (!this.#self.leaving && !this.#entry.isOpen) this.#monitor.hint(id, now);
  }

  #depart(): void {
    if (this.#departed) return;
    this.#departed = true;
    this.#timers.clear("depart");
    this.#outbox.emit({ kind: "departed" });
  }
}
