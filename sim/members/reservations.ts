/**
 * The relays of a member behind a NAT (rule R21): which they are follows from its view. In each monitor interval it asks
 * every one of them whether its reservation stands, makes those anew that do not, and says so in its next note. A relay
 * that does not answer is passed over for a while, and the next one clockwise takes its place.
 */
import { type MemberId, RELAYS_MIN, relayCount, relaysOf } from "../../rings/index.js";
import { Action } from "../calendar.js";
import { cross } from "../paths/crossing.js";
import { addressesOf } from "./addresses.js";
import { PlannedInput } from "./input.js";
import type { Member } from "./member.js";

/** For how long a relay is passed over that has not answered, in removal times: by then others have found it dead, or it is back. */
const AVOIDED_REMOVALS = 3;
/** For how long a reservation is kept that is wanted no more, in removal times: others call by the note before. */
const KEPT_REMOVALS = 2;
/** A relay has this part of a monitor interval to answer, and so many milliseconds at least: what gets lost is sent again after 200. */
const ANSWER_INTERVALS = 1 / 2;
const ANSWER_MS_MIN = 500;
/** Questions in a row without an answer after which a relay is taken for dead; all but the first come over a new session. */
const SILENCES_MAX = 3;
/** While it has no relay, it looks for one so often in a monitor interval. */
const LOOKS_AT_FIRST = 5;
/** Bytes of a question, and of its answer. */
const QUESTION_BYTES = 64;

/** The relays of a member by its own view, were all of them to answer; and in a whole network, where all know all. */
export function relaysFor(member: Member, candidates: readonly MemberId[], members: number): Member[] {
  const { byId, ringCount, paths } = member.world;
  const count = relayCount({ members, rings: ringCount, relays: candidates.length });
  return relaysOf(member.id, candidates, count, paths.positionOf).flatMap((id) => byId.get(id) ?? []);
}

export class Reservations {
  readonly #member: Member;
  readonly #life: number;
  readonly #isNew: boolean;
  /** Those that it holds to be good, and since when one is not wanted any more. */
  readonly #held = new Map<Member, number | undefined>();
  readonly #avoidedUntil = new Map<Member, number>();
  /** Those that have a question, and have not answered yet. */
  readonly #asked = new Set<Member>();
  /** Questions in a row that each has not answered. */
  readonly #silences = new Map<Member, number>();
  #wanted: readonly Member[] = [];
  #wantedOf = -1;
  #toldAt = Number.NEGATIVE_INFINITY;

  /** `contacts`: those through which it comes in; until it has a view, some of them relay for it. */
  constructor(member: Member, contacts: readonly Member[] = []) {
    this.#member = member;
    this.#life = member.life;
    this.#wanted = contacts.slice(0, RELAYS_MIN);
    this.#isNew = contacts.length > 0;
    for (const relay of member.relays) this.#reserved(relay);
    this.#beat();
  }

