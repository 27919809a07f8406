/**
 * The accused, by rule R5: the least fixpoint of "B is accused if a held accusation C -> B on a ring has only gone or
 * accused members strictly between C and B". It is a function of what is held, kept up to date change by change: liars can keep
 * tens of thousands of void accusations held, and who changes concerns few of them.
 *
 * Whose accusations have lost their ground is taken out first, with all that rests on it; then whatever holds in what is left
 * is put back, with all that follows from it (Gupta, Mumick, Subrahmanian: "Maintaining Views Incrementally", SIGMOD 1993).
 * Two accused that only rest on each other are never put back: that makes it the least one.
 *
 * Who came in before cannot rest on who came in after, so an accused stays while one of its accusations passes over the gone
 * and its elders alone (well-founded support: Doyle, "A Truth Maintenance System", Artificial Intelligence 12, 1979). Without
 * that each new accusation among many dead would shake all of them: thirty of a hundred cost minutes.
 */
import type { MemberId } from "../../rings/index.js";
import type { Evidence } from "./evidence.js";
import type { HeldAccusation } from "./held.js";

/** How an accusation was last found. Places on a ring never change, so nothing beyond the blocker matters to it. */
interface Finding {
  /** Strictly between accuser and accused, nearest to the accuser first, and passed over. */
  readonly passed: readonly MemberId[];
  /** Who follows and may not be passed over; undefined: the accusation is valid. */
  readonly blocker: MemberId | undefined;
}

/** What an update found. */
export interface Reckoning {
  /** Members whose accusations were judged anew. */
  readonly judged: ReadonlySet<MemberId>;
  /** Those of them that are accused now and were not, or the other way round. */
  readonly turned: ReadonlySet<MemberId>;
}

export class Accused {
  readonly #evidence: Evidence;
  readonly #isGone: (id: MemberId) => boolean;
  /** In the order in which they came in. */
  readonly #accused = new Map<MemberId, number>();
  #entries = 0;
  /** Of each member, the accusations that were looked at. */
  readonly #known = new Map<MemberId, readonly HeldAccusation[]>();
  readonly #findings = new Map<HeldAccusation, Finding>();
  /** Accusations that pass over a member, and those that it blocks. */
  readonly #passing = new Map<MemberId, Set<HeldAccusation>>();
  readonly #blocked = new Map<MemberId, Set<HeldAccusation>>();
  #ringsVersion = -1;

  /** `isGone`: by evidence alone, and only ever other than before for members that `update` is told of. */
  constructor(evidence: Evidence, isGone: (id: MemberId) => boolean) {
    this.#evidence = evidence;
    this.#isGone = isGone;
  }

  ids(): Iterable<MemberId> {
    return this.#accused.keys();
  }

  has(id: MemberId): boolean {
    return this.#accused.has(id);
  }

