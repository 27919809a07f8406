/** Plays a program: casts its scenes, and makes its moves when they are due. */

import { CLOCK_TOLERANCE_MS } from "../../gossip/clock.js";
import { METADATA_BYTES_MAX } from "../../gossip/limits.js";
import { type Claim, subjectOf } from "../../gossip/records/statement.js";
import { fullMask, type MemberId, tolerance, withRing } from "../../rings/index.js";
import type { Identity, Seat } from "../actor.js";
import { someOf } from "../adversaries/tools/crowd.js";
import type { Accused, Count, Lateness, Move, Program, Rings, Telling, Under, Withholding } from "./program.js";
import type { Puppet } from "./puppet.js";
import { audienceOf, type Scene, sceneAlone, sceneOf, scenesOf } from "./scene.js";
import { Plot, type Troupe } from "./troupe.js";

/** Looks at the victim's epoch, and for newcomers, in a beat: fast enough to be before the news of it. */
const LOOKS_PER_BEAT = 50;
/** After so many beats in which nobody has seen it a newcomer is none any more. */
const NEW_BEATS = 10;

type Unsigned = Extract<Telling, { readonly say: "summons" | "gone" }>;
type Signed = Exclude<Telling, Unsigned>;

export class Script extends Plot {
  readonly #program: Program;
  readonly #scenes: Scene[] = [];
  /** What the liars are screens and accusers of before any scene is cast. */
  readonly #preludes: Scene[] = [];

  constructor(program: Program) {
    super();
    this.#program = program;
  }

  /** Those that play, or have played. */
  get scenes(): readonly Scene[] {
    return this.#scenes;
  }

  begin(troupe: Troupe): void {
    const { withheld, late } = this.#program;
    for (const puppet of troupe.puppets) {
      for (const what of withheld) this.#withhold(troupe, puppet, what);
      if (late) this.#delay(troupe, puppet, late);
    }
    this.#act(troupe);
    this.#open(troupe);
  }

  #open(troupe: Troupe): void {
    const { prelude = [] } = this.#program;
    for (const puppet of troupe.puppets) {
      const scene = prelude.length > 0 ? sceneAlone(troupe, this.#program, puppet) : undefined;
      if (!scene) continue;
      this.#preludes.push(scene);
      this.#plan(troupe, scene, prelude);
    }
  }

  /** New scenes, until it is time for the next ones. */
  #act(troupe: Troupe): void {
    const { casting, lasts } = this.#program;
    troupe.cancel();
    if (casting === "newcomer" || casting === "forgetful") {
      this.#await(troupe, casting === "newcomer" ? newcomersOf : forgetfulOf);
      return;
    }
    for (const scene of scenesOf(troupe, this.#program)) this.#play(troupe, scene);
    troupe.at(lasts * troupe.settings.gossipMs, () => this.#act(troupe));
  }

  /** Scenes as they come: one in each life of a victim. */
  #await(troupe: Troupe, candidatesOf: (troupe: Troupe) => readonly Seat[]): void {
    const lives = new Set<string>();
    troupe.every(troupe.settings.gossipMs / LOOKS_PER_BEAT, 0, () => {
      for (const seat of candidatesOf(troupe)) {
        const life = `${seat.number} ${seat.startedAt}`;
        if (lives.size >= this.#program.scenes || lives.has(life) || !isSeen(troupe, seat)) continue;
        const scene = sceneOf(troupe, this.#program, seat);
        if (!scene) continue;
        lives.add(life);
        this.#play(troupe, scene);
      }
    });
  }

  #play(troupe: Troupe, scene: Scene): void {
    this.#scenes.push(scene);
    this.#plan(troupe, scene, this.#program.moves);
  }

  #plan(troupe: Troupe, scene: Scene, moves: readonly Move[]): void {
    const beatMs = troupe.settings.gossipMs;
    for (const move of moves) {
      const { when } = move;
      const act = () => make(troupe, scene, move);
      if ("at" in when) troupe.at(when.at * beatMs, act);
      else if ("epochsFrom" in when) this.#followEpochs(troupe, scene, move, when.epochsFrom * beatMs);
      else {
        const { from, every, times = 1, apart = 0 } = when;
        for (let time = 0; time < times; time++) troupe.every(every * beatMs, (from + time * apart) * beatMs, act);
      }
    }
  }

  #followEpochs(troupe: Troupe, scene: Scene, move: Move, firstMs: number): void {
    let said: bigint | undefined;
    troupe.every(troupe.settings.gossipMs / LOOKS_PER_BEAT, firstMs, () => {
      const { state, machine } = scene.victim;
      if (state !== "up" || machine.epoch === said) return;
      said = machine.epoch;
      make(troupe, scene, move);
    });
  }

