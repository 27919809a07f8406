/** What one member knows, seen from where it stands: who is beside it on the rings, and how they are reached. */
import { type MemberId, Nearest, type Skip } from "../rings/index.js";
import type { Evidence } from "./evidence.js";
import type { Judgement } from "./judgement.js";
import { addressesOf, type Note, TRANSPORT_GRPC } from "./note.js";
import type { Recipient } from "./outputs.js";

/** A recipient that is known by its id. */
export type Partner = Recipient & { readonly id: MemberId };

/** Neighbours both ways. */
interface Sides {
  readonly successors: Nearest;
  readonly predecessors: Nearest;
}

export class View {
  readonly evidence: Evidence;
  readonly judgement: Judgement;
  readonly me: MemberId;
  /** Beside me, of those that nothing stands against, and of all the live. */
  readonly #clear: Sides;
  readonly #live: Sides;
  /** Whom I monitor, unless it has disabled the ring. */
  readonly #watched: Nearest;
  #neighbours: ReadonlySet<MemberId> | undefined;
  #neighboursOf = -1;

  constructor(me: MemberId, evidence: Evidence, judgement: Judgement) {
    this.me = me;
    this.evidence = evidence;
    this.judgement = judgement;
    const nearest = (direction: "successor" | "predecessor", skip: Skip) =>
      new Nearest(evidence.rings, me, direction, skip);
    const { skip, skipGone, skipUnwatched } = judgement;
    this.#clear = { successors: nearest("successor", skip), predecessors: nearest("predecessor", skip) };
    this.#live = { successors: nearest("successor", skipGone), predecessors: nearest("predecessor", skipGone) };
    this.#watched = nearest("successor", skipUnwatched);
  }

  get ringCount(): number {
    return this.evidence.ringCount;
  }

  /** The judgement has changed: who stands beside me is looked up anew where one of these comes near. */
  refresh(changed: Iterable<MemberId>): void {
    for (const id of changed) {
      for (const { successors, predecessors } of [this.#clear, this.#live]) {
        successors.changed(id);
        predecessors.changed(id);
      }
      this.#watched.changed(id);
    }
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
    if (!this.#neighbours || this.#neighboursOf !== this.#version()) {
      const found = new Set<MemberId>();
      for (let ring = 1; ring <= this.ringCount; ring++) for (const id of this.partnersOn(ring)) found.add(id);
      this.#neighbours = found;
      this.#neighboursOf = this.#version();
    }
    return this.#neighbours;
  }

  #version(): number {
    const sides = [this.#clear, this.#live];
    return sides.reduce((sum, { successors, predecessors }) => sum + successors.version + predecessors.version, 0);
  }

  partners(): Partner[] {
    return [...this.neighbours()].flatMap((id) => this.partner(id) ?? []);
  }

  /** My live predecessor and successor on a ring. */
  neighboursOn(ring: number): { predecessor: MemberId | undefined; successor: MemberId | undefined } {
    const { successors, predecessors } = this.#clear;
    return { predecessor: predecessors.on(ring), successor: successors.on(ring) };
  }

  /** The neighbours of one ring whom I compare views with: also the accused ones, for the same reason. */
  partnersOn(ring: number): ReadonlySet<MemberId> {
    const found = new Set<MemberId>();
    for (const { successors, predecessors } of [this.#clear, this.#live]) {
      const [successor, predecessor] = [successors.on(ring), predecessors.on(ring)];
      if (successor && predecessor) found.add(successor).add(predecessor);
    }
    return found;
  }

  /** Whom I monitor on a ring, unless it has disabled it. */
  watchedOn(ring: number): MemberId | undefined {
    return this.#watched.on(ring);
  }

  /** The rings on which something has changed between me and whom I monitor. */
  takeDisturbed(): number[] {
    return this.#watched.takeDisturbed();
  }

  /** Seen from the other side: am I a neighbour of the place where this member stands, live or not? */
  isNeighbour(id: MemberId): boolean {
    const { successors, predecessors } = this.#clear;
    return successors.reaches(id) || predecessors.reaches(id) || this.neighbours().has(id);
  }
}
