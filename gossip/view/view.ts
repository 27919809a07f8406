/** What one member knows, seen from where it stands: who is beside it on the rings, and how they are reached. */
import { type MemberId, Nearest, type Skip } from "../../rings/index.js";
import type { Recipient } from "../outputs.js";
import type { Note } from "../records/note.js";
import type { Evidence } from "./evidence.js";
import type { Judgement } from "./judgement.js";

/** A recipient that is known by its id. */
export type Partner = Recipient & { readonly id: MemberId };

export class View {
  readonly evidence: Evidence;
  readonly judgement: Judgement;
  readonly me: MemberId;
  /** Beside me, of those that nothing stands against. */
  readonly #successors: Nearest;
  readonly #predecessors: Nearest;
  /** Both, and the same of all who are there: also the accused and those who wait for their return. */
  readonly #beside: readonly Nearest[];
  /** Whom I monitor, unless it has disabled the ring. */
  readonly #watched: Nearest;
  #neighbours: ReadonlySet<MemberId> | undefined;
  #neighboursOf = -1;

  constructor(me: MemberId, evidence: Evidence, judgement: Judgement) {
    this.me = me;
    this.evidence = evidence;
    this.judgement = judgement;
    const nearest = (direction: "successor" | "predecessor", skip: Skip) =>
      new Nearest(evidence.rings, me, direction, skip, { isWatched: false });
    const { skip, skipAbsent, skipUnwatched } = judgement;
    this.#successors = nearest("successor", skip);
    this.#predecessors = nearest("predecessor", skip);
    const ofAll = [nearest("successor", skipAbsent), nearest("predecessor", skipAbsent)];
    this.#beside = [this.#successors, this.#predecessors, ...ofAll];
    this.#watched = new Nearest(evidence.rings, me, "successor", skipUnwatched);
  }

  get ringCount(): number {
    return this.evidence.ringCount;
  }

  /** The judgement has changed: who stands beside me is looked up anew where one of these comes near. */
  refresh(changed: Iterable<MemberId>): void {
    for (const id of changed) {
      const prefixes = this.evidence.rings.prefixes(id);
      for (const nearest of this.#beside) nearest.changed(id, prefixes);
      this.#watched.changed(id, prefixes);
    }
  }

  note(id: MemberId): Note | undefined {
    return this.evidence.note(id)?.note;
  }

  /** Undefined for a member whose note is not held or names no address for calls. */
  partner(id: MemberId): Partner | undefined {
    const held = this.evidence.note(id);
    return held && held.callable.length > 0 ? { id, addresses: held.callable } : undefined;
  }

  /**
   * My live successors and predecessors on all rings: those that nothing stands against, and those that I have while the
   * accused count as well, and who waits for its return. Liars can accuse all correct members at one moment; who then spoke
   * to the unaccused alone would speak to liars alone, and its answer would reach nobody.
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
    return this.#beside.reduce((sum, nearest) => sum + nearest.version, 0);
  }

  partners(): Partner[] {
    return [...this.neighbours()].flatMap((id) => this.partner(id) ?? []);
  }

  /** My live predecessor and successor on a ring. */
  neighboursOn(ring: number): { predecessor: MemberId | undefined; successor: MemberId | undefined } {
    return { predecessor: this.#predecessors.on(ring), successor: this.#successors.on(ring) };
  }

  /** The neighbours of one ring whom I compare views with: also the accused ones, for the same reason. */
  partnersOn(ring: number): readonly MemberId[] {
    const found: MemberId[] = [];
    for (const nearest of this.#beside) {
      const id = nearest.on(ring);
      if (id && !found.includes(id)) found.push(id);
    }
    return found;
  }

  /**
   * May this member stand directly before me on a ring, in the view of some correct member? As `judgement.mayStand` says, which
   * walks over the ring: most stand far before the one that I hold as my predecessor. Liars have me asked about all of them.
   */
  mayPrecede(accuser: MemberId, ring: number): boolean {
    const isBlocked = this.#predecessors.isBeyond(ring, accuser) && !this.#mayBePassed(ring);
    return !isBlocked && this.judgement.mayStand({ ring, accuser, accused: this.me });
  }

  #mayBePassed(ring: number): boolean {
    const predecessor = this.#predecessors.on(ring);
    return predecessor === undefined || this.judgement.mayPass(predecessor);
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
    return this.#successors.reaches(id) || this.#predecessors.reaches(id) || this.neighbours().has(id);
  }
}