  #isConcerned(claim: Claim, what: Withholding["what"]): boolean {
    if (this.#scenes.some((scene) => concerns(claim, scene, what))) return true;
    // Its machine answers what it sees in its own name with a note above that.
    return what === "screen" && this.#preludes.some((scene) => concerns(claim, scene, what));
  }

  /** Scenes come later, so it asks for them each time. */
  #withhold(troupe: Troupe, puppet: Puppet, { what, from }: Withholding): void {
    const isMeant = (id: MemberId | undefined) => from === "all" || this.#isVictim(troupe, id);
    if (what === "all") puppet.isDeafTo = isMeant;
    else if (what === "answers") {
      puppet.isSilentTo = (id) => isMeant(id) && this.#scenes.some(({ screen }) => screen === puppet);
    } else {
      puppet.withheld.push((claim, to) => {
        return isMeant(to) && this.#isConcerned(claim, what);
      });
    }
  }

  #delay(troupe: Troupe, puppet: Puppet, { from, beats }: Lateness): void {
    const lateMs = beats * troupe.settings.gossipMs;
    puppet.lateBy = (id) => (from === "all" || this.#isVictim(troupe, id) ? lateMs : undefined);
  }

  /** Who may become the victim of a scene as a newcomer must get nothing before. */
  #isVictim(troupe: Troupe, id: MemberId | undefined): boolean {
    if (this.#program.casting === "newcomer") return newcomersOf(troupe).some((seat) => seat.id === id);
    return this.#scenes.some(({ victim }) => victim.id === id);
  }
}

/** Correct members that have begun a life lately, and not with the network. */
function newcomersOf({ correct, now, settings }: Troupe): Seat[] {
  return correct.filter(({ startedAt }) => startedAt > 0 && startedAt > now - NEW_BEATS * settings.gossipMs);
}

/** Correct members that hold no note of some liar. */
function forgetfulOf({ correct, puppets }: Troupe): Seat[] {
  return correct.filter(({ machine }) => puppets.some(({ id }) => machine.standing(id) === "silent"));
}

/** Does any correct member but itself have it in its view? */
function isSeen({ correct }: Troupe, seat: Seat): boolean {
  return correct.some((other) => other !== seat && other.machine.member(seat.id) !== undefined);
}

function concerns(claim: Claim, { screen, accuser, victim }: Scene, what: Withholding["what"]): boolean {
  if (what === "screen") return subjectOf(claim) === screen.id;
  if (what === "notes") return claim.kind === "note" && claim.note.id === victim.id;
  if (what === "charges") return claim.kind === "accusation" && claim.accusation.accused === victim.id;
  return (
    claim.kind === "certificate" &&
    accuser.identities.some(({ certificate }) => certificate.leaf.every((byte, at) => claim.chain.leaf[at] === byte))
  );
}

function renew(troupe: Troupe, { victim }: Scene, puppet: Puppet, overAfter: number | undefined): void {
  if (overAfter === undefined) puppet.renew();
  else {
    const { notBefore } = puppet.actor.certificate;
    const overAt = victim.wall + overAfter * troupe.settings.gossipMs;
    puppet.renew({ notBefore: notBefore - 1, notAfter: overAt - CLOCK_TOLERANCE_MS });
  }
}

function make(troupe: Troupe, scene: Scene, move: Move): void {
  const { by } = move;
  const speakers = by === "crowd" ? troupe.puppets : [scene[by]];
  for (const speaker of speakers) {
    if (!speaker.isUp) continue;
    if (move.say === "renewal") renew(troupe, scene, speaker, move.overAfter);
    else tell(troupe, scene, move, speaker);
  }
}

function tell(troupe: Troupe, scene: Scene, move: Telling, speaker: Puppet): void {
  const fellows = troupe.puppets.filter((puppet) => puppet !== speaker);
  const { bearers = 1, copies = 1 } = move;
  const own = bearers === "any" ? someOf(troupe.chance, troupe.puppets, 1) : [speaker];
  const chosen = bearers === "any" ? own : [...own, ...someOf(troupe.chance, fellows, bearers - 1)];
  const told = Array.from({ length: copies }, () => chosen).flat();
  const hearers = audienceOf(troupe, scene, move.to);
  if (move.say === "summons" || move.say === "gone") {
    for (const to of hearers) for (const bearer of told) sayTo(troupe, scene, move, bearer, to);
    return;
  }
  const statements = statementsOf(troupe, scene, move, speaker);
  for (const to of hearers) for (const bearer of told) heardBy(troupe, bearer, to).tell(to, statements);
}

