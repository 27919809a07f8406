/** Tells the application what changed in the view: each change once. */
import type { MemberId } from "../rings/index.js";
import type { Isolation } from "./isolation.js";
import type { Notice } from "./notice.js";
import type { Outbox, Output } from "./outputs.js";
import type { RevocationList } from "./records/revocation.js";
import type { Claim } from "./records/statement.js";
import { noticeOfAccusation } from "./view/inspection.js";
import type { Roster } from "./view/roster.js";
import type { View } from "./view/view.js";

export interface HeraldParts {
  readonly view: View;
  readonly isolation: Isolation;
  readonly roster: Roster;
  readonly outbox: Outbox;
}

export class Herald {
  readonly #parts: HeraldParts;
  /** Whose standing or note may differ from what was told. */
  readonly #touched = new Set<MemberId>();

  #isClockFrozen = false;

  constructor(parts: HeraldParts) {
    this.#parts = parts;
  }

  touch(id: MemberId): void {
    this.#touched.add(id);
  }

  /** A statement about this member is held from now on; a note may answer what stands against it. */
  admitted(id: MemberId, claim: Claim, digest: string, from: MemberId | undefined, isRebuttal: boolean): void {
    this.#touched.add(id);
    const { evidence, judgement } = this.#parts.view;
    const notice = (statement: Uint8Array): Notice | undefined => {
      if (claim.kind === "equivocation") return { what: "contradicted", member: id, from, statement };
      if (claim.kind === "note") return { what: "answered", member: id, epoch: claim.note.epoch, from, statement };
      // Those of the dead are said so that others pass them over (rule R7), and are no news.
      if (claim.kind !== "accusation" || judgement.standing(id) === "removed") return undefined;
      return noticeOfAccusation(evidence, claim.accusation, statement, from);
    };
    if (claim.kind === "note" && !isRebuttal) return;
    const statement = evidence.record(digest)?.bytes;
    const noticed = statement && notice(statement);
    if (noticed) this.#parts.outbox.emit({ kind: "noticed", notice: noticed });
  }

  touchAll(): void {
    for (const { id } of this.#parts.roster.peers()) this.#touched.add(id);
  }

  /** Rule R17: anyone's standing may differ, and connections of those on the list are to be cut. */
  revoked(list: RevocationList): void {
    this.touchAll();
    this.#parts.outbox.emit({ kind: "revocations", list });
  }

  tell(): void {
    const { view, roster } = this.#parts;
    for (const id of this.#touched) {
      if (id === view.me) continue;
      for (const change of roster.observe(id, view.judgement.standing(id), view.note(id))) this.#changed(change);
    }
    this.#touched.clear();
  }

  /** Whose interest is another one now, mine apart. */
  tellInterests(): void {
    const { view, outbox } = this.#parts;
    const { interests } = view.evidence;
    for (const id of interests.takeChanged()) {
      const held = interests.get(id)?.interest;
      const [version, content] = [held?.version ?? 0n, held?.content];
      if (id !== view.me) outbox.emit({ kind: "interest", id, version, content });
    }
  }

  /** An alarm for each step of the wall clock that is not believed (rule R18). */
  clockIs(isFrozen: boolean): void {
    if (isFrozen && !this.#isClockFrozen) this.#parts.outbox.emit({ kind: "alarm", what: "clock-stepped" });
    this.#isClockFrozen = isFrozen;
  }

  #changed(change: Output): void {
    const { outbox, roster, isolation } = this.#parts;
    outbox.emit(change);
    if (change.kind === "failed" && roster.size === 0) isolation.lonely();
  }
}
