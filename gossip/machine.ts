/**
 * The Fireflies member as a machine without I/O: every input is a method that takes the monotonic time `now` in
 * milliseconds, every effect leaves as an output, and `deadline` says when to call `tick` again. The driver takes all
 * outputs after each input. The same code runs in production and under a simulator.
 *
 * Rule numbers (R1 .. R19) are those of docs/protocol.md.
 */
import { isEnabled, type MemberId, tolerance } from "../rings/index.js";
import { type Accusation, accusationKey, encodeAccusation } from "./accusation.js";
import type { CertificateFacts } from "./certificate.js";
import { TrustedClock } from "./clock.js";
import { CALL_TIMEOUT_MS, type Call, Courier } from "./courier.js";
import { type Detection, Detector, type Target } from "./detector.js";
import { Epochs } from "./epochs.js";
import { Evidence } from "./evidence.js";
import { Intake, type Intaken } from "./intake.js";
import { Joining } from "./joining.js";
import { Judgement, type Standing } from "./judgement.js";
import { EXCHANGE_ROUNDS_MAX, OUTPUTS_MAX, PUSH_BYTES_MAX } from "./limits.js";
import { type Address, addressesOf, TRANSPORT_GRPC, TRANSPORT_PING } from "./note.js";
import type { Output, Peer, Recipient } from "./outputs.js";
import { encodePacket, type Item, parsePacket } from "./packet.js";
import { PacketBuilder } from "./packet-builder.js";
import { Partners } from "./partners.js";
import type { Ports } from "./ports.js";
import { reconcile } from "./reconcile.js";
import { Roster } from "./roster.js";
import { Self } from "./self.js";
import { checkSettings, type Settings } from "./settings.js";
import type { Claim } from "./statement.js";
import { Timers } from "./timers.js";
import { own, type Verdict } from "./verified.js";

/** Fresh statements gather for this long before they are pushed, milliseconds: one packet instead of several. */
const PUSH_DELAY_MS = 10;
/** Random ring neighbours that a fresh statement is pushed to: reaches 98 % by infect and die, the rest reconciles. */
const PUSH_FANOUT = 4;
/** A request with more statements is a transfer and not news: what it brings is not pushed on. */
const NEWS_STATEMENTS_MAX = 64;
/** After a change of mine, others are still learning it: differing fingerprints start no exchange for this long. */
const SETTLE_MS = 250;
/** Equal views need no call, but one ring in a row is skipped this often at most (protocol section 5). */
const SKIPS_MAX = 10;
/** Neighbours asked what was missed, after a stall of more than Delta / 2. */
const ASKED_AFTER_STALL = 3;
/** Joining ends after this long, whoever has answered by then. */
const JOIN_TIMEOUT_MS = 10_000;
/** Expiry and forgotten budgets are looked at this often, in gossip intervals. */
const TIDY_INTERVALS = 10;
/** One contact that is not a live member is asked every so many gossip intervals; each, while nobody else is left. */
const CONTACT_INTERVALS = 10;
/** Contacts kept for the day on which nobody else is left. */
const CONTACTS_MAX = 64;

export interface MachineOptions {
  /** My own, checked certificate. */
  readonly certificate: CertificateFacts;
  /** k, from the certificate. */
  readonly ringCount: number;
  readonly settings: Settings;
  readonly ports: Ports;
  /** The last mark that a `save` wrote, 0 when none is known. */
  readonly savedMark: bigint;
  /** My X25519 public key, 32 bytes. */
  readonly agreementKey: Uint8Array;
  readonly addresses: readonly Address[];
  /** At most 4 KiB. */
  readonly metadata: Uint8Array;
  /** Members to ask first. */
  readonly contacts: readonly Recipient[];
  /** Statements from an earlier life or from the authority; checked like anyone's. */
  readonly known: readonly Uint8Array[];
}

type TimerName = "gossip" | "monitor" | "push" | "rebuttal" | "repush" | "join" | "depart";

export class Machine {
  readonly #settings: Settings;
  readonly #ports: Ports;
  readonly #clock: TrustedClock;
  readonly #evidence: Evidence;
  readonly #judgement: Judgement;
  readonly #intake: Intake;
  readonly #detector: Detector;
  readonly #partners: Partners;
  readonly #courier = new Courier();
  readonly #roster = new Roster();
  readonly #timers = new Timers();
  readonly #self: Self;
  readonly #contacts: Recipient[];
  readonly #known: readonly Uint8Array[];
  readonly #skips = new Map<number, number>();
  readonly #fresh = new Set<string>();
  readonly #again = new Set<MemberId>();
  readonly #touched = new Set<MemberId>();
  #outputs: Output[] = [];
  #joining: Joining | undefined;
  #content: Uint8Array | undefined;
  #gossipRing: number;
  #monitorRing: number;
  #rounds = 0;
  #judgedVersion = -1;
  #changedAt = Number.NEGATIVE_INFINITY;
  #rebuttedAt = Number.NEGATIVE_INFINITY;
  #wokeAt = Number.NEGATIVE_INFINITY;
  #repushUntil = Number.NEGATIVE_INFINITY;
  #floor = 0n;
  #isolatedAt: bigint | undefined;
  #departed = false;
  #frozen = false;
  #neighbours: ReadonlySet<MemberId> | undefined;

