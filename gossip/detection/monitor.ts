/** My duty as a monitor: visit my successors ring by ring, accuse who is silent, and keep the dead accused (rules R3, R7). */
import { isEnabled, type MemberId } from "../../rings/index.js";
import type { Self } from "../defence/self.js";
import { ACCUSER_WINDOW } from "../limits.js";
import type { Notice } from "../notice.js";
import type { Outbox } from "../outputs.js";
import type { Ports } from "../ports.js";
import { encodeAccusation } from "../records/accusation.js";
import { own } from "../records/verified.js";
import { randomBelow } from "../sample.js";
import type { Settings } from "../settings.js";
import { CALL_TIMEOUT_MS } from "../spreading/courier.js";
import type { Mailer } from "../spreading/mailer.js";
import type { HeldAccusation } from "../view/held.js";
import { noticeOfAccusation } from "../view/inspection.js";
import type { View } from "../view/view.js";
import { type Detection, Detector, type Target } from "./detector.js";
import type { TryOutcome } from "./verdict.js";

export interface MonitorParts {
  readonly view: View;
  readonly self: Self;
  readonly mailer: Mailer;
  readonly ports: Ports;
  readonly settings: Settings;
  readonly outbox: Outbox;
  /** An accusation of mine was admitted: this member is to be judged anew. */
  readonly onAccused: (id: MemberId) => void;
}

export class Monitor {
  readonly #parts: MonitorParts;
  readonly #detector: Detector;
  #ring: number;
  #isRenewed = false;