  /** The accusations that make a member accused. */
  validAgainst(id: MemberId): HeldAccusation[] {
    return (this.#known.get(id) ?? []).filter((held) => this.#isValid(held));
  }

  /** Who stands between accuser and accused of one that was looked at, and makes it void. */
  blockerOf(held: HeldAccusation): MemberId | undefined {
    return this.#findings.get(held)?.blocker;
  }

  /** `changed`: whose notes, accusations, certificates or dates did, and whom a newcomer may stand before. */
  update(changed: ReadonlySet<MemberId>): Reckoning {
    const [judged, turned] = [new Set(changed), new Set<MemberId>()];
    const hasMoved = this.#ringsVersion !== this.#evidence.rings.version;
    this.#ringsVersion = this.#evidence.rings.version;
    const open = [...changed].flatMap((id) => this.#renew(id, hasMoved));
    this.#takeOut([...changed], open, turned);
    for (const id of changed) if (this.#isGone(id)) pushAll(open, this.#blocked.get(id));
    this.#putBack(open, judged, turned);
    return { judged, turned };
  }

  /**
   * Those without ground, and whoever is accused past somebody who may not be passed over any more. `open` gets what must be
   * found anew.
   */
  #takeOut(shaken: MemberId[], open: HeldAccusation[], turned: Set<MemberId>): void {
    // An array that grows while it is walked: what is added comes up later.
    for (const id of shaken) {
      const isGone = this.#isGone(id);
      if (!isGone && this.#hasGround(id)) continue;
      if (this.#accused.delete(id)) {
        turned.add(id);
        pushAll(open, this.#known.get(id));
      }
      if (isGone) continue;
      for (const held of [...(this.#passing.get(id) ?? [])]) {
        this.#lose(held);
        open.push(held);
        shaken.push(held.accusation.accused);
      }
    }
  }

  #putBack(open: HeldAccusation[], judged: Set<MemberId>, turned: Set<MemberId>): void {
    for (let held = open.pop(); held; held = open.pop()) {
      const { accused } = held.accusation;
      judged.add(accused);
      this.#find(held);
      if (!this.#isValid(held) || this.#accused.has(accused)) continue;
      this.#entries += 1;
      this.#accused.set(accused, this.#entries);
      if (!turned.delete(accused)) turned.add(accused);
      pushAll(open, this.#blocked.get(accused));
    }
  }

  /** Takes note of which accusations of a member are held now, and returns those to find. Those of the gone do not count. */
  #renew(id: MemberId, hasMoved: boolean): HeldAccusation[] {
    const before = this.#known.get(id) ?? [];
    const held = new Set(this.#isGone(id) ? [] : this.#evidence.accusations(id));
    for (const dropped of before) if (hasMoved || !held.has(dropped)) this.#lose(dropped);
    if (held.size > 0) this.#known.set(id, [...held]);
    else this.#known.delete(id);
    return [...held].filter((each) => !this.#findings.has(each));
  }

  /** Is this one accused past the gone and such as were accused before it? */
  #hasGround(id: MemberId): boolean {
    const entry = this.#accused.get(id);
    if (entry === undefined) return false;
    const isFirm = (passed: MemberId) => (this.#accused.get(passed) ?? Infinity) < entry || this.#isGone(passed);
    return (this.#known.get(id) ?? []).some(
      (held) => this.#isValid(held) && this.#findings.get(held)!.passed.every(isFirm),
    );
  }

  #isPassed(id: MemberId): boolean {
    return this.#accused.has(id) || this.#isGone(id);
  }

  #isValid(held: HeldAccusation): boolean {
    const finding = this.#findings.get(held);
    return finding !== undefined && finding.blocker === undefined;
  }

  #find(held: HeldAccusation): void {
    this.#lose(held);
    const { ring, accuser, accused } = held.accusation;
    const passed: MemberId[] = [];
    let blocker: MemberId | undefined;
    for (const id of this.#evidence.rings.between(ring, accuser, accused)) {
      if (!this.#isPassed(id)) blocker = id;
      if (blocker !== undefined) break;
      passed.push(id);
    }
    this.#findings.set(held, { passed, blocker });
    for (const id of passed) put(this.#passing, id, held);
    if (blocker !== undefined) put(this.#blocked, blocker, held);
  }

  #lose(held: HeldAccusation): void {
    const finding = this.#findings.get(held);
    if (!finding) return;
    this.#findings.delete(held);
    for (const id of finding.passed) drop(this.#passing, id, held);
    if (finding.blocker !== undefined) drop(this.#blocked, finding.blocker, held);
  }
}

/** One by one: among thousands of dead these are more than a call takes as arguments. */
function pushAll<T>(to: T[], items: Iterable<T> = []): void {
  for (const item of items) to.push(item);
}

function put<T>(index: Map<MemberId, Set<T>>, id: MemberId, item: T): void {
  const items = index.get(id);
  if (items) items.add(item);
  else index.set(id, new Set([item]));
}

function drop<T>(index: Map<MemberId, Set<T>>, id: MemberId, item: T): void {
  const items = index.get(id);
  items?.delete(item);
  if (items?.size === 0) index.delete(id);
}
