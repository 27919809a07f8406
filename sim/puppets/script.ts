/** Plays a program: casts its scenes, and makes its moves when they are due. */
import { CLOCK_TOLERANCE_MS } from "../../gossip/evidence.js";
import { type Claim, subjectOf } from "../../gossip/statement.js";
import { fullMask, type MemberId, tolerance, withRing } from "../../rings/index.js";
import type { Identity, Seat } from "../actor.js";
import { someOf } from "../adversaries/crowd.js";
import { Plot } from "./plot.js";
import type { Count, Move, Program, Renewal, Rings, Under, Withholding } from "./program.js";
import type { Puppet } from "./puppet.js";
import { audienceOf, type Scene, sceneOf, scenesOf } from "./scene.js";
import type { Troupe } from "./troupe.js";

/** Looks at the victim's epoch, and for newcomers, in a beat: fast enough to be before the news of it. */
const LOOKS_PER_BEAT = 50;
/** After so many beats in which nobody has seen it a newcomer is none any more. */
const NEW_BEATS = 10;

export class Script extends Plot {
  readonly #program: Program;
  readonly #scenes: Scene[] = [];

  constructor(program: Program) {
    super();
    this.#program = program;
  }

  /** Those that play, or have played. */
  get scenes(): readonly Scene[] {
    return this.#scenes;
  }

  begin(troupe: Troupe): void {
    const { withheld } = this.#program;
    for (const puppet of troupe.puppets) for (const what of withheld) this.#withhold(puppet, what);
    this.#act(troupe);
  }

  /** New scenes, until it is time for the next ones. */
  #act(troupe: Troupe): void {
    const { casting, scenes, lasts } = this.#program;
    troupe.cancel();
    if (casting === "newcomer") {
      this.#awaitNewcomers(troupe);
      return;
    }
    for (const scene of scenesOf(troupe, casting, scenes)) this.#play(troupe, scene);
    troupe.at(lasts * troupe.settings.gossipMs, () => this.#act(troupe));
  }

  #awaitNewcomers(troupe: Troupe): void {
    const beatMs = troupe.settings.gossipMs;
    const begunAt = troupe.now;
    const lives = new Set<string>();
    const look = () => {
      const newest = troupe.correct.filter(({ startedAt }) => {
        return startedAt >= begunAt && startedAt > troupe.now - NEW_BEATS * beatMs;
      });
      for (const seat of newest) {
        const life = `${seat.number} ${seat.startedAt}`;
        if (lives.has(life) || !isSeen(troupe, seat)) continue;
        lives.add(life);
        const scene = sceneOf(troupe, "newcomer", seat);
        if (scene && lives.size <= this.#program.scenes) this.#play(troupe, scene);
      }
    };
    troupe.every(beatMs / LOOKS_PER_BEAT, 0, look);
  }

  #play(troupe: Troupe, scene: Scene): void {
    this.#scenes.push(scene);
    const beatMs = troupe.settings.gossipMs;
    for (const renewal of this.#program.renewals ?? []) {
      troupe.at(renewal.at * beatMs, () => renew(troupe, scene, renewal));
    }
    for (const move of this.#program.moves) {
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

  /** Scenes come later, so it asks for them each time. */
  #withhold(puppet: Puppet, { what, from }: Withholding): void {
    const isVictim = (id: MemberId | undefined) => this.#scenes.some(({ victim }) => victim.id === id);
    if (what === "all") {
      puppet.isDeafTo = (id) => from === "all" || isVictim(id);
      return;
    }
    puppet.withheld.push((claim, to) => {
      return (from === "all" || isVictim(to)) && this.#scenes.some((scene) => concerns(claim, scene, what));
    });
  }
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

/** Both ends of a span that has begun before any other certificate of it, and ends as the renewal says. */
function renew(troupe: Troupe, scene: Scene, { of, at, over }: Renewal): void {
  const puppet = scene[of];
  const { notBefore } = puppet.actor.certificate;
  const leftMs = over === undefined ? undefined : (over - at) * troupe.settings.gossipMs;
  if (leftMs === undefined) puppet.renew();
  else puppet.renew({ notBefore: notBefore - 1, notAfter: troupe.wall(scene.victim) + leftMs - CLOCK_TOLERANCE_MS });
}

function make(troupe: Troupe, scene: Scene, move: Move): void {
  const speaker = scene[move.by];
  if (!speaker.isUp) return;
  const statements = statementsOf(troupe, scene, move, speaker);
  const fellows = troupe.puppets.filter((puppet) => puppet !== speaker);
  const { bearers = 1, copies = 1 } = move;
  const own = bearers === "any" ? someOf(troupe.chance, troupe.puppets, 1) : [speaker];
  const chosen = bearers === "any" ? own : [...own, ...someOf(troupe.chance, fellows, bearers - 1)];
  const told = Array.from({ length: copies }, () => chosen).flat();
  for (const to of audienceOf(troupe, scene, move.to)) for (const bearer of told) bearer.tell(to, statements);
}

function statementsOf(troupe: Troupe, scene: Scene, move: Move, speaker: Puppet): Uint8Array[] {
  const by = identityOf(speaker, move.under);
  if (move.say === "certificate") return [speaker.certificate(by)];
  if (move.say === "accusation") {
    const rings = ringsOf(troupe, scene, move.rings, speaker);
    const { victim } = scene;
    const said = rings.slice(0, numberOf(troupe, move.count ?? rings.length));
    return said.map((ring) => speaker.accusation(victim, ring, victim.machine.epoch, by));
  }
  const { say } = move;
  return Array.from({ length: numberOf(troupe, move.count ?? 1) }, () => {
    if (say === "proof") return speaker.proof(by);
    return speaker.noteStatement({ leaving: say === "leave", mask: maskOf(troupe, say === "masked") }, by);
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

/** "strange": a correct member that is up stands between the two, so the victim takes the accuser for a stranger. */
function ringsOf({ order }: Troupe, { ring: own, victim }: Scene, rings: Rings, accuser: Puppet): number[] {
  if (rings === "scene") return [own];
  return order.enabled(victim).filter((ring) => {
    const before = order.before(ring, victim);
    const place = before.findIndex(({ id }) => id === accuser.id);
    return before.slice(0, Math.max(0, place)).some(({ isCorrect, state }) => isCorrect && state === "up");
  });
}
