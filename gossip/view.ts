/** What one member knows, seen from where it stands: who is beside it on the rings, and how they are reached. */
import type { MemberId } from "../rings/index.js";
import type { Evidence } from "./evidence.js";
import type { Judgement } from "./judgement.js";
import { addressesOf, type Note, TRANSPORT_GRPC } from "./note.js";
import type { Recipient } from "./outputs.js";

/** A recipient that is known by its id. */
export type Partner = Recipient & { readonly id: MemberId };

export class View {
  readonly evidence: Evidence;
  readonly judgement: Judgement;
  readonly me: MemberId;
  #neighbours: ReadonlySet<MemberId> | undefined;

  constructor(me: MemberId, evidence: Evidence, judgement: Judgement) {
    this.me = me;
    this.evidence = evidence;
    this.judgement = judgement;
  }

  get ringCount(): number {
    return this.evidence.ringCount;
  }

  /** The judgement has changed: neighbours are looked up anew. */
  refresh(): void {
    this.#neighbours = undefined;
  }

  note(id: MemberId): Note | undefined {
    return this.evidence.note(id)?.note;
  }

  /** Undefined for a member whose note is not held or names no address for calls. */
  partner(id: MemberId): Partner | undefined {
    const note = this.note(id);
    const addresses = note ? addressesOf(note, TRANSPORT_GRPC) : [];
    return addresses.length > 0 ? { id, addresses } : undefined;
  }

  /**
   * My live successors and predecessors on all rings: those that nothing stands against, and those that I have while the
   * accused count as well. Liars can accuse all correct members at one moment; who then spoke to the unaccused alone would
   * speak to liars alone, and its answer would reach nobody.
   */
  neighbours(): ReadonlySet<MemberId> {
    this.#neighbours ??= this.#allNeighbours();
    return this.#neighbours;
  }

  #allNeighbours(): ReadonlySet<MemberId> {
    const { rings } = this.evidence;
    const found = rings.neighbours(this.me, this.judgement.skip);
    if (!this.judgement.hasAccused) return found;
    for (const id of rings.neighbours(this.me, this.judgement.skipGone)) found.add(id);
    return found;
  }

  partners(): Partner[] {
    return [...this.neighbours()].flatMap((id) => this.partner(id) ?? []);
  }

  /** My live predecessor and successor on a ring. */
  neighboursOn(ring: number): { predecessor: MemberId | undefined; successor: MemberId | undefined } {
    const { rings } = this.evidence;
    const { skip } = this.judgement;
    return { predecessor: rings.predecessor(ring, this.me, skip), successor: rings.successor(ring, this.me, skip) };
  }

  /** The neighbours of one ring whom I compare views with: also the accused ones, for the same reason. */
  partnersOn(ring: number): ReadonlySet<MemberId> {
    const { rings } = this.evidence;
    const found = new Set<MemberId>();
    for (const skip of [this.judgement.skip, this.judgement.skipGone]) {
      const successor = rings.successor(ring, this.me, skip);
      if (successor) found.add(successor).add(rings.predecessor(ring, this.me, skip) as MemberId);
    }
    return found;
  }

  /** Seen from the other side: am I a neighbour of the place where this member stands, live or not? */
  isNeighbour(id: MemberId): boolean {
    if (this.neighbours().has(id)) return true;
    const skip = (other: MemberId) => other !== this.me && this.judgement.skip(other);
    const { rings } = this.evidence;
    for (let ring = 1; ring <= this.ringCount; ring++) {
      if (rings.successor(ring, id, skip) === this.me || rings.predecessor(ring, id, skip) === this.me) return true;
    }
    return false;
  }
}