  constructor(parts: MonitorParts) {
    this.#parts = parts;
    const { settings, ports, view } = parts;
    this.#detector = new Detector({
      ...settings,
      nonce: () => ports.random.nonce(),
      onMissed: ({ id: member, ring, epoch }, misses, limit, attempt) =>
        this.#notice({ what: "missed", member, ring, epoch, misses, limit, attempt }),
    });
    this.#ring = randomBelow(ports.random, view.ringCount);
  }

  get deadline(): number | undefined {
    return this.#detector.deadline;
  }

  /** One interval's visits. */
  round(now: number): void {
    const { settings, view } = this.#parts;
    for (let visited = 0, rings = 0; visited < settings.ringsPerVisit && rings < view.ringCount; rings++) {
      this.#ring = (this.#ring % view.ringCount) + 1;
      const target = this.#target(this.#ring);
      if (!target) continue;
      visited += 1;
      this.#carryOut(this.#detector.visit(target, now), now);
    }
  }

  tick(now: number): void {
    this.#carryOut(this.#detector.tick(now), now);
  }

  /** My own loop was late by this much: it may be that the pongs are here, and were not read. */
  postpone(ms: number): void {
    this.#detector.postpone(ms);
  }

  /** My own loop stood still: no verdict of that time holds. */
  restart(now: number): void {
    this.#carryOut(this.#detector.restart(now), now);
  }

  pong(from: MemberId, nonce: bigint, now: number): boolean {
    return this.#detector.pong(from, nonce, now);
  }

  tried(id: MemberId, outcome: TryOutcome, now: number): void {
    this.#carryOut(this.#detector.tried(id, outcome, now), now);
  }

  /** Something went wrong with this member: looked at once, if it is mine to watch. */
  hint(id: MemberId, now: number): void {
    const target = this.#targetIs(id);
    if (target) this.#carryOut(this.#detector.hint(target, now), now);
  }

  forget(id: MemberId): void {
    this.#detector.forget(id);
  }

  /** My certificate is a newer one: what I said under the old one ends with it, and is said again (rule R3). */
  renewed(): void {
    this.#isRenewed = true;
  }

  /** Rule R7: between me and my first live successor the removed stay accused by me, whatever became of others. */
  guardTheDead(now: number): void {
    const { view } = this.#parts;
    if (!view.judgement.hasRemoved) return;
    const rings = Array.from({ length: this.#isRenewed ? view.ringCount : 0 }, (_, index) => index + 1);
    this.#isRenewed = false;
    for (const ring of new Set([...rings, ...view.takeDisturbed()])) {
      const watched = view.watchedOn(ring);
      // Beyond the window nobody may be accused by me (rule R3).
      for (const id of view.evidence.rings.successors(ring, view.me, ACCUSER_WINDOW)) {
        if (id === watched) break;
        if (view.judgement.standing(id) === "removed") this.#guard(id, ring, now);
      }
    }
  }

  #guard(id: MemberId, ring: number, now: number): void {
    const { view, mailer } = this.#parts;
    const note = view.note(id);
    const isReserve = view.judgement.isReserve({ ring, accuser: view.me, accused: id });
    const digest = note && this.#signAccusation(id, ring, note.epoch);
    if (digest && !isReserve) mailer.spread(digest, now);
  }

  /** Whom I monitor on a ring: my live successor, unless it has disabled the ring and could not be accused there. */
  #target(ring: number): Target | undefined {
    const { view } = this.#parts;
    const id = view.watchedOn(ring);
    const held = id && view.evidence.note(id);
    if (!held || !isEnabled(held.note.mask, ring)) return undefined;
    return { id, ring, epoch: held.note.epoch, pingable: held.pingable.length > 0 };
  }

  #targetIs(id: MemberId): Target | undefined {
    for (let ring = 1; ring <= this.#parts.view.ringCount; ring++) {
      const target = this.#target(ring);
      if (target?.id === id) return target;
    }
    return undefined;
  }

  #carryOut(detections: readonly Detection[], now: number): void {
    for (const detection of detections) {
      if (detection.kind === "accuse") this.#accuse(detection.target, now);
      else if (detection.kind === "try") this.#try(detection.target, now);
      else this.#probe(detection.target, detection.nonce);
    }
  }

  #probe(to: MemberId, nonce: bigint): void {
    const { view, outbox } = this.#parts;
    const held = view.evidence.note(to);
    if (held) outbox.emit({ kind: "probe", to, addresses: held.pingable, nonce });
  }

  #try(id: MemberId, now: number): void {
    const { view, outbox, settings } = this.#parts;
    const to = view.partner(id);
    if (to) outbox.emit({ kind: "try", to, timeoutMs: Math.min(CALL_TIMEOUT_MS, settings.monitorMs) });
    else this.tried(id, "silent", now);
  }

  /** The verdict on a member that was my successor when the visit began; accused only where it still is. */
  #accuse(target: Target, now: number): void {
    const { mailer } = this.#parts;
    const current = this.#target(target.ring);
    const still = current?.id === target.id ? current : this.#targetIs(target.id);
    if (!still || still.epoch !== target.epoch) return;
    const digest = this.#signAccusation(still.id, still.ring, still.epoch);
    if (!digest) return;
    mailer.spread(digest, now);
    // The accused is told first-hand: it may be alive and cut off from everybody else.
    mailer.post(still.id, digest);
    mailer.deliver(now);
  }

  /** Signs an accusation, if it would be held; returns the digest of its record. */
  #signAccusation(accused: MemberId, ring: number, epoch: bigint): string | undefined {
    const { self, view, ports, onAccused } = this.#parts;
    const { certificate } = self;
    // Asked for each of the dead whenever something moves among them: no more is done than to see that it was said.
    if (this.#said(accused, ring)?.accusation.certificate === certificate.hash) return undefined;
    const accusation = { accuser: view.me, certificate: certificate.hash, accused, ring, epoch };
    const body = encodeAccusation(accusation, ports.sha256(certificate.leaf));
    const unsigned = { ...accusation, body, signature: new Uint8Array(64) };
    if (view.evidence.accusationProblem(unsigned)) return undefined;
    const signed = own({ ...unsigned, signature: ports.sign("accusation", body) });
    if (!view.evidence.admitAccusation(signed)) return undefined;
    onAccused(accused);
    const digest = this.#said(accused, ring)?.digest;
    const statement = digest && view.evidence.record(digest)?.bytes;
    if (statement && view.judgement.standing(accused) !== "removed")
      this.#notice(noticeOfAccusation(view.evidence, accusation, statement, undefined));
    return digest;
  }

  #notice(notice: Notice): void {
    this.#parts.outbox.emit({ kind: "noticed", notice });
  }

  /** My accusation against a member on a ring: one at most is held. */
  #said(accused: MemberId, ring: number): HeldAccusation | undefined {
    const { view } = this.#parts;
    const held = view.evidence.accusations(accused);
    return held.find(({ accusation }) => accusation.ring === ring && accusation.accuser === view.me);
  }
}