  /** Throws RangeError on settings out of range. */
  constructor(options: MachineOptions) {
    checkSettings(options.settings);
    const { settings, ports, ringCount, certificate } = options;
    this.#settings = settings;
    this.#ports = ports;
    this.#clock = new TrustedClock(ports.wallClock);
    this.#evidence = new Evidence({ ringCount, sha256: ports.sha256 });
    this.#judgement = new Judgement({ evidence: this.#evidence, ...settings });
    this.#partners = new Partners(settings.gossipMs);
    this.#self = new Self({
      ...options,
      certificate: own(certificate),
      deltaMs: settings.deltaMs,
      epochs: new Epochs(options.savedMark, ports.wallClock()),
      sign: ports.sign,
    });
    this.#intake = new Intake({
      evidence: this.#evidence,
      sha256: ports.sha256,
      me: certificate.id,
      noteRate: { burst: tolerance(ringCount) + 2, refillMs: settings.gossipMs },
    });
    this.#detector = new Detector({ ...settings, nonce: () => ports.random.nonce() });
    const mine = new Set(addressesOf(options, TRANSPORT_GRPC));
    this.#contacts = options.contacts.filter((contact) => !contact.addresses.some((address) => mine.has(address)));
    this.#known = options.known;
    this.#gossipRing = this.#randomBelow(ringCount);
    this.#monitorRing = this.#randomBelow(ringCount);
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
    const deadlines = [this.#timers.deadline, this.#detector.deadline, this.#judgement.deadline];
    const due = deadlines.filter((deadline) => deadline !== undefined);
    return due.length > 0 ? Math.min(...due) : undefined;
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

  /** My live predecessor and successor on a ring. */
  neighboursOn(ring: number): { predecessor: MemberId | undefined; successor: MemberId | undefined } {
    const { rings } = this.#evidence;
    const { skip } = this.#judgement;
    return { predecessor: rings.predecessor(ring, this.id, skip), successor: rings.successor(ring, this.id, skip) };
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

  /** Every held statement, for a cache on disk or an audit. */
  statements(): Uint8Array[] {
    return Array.from(this.#evidence.records(), (record) => record.bytes);
  }

  takeOutputs(): Output[] {
    const taken = this.#outputs;
    this.#outputs = [];
    return taken;
  }

  // --- Inputs ---

  start(now: number): void {
    this.#clock.wall(now);
    this.#evidence.admitCertificate(this.#self.certificate);
    this.#issueNote(now);
    if (this.#known.length > 0) this.#act(this.#intake.submit(this.#known, undefined, false, now), now);
    this.#joining = new Joining(this.#contacts, tolerance(this.#evidence.ringCount));
    this.#set("join", now + JOIN_TIMEOUT_MS);
    this.#settle(now);
  }

  tick(now: number): void {
    this.#wake(now);
    for (let name = this.#timers.pop(now); name !== undefined; name = this.#timers.pop(now)) this.#fire(name, now);
    this.#detect(this.#detector.tick(now), now);
    this.#settle(now);
  }

  /** A partner's packet; returns the packet to answer with. Never throws for what the partner sent. */
  request(from: MemberId, packet: Uint8Array, now: number): Uint8Array {
    this.#wake(now);
    if (!this.#partners.takePacket(from, now)) return this.#refuse(from, "busy");
    const parsed = parsePacket(packet);
    if (!parsed.ok) {
      this.#partners.punish(from, now);
      return this.#refuse(from, parsed.reason);
    }
    const builder = new PacketBuilder();
    this.#addCharges(builder, from);
    this.#respond(from, parsed.items, builder, { stranger: !this.#isNeighbour(from), asked: true }, now);
    this.#settle(now);
    return builder.finish();
  }

  /** The answer to a `send`, and who gave it. */
  answered(call: number, from: MemberId, packet: Uint8Array, now: number): void {
    this.#wake(now);
    const ended = this.#courier.end(call);
    if (!ended) return;
    const parsed = parsePacket(packet);
    if (!parsed.ok) this.#emit({ kind: "rejected", from, what: "packet", reason: parsed.reason });
    const items = parsed.ok ? parsed.items : [];
    const builder = new PacketBuilder();
    this.#respond(from, items, builder, { stranger: false, asked: false }, now);
    if (ended.purpose === "exchange") this.#continue(from, ended, builder, items, now);
    this.#deliver(now);
    this.#settle(now);
  }

  /** A `send` had no answer. */
  failed(call: number, now: number): void {
    this.#wake(now);
    const ended = this.#courier.end(call);
    if (!ended) return;
    this.#joining?.failed(ended.to);
    if (ended.to.id) this.#suspect(ended.to.id, now);
    this.#deliver(now);
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
    if (this.#detector.pong(from, nonce, now)) this.#learnFingerprint(from, fingerprint, now);
    this.#settle(now);
  }

  /** How a `try` ended. */
  tried(id: MemberId, answered: boolean, now: number): void {
    this.#wake(now);
    this.#detect(this.#detector.tried(id, answered, now), now);
    this.#settle(now);
  }

  /** A `try` was turned down at once: the host answered that nobody listens there. */
  refused(id: MemberId, now: number): void {
    this.#wake(now);
    this.#detect(this.#detector.refused(id, now), now);
    this.#settle(now);
  }

  /** A connection to a member broke without my doing: a reason to look at once, and no more than that. */
  linkLost(id: MemberId, now: number): void {
    this.#wake(now);
    this.#suspect(id, now);
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
    this.#contacts.push(...contacts);
    this.#contacts.splice(0, Math.max(0, this.#contacts.length - CONTACTS_MAX));
  }

  /** What is handed to ring neighbours each interval; undefined for nothing. */
  setGossipContent(content: Uint8Array | undefined): void {
    this.#content = content;
  }

  /** New facts about me, as my next note. */
  describe(facts: { readonly addresses?: readonly Address[]; readonly metadata?: Uint8Array }, now: number): void {
    this.#wake(now);
    if (facts.addresses) this.#self.addresses = facts.addresses;
    if (facts.metadata) this.#self.metadata = facts.metadata;
    this.#issueNote(now);
    this.#settle(now);
  }

  /** My renewed certificate, for the same id. */
  renew(certificate: CertificateFacts, now: number): void {
    this.#wake(now);
    this.#self.certificate = own(certificate);
    this.#evidence.admitCertificate(this.#self.certificate);
    for (const digest of this.#evidence.introduction(this.id)) this.#announce(digest);
    this.#issueNote(now);
    this.#settle(now);
  }

  /** Says goodbye; `departed` follows when the neighbours have heard it, or have had their time (rule R14). */
  leave(now: number): void {
    this.#wake(now);
    if (this.#self.leaving) return;
    this.#self.leaving = true;
    this.#joining = undefined;
    this.#issueNote(now);
    for (const name of ["gossip", "monitor", "repush", "join"] as const) this.#timers.clear(name);
    this.#set("depart", now + CALL_TIMEOUT_MS);
    this.#settle(now);
  }

  // --- Time ---

  /** Before every input: did my own loop stand still? Then what looked like others' silence was mine (section 4). */
  #wake(now: number): void {
    const { deadline } = this;
    // Of a row of late inputs the first stands for the stall: those after it come as fast as they are read.
    const late = deadline === undefined ? 0 : now - Math.max(deadline, this.#wokeAt);
    this.#wokeAt = now;
    if (late <= this.#settings.monitorMs / 2) return;
    this.#judgement.postpone(late);
    this.#detect(this.#detector.restart(now), now);
    if (late > this.#settings.deltaMs / 2) this.#askAround(now);
  }

  /** After a stall others may have accused me, and will not come to tell me: they pass me over on their rings. */
  #askAround(now: number): void {
    if (this.#self.leaving || this.#joining) return;
    for (const id of this.#sample([...this.#neighbourIds()], ASKED_AFTER_STALL)) {
      const to = this.#recipient(id);
      if (to) this.#exchange(to, now);
    }
  }

  #fire(name: string, now: number): void {
    if (name.startsWith("note/")) this.#act(this.#intake.unpark(name.slice(5) as MemberId, now), now);
    else if (name === "gossip") this.#gossip(now);
    else if (name === "monitor") this.#monitor(now);
    else if (name === "push") this.#push(now);
    else if (name === "rebuttal") this.#issueNote(now);
    else if (name === "repush") this.#repush(now);
    else if (name === "join") this.#finishJoin(now);
    else if (name === "depart") this.#depart();
  }

  #set(name: TimerName, at: number): void {
    this.#timers.set(name, at);
  }

  /** After every input: judge what changed, tell it, and act on it, until nothing changes any more. */
  #settle(now: number): void {
    while (this.#judgedVersion !== this.#evidence.version || (this.#judgement.deadline ?? Infinity) <= now) {
      if (this.#judgedVersion !== this.#evidence.version) this.#changedAt = now;
      this.#judgedVersion = this.#evidence.version;
      this.#neighbours = undefined;
      const { touched, removed } = this.#judgement.update(now, this.#wall(now));
      for (const id of touched) this.#touched.add(id);
      for (const id of removed) this.#detector.forget(id);
      this.#tell();
      this.#answerStanding(now);
      this.#guardTheDead(now);
    }
    if (this.#joining) this.#join(now);
    this.#resume(now);
    if (this.#self.leaving && this.#courier.isIdle && this.#fresh.size === 0) this.#depart();
  }

  #wall(now: number): number {
    const wall = this.#clock.wall(now);
    if (this.#clock.isFrozen && !this.#frozen) this.#emit({ kind: "alarm", what: "clock-stepped" });
    this.#frozen = this.#clock.isFrozen;
    return wall;
  }

  /** While I join nothing is told: of the dead I hear the notes first and what stands against them a moment later. */
  #tell(): void {
    if (this.#joining) return;
    for (const id of this.#touched) {
      if (id === this.id) this.#tellMine();
      else for (const change of this.#roster.observe(id, this.standing(id), this.#note(id))) this.#changed(change);
    }
    this.#touched.clear();
  }

  #changed(change: Output): void {
    this.#emit(change);
    if (change.kind === "failed" && this.#roster.size === 0) this.#emit({ kind: "isolated", reason: "nobody" });
  }

  #tellMine(): void {
    const standing = this.standing(this.id);
    if (standing !== "revoked" && standing !== "expired" && standing !== "equivocated") return;
    if (this.#isolatedAt === this.epoch) return;
    this.#isolatedAt = this.epoch;
    this.#emit({ kind: "isolated", reason: standing });
  }

  // --- Statements ---

  #act(intaken: readonly Intaken[], now: number): void {
    for (const event of intaken) {
      if (event.kind === "verify" || event.kind === "rejected") this.#emit(event);
      else if (event.kind === "lied" && event.from) this.#partners.punish(event.from, now);
      else if (event.kind === "parked") this.#timers.set(`note/${event.id}`, event.until);
      else if (event.kind === "about-me") this.#aboutMe(event.claim, now);
      else if (event.kind === "admitted") this.#admitted(event.claim, event.digest, event.fresh, now);
    }
  }

  #admitted(claim: Claim, digest: string, fresh: boolean, now: number): void {
    const id = this.#subject(claim);
    if (id) this.#touched.add(id);
    if (claim.kind === "revocation") this.#touchAll();
    if (claim.kind === "note") {
      this.#judgement.noteAdmitted(claim.note.id, now);
      this.#detector.forget(claim.note.id);
    }
    if (fresh) this.#spread(digest, now);
  }

  #subject(claim: Claim): MemberId | undefined {
    if (claim.kind === "note") return claim.note.id;
    if (claim.kind === "accusation") return claim.accusation.accused;
    if (claim.kind === "equivocation") return claim.pair[0].id;
    return undefined;
  }

  /** Rules R9 and R10: a well-signed accusation of mine, or a note under my key that is not my latest. */
  #aboutMe(claim: Claim & { kind: "note" | "accusation" }, now: number): void {
    if (claim.kind === "note") this.#aboveMyOwn(claim.note.epoch, now);
    else this.#accused(claim.accusation, now);
  }

  #accused(accusation: Accusation, now: number): void {
    if (accusation.epoch !== this.epoch || !isEnabled(this.#self.mask, accusation.ring)) return;
    const precedes = this.#judgement.mayStand(accusation);
    if (this.#self.accept(accusation, precedes, now)) this.#scheduleRebuttal(now, precedes);
  }

  /**
   * An accusation that I did not answer when it came, because its accuser was no predecessor of mine and over its
   * budget, may stand later, when those between us are accused.
   */
  #answerStanding(now: number): void {
    for (const { accusation } of this.#evidence.accusations(this.id)) {
      if (this.#judgement.mayStand(accusation)) this.#accused(accusation, now);
    }
  }

  #aboveMyOwn(epoch: bigint, now: number): void {
    if (epoch < this.epoch || epoch <= this.#floor || this.#self.leaving) return;
    // Either I have lost my memory, or someone runs with my key at this moment: then this repeats.
    if (this.#floor > 0n) this.#emit({ kind: "alarm", what: "identity-in-use" });
    this.#floor = epoch;
    this.#scheduleRebuttal(now);
  }

  /**
   * Rule R9: at most one rebuttal per Delta / 2; what comes in between is answered by the same one. Strangers alone cause
   * one per Delta at most: more would use up the budget that others have for my notes (rule R11), and the answer to a
   * predecessor would come too late.
   */
  #scheduleRebuttal(now: number, isUrgent = true): void {
    if (this.#self.leaving) return;
    const { deltaMs } = this.#settings;
    this.#timers.setEarlier("rebuttal", Math.max(now, this.#rebuttedAt + (isUrgent ? deltaMs / 2 : deltaMs)));
  }

  #issueNote(now: number): void {
    const precedes = (ring: number, accuser: MemberId) =>
      ring > 0 && this.#judgement.mayStand({ ring, accuser, accused: this.id });
    const note = this.#self.nextNote(precedes, this.#floor);
    if (!note) {
      this.#emit({ kind: "alarm", what: "epochs-exhausted" });
      return;
    }
    const mark = this.#self.markToSave();
    if (mark !== undefined) this.#emit({ kind: "save", mark });
    this.#timers.clear("rebuttal");
    this.#rebuttedAt = now;
    this.#evidence.admitNote(note);
    this.#touched.add(this.id);
    this.#repushUntil = now + 2 * this.#settings.deltaMs;
    this.#repush(now);
  }

  /** Rule R9: to the neighbours on all rings at once, and again until 2 Delta have passed. */
  #repush(now: number): void {
    const digest = this.#evidence.note(this.id)?.digest;
    if (digest) this.#announce(digest);
    this.#deliver(now);
    const next = now + this.#settings.deltaMs / 2;
    if (next < this.#repushUntil && !this.#self.leaving) this.#set("repush", next);
  }

  // --- Failure detection ---

  #monitor(now: number): void {
    this.#set("monitor", now + this.#settings.monitorMs);
    for (let visited = 0, rings = 0; visited < this.#settings.ringsPerVisit && rings < this.#ringCount; rings++) {
      this.#monitorRing = (this.#monitorRing % this.#ringCount) + 1;
      const target = this.#target(this.#monitorRing);
      if (!target) continue;
      visited += 1;
      this.#detect(this.#detector.visit(target, now), now);
    }
  }

  /** Whom I monitor on a ring: my live successor, unless it has disabled the ring and could not be accused there. */
  #target(ring: number): Target | undefined {
    const id = this.#evidence.rings.successor(ring, this.id, this.#judgement.skipUnwatched);
    const note = id && this.#evidence.note(id)?.note;
    if (!note || !isEnabled(note.mask, ring)) return undefined;
    return { id: note.id, ring, epoch: note.epoch, pingable: addressesOf(note, TRANSPORT_PING).length > 0 };
  }

  #suspect(id: MemberId, now: number): void {
    const target = this.#targetIs(id);
    if (target && !this.#self.leaving && !this.#joining) this.#detect(this.#detector.hint(target, now), now);
  }

  #targetIs(id: MemberId): Target | undefined {
    for (let ring = 1; ring <= this.#ringCount; ring++) {
      const target = this.#target(ring);
      if (target?.id === id) return target;
    }
    return undefined;
  }

  #detect(detections: readonly Detection[], now: number): void {
    for (const detection of detections) {
      if (detection.kind === "accuse") this.#accuse(detection.target, now);
      else if (detection.kind === "try") this.#try(detection.target, now);
      else this.#probe(detection.target, detection.nonce);
    }
  }

  #probe(to: MemberId, nonce: bigint): void {
    const note = this.#evidence.note(to)?.note;
    if (note) this.#emit({ kind: "probe", to, addresses: addressesOf(note, TRANSPORT_PING), nonce });
  }

  #try(id: MemberId, now: number): void {
    const to = this.#recipient(id);
    if (to) this.#emit({ kind: "try", to, timeoutMs: Math.min(CALL_TIMEOUT_MS, this.#settings.monitorMs) });
    else this.#detect(this.#detector.tried(id, false, now), now);
  }

  /** The verdict on a member that was my successor when the visit began; accused only where it still is. */
  #accuse(target: Target, now: number): void {
    const current = this.#target(target.ring);
    const still = current?.id === target.id ? current : this.#targetIs(target.id);
    if (!still || still.epoch !== target.epoch) return;
    const digest = this.#signAccusation(still.id, still.ring, still.epoch);
    if (!digest) return;
    this.#spread(digest, now);
    // The accused is told first-hand: it may be alive and cut off from everybody else.
    this.#courier.post(still.id, digest);
    this.#deliver(now);
  }

  #signAccusation(accused: MemberId, ring: number, epoch: bigint): string | undefined {
    const { certificate } = this.#self;
    const accusation = { accuser: this.id, certificate: certificate.hash, accused, ring, epoch };
    const body = encodeAccusation(accusation, this.#ports.sha256(certificate.leaf));
    const unsigned = { ...accusation, body, signature: new Uint8Array(64) };
    if (this.#evidence.accusationProblem(unsigned)) return undefined;
    const signed = own({ ...unsigned, signature: this.#ports.sign("accusation", body) });
    if (!this.#evidence.admitAccusation(signed)) return undefined;
    this.#touched.add(accused);
    const key = accusationKey(signed);
    return this.#evidence.accusations(accused).find((held) => accusationKey(held.accusation) === key)?.digest;
  }

  /** Rule R7: between me and my first live successor the removed stay accused by me, whatever became of others. */
  #guardTheDead(now: number): void {
    if (this.#self.leaving) return;
    for (let ring = 1; ring <= this.#ringCount; ring++) {
      const dead: MemberId[] = [];
      const isDead = (id: MemberId) => {
        const skipped = this.#judgement.skipUnwatched(id);
        if (skipped && this.standing(id) === "removed") dead.push(id);
        return skipped;
      };
      this.#evidence.rings.successor(ring, this.id, isDead);
      for (const id of dead) this.#guard(id, ring, now);
    }
  }

  #guard(id: MemberId, ring: number, now: number): void {
    const note = this.#note(id);
    const digest = note && this.#signAccusation(id, ring, note.epoch);
    if (digest) this.#spread(digest, now);
  }

  // --- Dissemination ---

  #spread(digest: string, now: number): void {
    this.#fresh.add(digest);
    this.#timers.setEarlier("push", now + PUSH_DELAY_MS);
  }

  #push(now: number): void {
    const neighbours = [...this.#neighbourIds()];
    for (const digest of this.#fresh)
      for (const id of this.#sample(neighbours, PUSH_FANOUT)) this.#courier.post(id, digest);
    this.#fresh.clear();
    this.#deliver(now);
  }

  #announce(digest: string): void {
    for (const id of this.#neighbourIds()) this.#courier.post(id, digest);
  }

  /** Sends what waits, to every partner that is not busy with an earlier push. */
  #deliver(now: number): void {
    for (const id of this.#courier.recipients()) {
      const waiting = this.#courier.waiting(id);
      const to = this.#recipient(id);
      const call = to && this.#courier.begin("push", to, now);
      if (!to) this.#courier.posted(id, waiting);
      if (to && call) this.#sendPush(call.number, to, waiting);
    }
  }

  #sendPush(call: number, to: Recipient & { readonly id: MemberId }, waiting: readonly string[]): void {
    const builder = new PacketBuilder(PUSH_BYTES_MAX);
    const sent = waiting.filter((digest) => {
      const record = this.#evidence.record(digest);
      return !record || builder.statement(digest, record.bytes);
    });
    this.#courier.posted(to.id, sent);
    this.#send(call, to, builder.finish());
  }

  #gossip(now: number): void {
    this.#set("gossip", now + this.#settings.gossipMs);
    this.#rounds += 1;
    if (this.#rounds % TIDY_INTERVALS === 0) this.#tidy(now);
    this.#gossipRing = (this.#gossipRing % this.#ringCount) + 1;
    const { predecessor, successor } = this.neighboursOn(this.#gossipRing);
    const isDue = this.#countSkip(this.#gossipRing);
    for (const id of new Set([successor, predecessor])) {
      if (id && (isDue || !this.#partners.holdsSame(id, this.fingerprint()))) this.#visit(id, now);
    }
    this.#contactTheLost(now);
    this.#handOverContent(this.#rounds % 2 === 0 ? successor : predecessor);
  }

  /** Protocol section 5: at most SKIPS_MAX rounds in a row of a ring pass without a call. */
  #countSkip(ring: number): boolean {
    const skips = (this.#skips.get(ring) ?? this.#randomBelow(SKIPS_MAX)) + 1;
    this.#skips.set(ring, skips > SKIPS_MAX ? 0 : skips);
    return skips > SKIPS_MAX;
  }

  /** Rule R15: one removed member a round, so that partitions heal; contacts more rarely, or when nobody is left. */
  #contactTheLost(now: number): void {
    const removed = [...this.#judgement.removedIds()].filter((id) => this.standing(id) === "removed");
    const [lost] = this.#sample(removed, 1);
    const to = lost && this.#recipient(lost);
    if (to) this.#exchange(to, now);
    const isTime = this.#roster.size === 0 || this.#rounds % CONTACT_INTERVALS === 0;
    const [contact] = isTime ? this.#sample(this.#strangeContacts(), 1) : [];
    if (contact) this.#exchange(contact, now);
  }

  /** Contacts that no live member answers for: behind one of them may be an island that has never heard of this one. */
  #strangeContacts(): Recipient[] {
    const known = new Set<string>();
    for (const peer of this.#roster.peers())
      for (const address of addressesOf(peer, TRANSPORT_GRPC)) known.add(address);
    return this.#contacts.filter(({ addresses }) => !addresses.some((address) => known.has(address)));
  }

  #handOverContent(id: MemberId | undefined): void {
    const to = id && this.#recipient(id);
    if (to && this.#content) this.#emit({ kind: "gossip", to, content: this.#content });
  }

  #tidy(now: number): void {
    this.#intake.tidy(now);
    this.#self.tidy(now);
    // Strangers over their budget may have some again.
    for (const { accusation } of this.#evidence.accusations(this.id)) this.#accused(accusation, now);
    for (const call of this.#courier.overdue(now)) this.#courier.end(call.number);
    const wall = this.#wall(now);
    for (const id of this.#evidence.forget(wall)) {
      this.#judgement.forget(id);
      this.#partners.forget(id);
      this.#detector.forget(id);
      this.#touched.add(id);
    }
    this.#touchAll();
    this.#judgedVersion = -1;
  }

  #touchAll(): void {
    this.#touched.add(this.id);
    for (const { id } of this.#roster.peers()) this.#touched.add(id);
  }

  // --- Exchanges ---

  #learnFingerprint(from: MemberId, fingerprint: Uint8Array, now: number): void {
    this.#partners.learnFingerprint(from, fingerprint, now);
    if (this.#partners.holdsSame(from, this.fingerprint()) || now - this.#changedAt < SETTLE_MS) return;
    if (!this.#self.leaving && this.#roster.get(from)) this.#visit(from, now);
  }

  #visit(id: MemberId, now: number): void {
    const to = this.#recipient(id);
    if (to && this.#partners.takeExchange(id, now)) this.#exchange(to, now);
  }

  #exchange(to: Recipient, now: number): boolean {
    const call = this.#courier.begin("exchange", to, now);
    if (!call) return false;
    const builder = new PacketBuilder();
    // Before I am known, and to those who may have forgotten me. To others the ranges say all that differs.
    const isStrange = this.#joining !== undefined || !to.id || !this.#judgement.isLive(to.id);
    if (isStrange) this.#addRecords(builder, this.#evidence.introduction(this.id));
    if (to.id) this.#addCharges(builder, to.id);
    builder.item({ kind: "range", prefix: "", hash: this.fingerprint() });
    this.#send(call.number, to, builder.finish());
    return true;
  }

  /** After an answer: ask on while it leaves something to say, up to a number of rounds. */
  #continue(from: MemberId, ended: Call, builder: PacketBuilder, items: readonly Item[], now: number): void {
    // A contact's note may not have been taken in yet: then it is reached where it was just now.
    const to = this.#recipient(from) ?? { id: from, addresses: ended.to.addresses };
    const isOver = builder.isEmpty || ended.round + 1 >= EXCHANGE_ROUNDS_MAX || this.#self.leaving;
    const next = isOver ? undefined : this.#courier.begin("exchange", to, now, ended.round + 1);
    if (next) {
      this.#send(next.number, to, builder.finish());
      return;
    }
    this.#joining?.answered(from);
    if (items.some((item) => item.kind === "more")) this.#again.add(from);
  }

  /** Partners that had more to say are asked again once what they said has been taken in. */
  #resume(now: number): void {
    if (this.#again.size === 0 || !this.#intake.isIdle) return;
    const ids = [...this.#again];
    this.#again.clear();
    for (const id of ids) {
      const to = this.#recipient(id);
      if (to) this.#exchange(to, now);
    }
  }

  #respond(
    from: MemberId,
    items: readonly Item[],
    builder: PacketBuilder,
    how: { readonly stranger: boolean; readonly asked: boolean },
    now: number,
  ): void {
    const statements = items.flatMap((item) => (item.kind === "statement" ? [item.bytes] : []));
    const isNews = how.asked && statements.length <= NEWS_STATEMENTS_MAX;
    if (statements.length > 0) this.#act(this.#intake.submit(statements, from, isNews, now), now);
    for (const item of items) this.#respondTo(item, from, builder, how.stranger, now);
  }

  #respondTo(item: Item, from: MemberId, builder: PacketBuilder, stranger: boolean, now: number): void {
    if (item.kind === "range" && item.prefix === "") this.#partners.learnFingerprint(from, item.hash, now);
    if (item.kind === "range" || item.kind === "children" || item.kind === "list") {
      if (stranger) this.#redirect(from, builder, now);
      else this.#reconcile(item, builder);
    } else if (item.kind === "want") this.#give(from, item.digests, builder, stranger, now);
    else if (item.kind === "offer") for (const digest of item.digests) this.#want(digest, builder);
    else if (item.kind === "gone") this.#toldGone(from, item.epoch, now);
    else if (item.kind === "refused") this.#emit({ kind: "rejected", from, what: "call", reason: item.reason });
  }

  #reconcile(item: Item, builder: PacketBuilder): void {
    const answer = reconcile(this.#evidence.tree, item);
    for (const asked of answer.items) builder.item(asked);
    for (const digest of answer.want) this.#want(digest, builder);
    this.#addRecords(builder, answer.give);
  }

  #want(digest: string, builder: PacketBuilder): void {
    if (!this.#evidence.record(digest) && !this.#intake.isPending(digest)) builder.want(digest);
  }

  #give(from: MemberId, digests: readonly string[], builder: PacketBuilder, stranger: boolean, now: number): void {
    for (const digest of digests) {
      const record = this.#evidence.record(digest);
      if (!record) continue;
      if (stranger && !this.#partners.takeStrangerBytes(from, record.bytes.length, now)) return;
      if (!builder.statement(record.digest, record.bytes)) return;
    }
  }

  /** Rule R16: who is not my neighbour is told, once per interval, who its neighbours are. */
  #redirect(from: MemberId, builder: PacketBuilder, now: number): void {
    if (!this.#partners.takeRedirect(from, now)) return;
    const neighbours = this.#evidence.rings.neighbours(from, this.#judgement.skip);
    const ids = [this.id, ...neighbours].filter((id) => id !== from);
    builder.item({ kind: "offer", digests: ids.flatMap((id) => this.#evidence.introduction(id)) });
  }

  /** Rule R15: whoever I hold as accused or gone is told so, with the accusations to answer. */
  #addCharges(builder: PacketBuilder, about: MemberId): void {
    const standing = this.standing(about);
    const note = this.#note(about);
    if (standing === "live" || !note) return;
    if (standing === "removed") builder.item({ kind: "gone", epoch: note.epoch });
    this.#addRecords(
      builder,
      this.#evidence.accusations(about).map((held) => held.digest),
    );
  }

  /** An unsigned word of an authenticated member: worth one new note within its budget, and no more (rules R9, R15). */
  #toldGone(from: MemberId, epoch: bigint, now: number): void {
    if (epoch !== this.epoch || this.#self.leaving) return;
    if (this.#self.accept({ ring: 0, accuser: from }, false, now)) this.#scheduleRebuttal(now, false);
    if (this.#isolatedAt === epoch) return;
    this.#isolatedAt = epoch;
    this.#emit({ kind: "isolated", reason: "removed" });
  }

  // --- Joining and leaving ---

  #join(now: number): void {
    const neighbours = [...this.#neighbourIds()].flatMap((id) => this.#recipient(id) ?? []);
    const running = this.#courier.count("exchange");
    if (running === 0 && this.#intake.isIdle && this.#joining?.isDone(neighbours)) this.#finishJoin(now);
    for (const to of this.#joining?.next(neighbours, running) ?? []) {
      if (!this.#exchange(to, now)) this.#joining?.failed(to);
    }
  }

  #finishJoin(now: number): void {
    if (!this.#joining) return;
    this.#joining = undefined;
    this.#tell();
    this.#timers.clear("join");
    this.#set("gossip", now + this.#settings.gossipMs * this.#ports.random.number());
    this.#set("monitor", now + this.#settings.monitorMs * this.#ports.random.number());
    this.#repushUntil = now + 2 * this.#settings.deltaMs;
    this.#repush(now);
    this.#emit({ kind: "ready" });
  }

  #depart(): void {
    if (this.#departed) return;
    this.#departed = true;
    this.#timers.clear("depart");
    this.#emit({ kind: "departed" });
  }

  // --- Small helpers ---

  get #ringCount(): number {
    return this.#evidence.ringCount;
  }

  #note(id: MemberId) {
    return this.#evidence.note(id)?.note;
  }

  #neighbourIds(): ReadonlySet<MemberId> {
    this.#neighbours ??= this.#evidence.rings.neighbours(this.id, this.#judgement.skip);
    return this.#neighbours;
  }

  /** Seen from the other side: am I a neighbour of the place where this member stands, live or not? */
  #isNeighbour(id: MemberId): boolean {
    if (this.#neighbourIds().has(id)) return true;
    const skip = (other: MemberId) => other !== this.id && this.#judgement.skip(other);
    const { rings } = this.#evidence;
    for (let ring = 1; ring <= this.#ringCount; ring++) {
      if (rings.successor(ring, id, skip) === this.id || rings.predecessor(ring, id, skip) === this.id) return true;
    }
    return false;
  }

  #recipient(id: MemberId): (Recipient & { readonly id: MemberId }) | undefined {
    const note = this.#note(id);
    const addresses = note ? addressesOf(note, TRANSPORT_GRPC) : [];
    return addresses.length > 0 ? { id, addresses } : undefined;
  }

  #addRecords(builder: PacketBuilder, digests: readonly string[]): void {
    for (const digest of digests) {
      const record = this.#evidence.record(digest);
      if (record && !builder.statement(record.digest, record.bytes)) return;
    }
  }

  #send(call: number, to: Recipient, packet: Uint8Array): void {
    this.#emit({ kind: "send", call, to, packet, timeoutMs: CALL_TIMEOUT_MS });
  }

  #refuse(from: MemberId, reason: string): Uint8Array {
    this.#emit({ kind: "rejected", from, what: "packet", reason });
    return encodePacket([{ kind: "refused", reason }]);
  }

  #emit(output: Output): void {
    if (this.#outputs.length >= OUTPUTS_MAX)
      throw new Error("outputs were not taken: call takeOutputs() after each input");
    this.#outputs.push(output);
  }

  #randomBelow(limit: number): number {
    return Math.floor(this.#ports.random.number() * limit);
  }

  #sample<T>(from: readonly T[], count: number): T[] {
    const pool = [...from];
    const chosen: T[] = [];
    while (chosen.length < count && pool.length > 0) {
      const index = this.#randomBelow(pool.length);
      chosen.push(pool[index] as T);
      pool[index] = pool[pool.length - 1] as T;
      pool.pop();
    }
    return chosen;
  }
}