  readonly #beat = (): void => {
    const { world } = this.#member;
    if (this.#member.life !== this.#life || this.#member.state === "down") return;
    if (this.#member.state === "up") this.#look(world.now);
    const { monitorMs } = world.settings;
    world.plan(this.#held.size > 0 ? monitorMs : monitorMs / LOOKS_AT_FIRST, new Action(this.#beat));
  };

  #look(now: number): void {
    this.#choose(now);
    for (const relay of new Set([...this.#held.keys(), ...this.#wanted])) this.#ask(relay, now);
    for (const [relay, since] of this.#held) {
      if (this.#wanted.includes(relay)) this.#held.set(relay, undefined);
      else if (since === undefined) this.#held.set(relay, now);
      else if (now - since > KEPT_REMOVALS * this.#member.world.settings.removalMs) this.#lost(relay);
    }
    this.#tell(now);
  }

  #choose(now: number): void {
    const { viewVersion } = this.#member;
    const isAvoided = [...this.#avoidedUntil.values()].some((until) => until <= now);
    const isBlind = viewVersion === 0 && this.#isNew;
    if (isBlind || (viewVersion === this.#wantedOf && !isAvoided)) return;
    this.#wantedOf = viewVersion;
    for (const [relay, until] of this.#avoidedUntil) if (until <= now) this.#avoidedUntil.delete(relay);
    const { byId } = this.#member.world;
    const live = this.#member.machine.members();
    const relays = live.flatMap(({ id }) => byId.get(id) ?? []).filter(({ isBehindNat }) => !isBehindNat);
    const candidates = relays.filter((relay) => !this.#avoidedUntil.has(relay)).map(({ id }) => id);
    this.#wanted = relaysFor(this.#member, candidates, live.length + 1);
  }

  /** A question and its answer over the session with the relay; or a new session, and the reservation, which takes as long. */
  #ask(relay: Member, now: number): void {
    const { world, mapping, number } = this.#member;
    if (this.#asked.has(relay)) return;
    this.#asked.add(relay);
    const deadline = now + Math.max(ANSWER_MS_MIN, ANSWER_INTERVALS * world.settings.monitorMs);
    const isOverOld = this.#held.has(relay) && !this.#silences.has(relay);
    let isAnswered = false;
    const answered = () => {
      isAnswered = this.#member.mapping === mapping && this.#member.life === this.#life;
      if (!isAnswered) return;
      this.#asked.delete(relay);
      this.#silences.delete(relay);
      this.#reserved(relay);
      if (this.#member.relays.length === 0) this.#tell(world.now);
    };
    const arrived = () => {
      const isUp = relay.state === "up" && (!isOverOld || world.paths.isAlive(this.#member, relay));
      if (isUp) cross(world, { from: relay, to: this.#member, bytes: QUESTION_BYTES, deadline }, answered);
    };
    cross(world, { from: this.#member, to: relay, bytes: QUESTION_BYTES, deadline }, arrived);
    world.plan(
      deadline - now,
      new Action(() => {
        this.#asked.delete(relay);
        if (!isAnswered && world.members[number] === this.#member) this.#silent(relay, deadline);
      }),
    );
  }

  /** A session that is dead is made anew at once; a relay that answers nothing then either is passed over. */
  #silent(relay: Member, now: number): void {
    if (this.#member.life !== this.#life || this.#member.state !== "up") return;
    const silences = (this.#silences.get(relay) ?? 0) + 1;
    this.#silences.set(relay, silences);
    if (silences < SILENCES_MAX && this.#wanted.includes(relay)) {
      this.#ask(relay, now);
      return;
    }
    this.#silences.delete(relay);
    this.#lost(relay);
    this.#avoidedUntil.set(relay, now + AVOIDED_REMOVALS * this.#member.world.settings.removalMs);
    this.#wantedOf = -1;
  }

  #reserved(relay: Member): void {
    if (!this.#held.has(relay)) this.#held.set(relay, undefined);
    this.#member.world.paths.reserved(this.#member, relay);
  }

  #lost(relay: Member): void {
    this.#held.delete(relay);
    this.#member.world.paths.released(this.#member, relay);
  }

  /** In its next note, at the pace at which others admit notes of one member (rule R11). */
  #tell(now: number): void {
    const { world, machine, relays } = this.#member;
    const present = this.#wanted.filter((relay) => this.#held.has(relay));
    const isSame = present.length === relays.length && present.every((relay, index) => relay === relays[index]);
    if (isSame || now - this.#toldAt < world.settings.gossipMs) return;
    this.#toldAt = now;
    this.#member.relays = present;
    const addresses = addressesOf(this.#member);
    world.deliver(new Described(this.#member, this.#life, () => machine.describe({ addresses }, now)));
  }
}

class Described extends PlannedInput {
  readonly #tell: () => void;

  constructor(member: Member, life: number, tell: () => void) {
    super(member, life);
    this.#tell = tell;
  }

  run(): void {
    this.#tell();
  }
}