/** Whom the hearer refuses, as a liar that is proven, leaves it to another one. */
function heardBy({ puppets, chance }: Troupe, bearer: Puppet, { machine }: Seat): Puppet {
  const isHeard = ({ actor }: Puppet) => machine.refusal(actor.certificate) === undefined;
  return isHeard(bearer) ? bearer : (chance.pick(puppets.filter(isHeard)) ?? bearer);
}

/** What bears no signature is about whoever hears it, and the bearer's own word. */
function sayTo(troupe: Troupe, scene: Scene, move: Unsigned, bearer: Puppet, to: Seat): void {
  const { epoch } = to.machine;
  if (move.say === "gone") {
    bearer.say(to, { kind: "gone", epoch });
    return;
  }
  const rings = ringsOf(troupe, scene, move.rings, bearer, to);
  for (const ring of rings.slice(0, numberOf(troupe, move.count ?? 1))) {
    if (move.way === "call") bearer.say(to, { kind: "summons", ring, epoch });
    else bearer.actor.summon(to, ring, epoch);
  }
}

function statementsOf(troupe: Troupe, scene: Scene, move: Signed, speaker: Puppet): Uint8Array[] {
  const by = identityOf(speaker, move.under);
  if (move.say === "certificate") return [speaker.certificate(by)];
  if (move.say === "accusation") {
    return accusedOf(troupe, scene, move.of, speaker).flatMap((accused) => {
      const rings = ringsOf(troupe, scene, move.rings, speaker, accused);
      const said = rings.slice(0, numberOf(troupe, move.count ?? rings.length));
      const epoch = troupe.puppet(accused)?.latest ?? accused.machine.epoch;
      return said.map((ring) => speaker.accusation(accused, ring, epoch, by));
    });
  }
  if (move.say === "low") return [speaker.noteStatement({ epoch: speaker.lowEpoch() }, by)];
  const { say } = move;
  return Array.from({ length: numberOf(troupe, move.count ?? 1) }, () => {
    if (say === "proof") return speaker.proof(by);
    const bulk = say === "bulky" && { metadata: new Uint8Array(METADATA_BYTES_MAX) };
    return speaker.noteStatement({ leaving: say === "leave", mask: maskOf(troupe, say === "masked"), ...bulk }, by);
  });
}

function identityOf({ identities, actor }: Puppet, under: Under = "first"): Identity {
  return (under === "first" ? identities[0] : identities.at(-1)) ?? actor;
}

function numberOf({ order }: Troupe, count: Count): number {
  return count === "budget" ? tolerance(order.ringCount) + 1 : count;
}

function maskOf({ order: { ringCount } }: Troupe, isMasked: boolean): Uint8Array {
  let mask = fullMask(ringCount);
  for (let ring = 1; isMasked && ring <= tolerance(ringCount); ring++) mask = withRing(mask, ring, false);
  return mask;
}

function accusedOf(
  troupe: Troupe,
  { victim, screen }: Scene,
  of: Accused = "victim",
  speaker: Puppet,
): readonly Seat[] {
  if (of === "victim") return [victim];
  if (of === "screen") return speaker === screen ? [] : [screen.actor];
  const { order } = troupe;
  return [...new Set(order.all().flatMap((ring) => between(troupe, ring, victim, speaker) ?? []))];
}

/** "strange": whom they accuse takes the accuser for a stranger. */
function ringsOf(troupe: Troupe, { ring: own }: Scene, rings: Rings, accuser: Puppet, accused: Seat): number[] {
  if (rings === "scene") return [own];
  return troupe.order.enabled(accused).filter((ring) => {
    const shields = between(troupe, ring, accused, accuser);
    return shields && (rings === "held") === (shields.length === 0);
  });
}

/** Correct members that are up between the two on a ring; undefined when the accuser is not near. */
function between({ order }: Troupe, ring: number, accused: Seat, accuser: Puppet): readonly Seat[] | undefined {
  const before = order.before(ring, accused);
  const place = before.findIndex(({ id }) => id === accuser.id);
  return place < 0 ? undefined : before.slice(0, place).filter(({ isCorrect, state }) => isCorrect && state === "up");
}
