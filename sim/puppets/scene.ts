/** One victim on one ring, and the liars that stand there. */
import { isEnabled, tolerance } from "../../rings/index.js";
import type { Seat } from "../actor.js";
import { someOf } from "../adversaries/crowd.js";
import type { Audience, Casting } from "./program.js";
import type { Puppet } from "./puppet.js";
import type { Troupe } from "./troupe.js";

export interface Scene {
  readonly ring: number;
  readonly victim: Seat;
  readonly accuser: Puppet;
  readonly screen: Puppet;
  /** Some of the others, by number. */
  readonly few: ReadonlySet<number>;
}

/** How many "few" are: with one of them the view of a single member is at stake, with all of them those of the smallest crowd. */
const FEW = 3;

/** Scenes of a casting, in an order that chance gives; no liar is screen, and no member victim, in two of them. */
export function scenesOf(troupe: Troupe, casting: Casting, count: number): Scene[] {
  const used = new Set<number>();
  const scenes: Scene[] = [];
  for (const victim of candidatesOf(troupe, casting)) {
    if (scenes.length >= count) break;
    const scene = sceneOf(troupe, casting, victim, used);
    if (!scene) continue;
    scenes.push(scene);
    used.add(scene.screen.actor.number);
  }
  return scenes;
}

function candidatesOf(troupe: Troupe, casting: Casting): Seat[] {
  const candidates = troupe.chance.shuffled(troupe.correct);
  return casting === "ahead" ? candidates.sort((a, b) => troupe.wall(b) - troupe.wall(a)) : candidates;
}

/** A scene with this victim, unless it stands nowhere so, or is one that nobody promises anything. */
export function sceneOf(
  troupe: Troupe,
  casting: Casting,
  victim: Seat,
  used: ReadonlySet<number> = new Set(),
): Scene | undefined {
  const { order, chance } = troupe;
  if (casting === "alone") {
    const puppet = chance.pick(troupe.puppets.filter(({ actor }) => !used.has(actor.number)));
    return puppet && { ring: 1, victim, accuser: puppet, screen: puppet, few: fewOf(troupe, victim) };
  }
  if (isExposed(troupe, victim)) return undefined;
  const present = new Map(troupe.puppets.map((puppet) => [puppet.actor.number, puppet]));
  const found: Scene[] = [];
  for (const ring of order.all()) {
    if (!isEnabled(victim.machine.mask, ring)) continue;
    const [first, second] = order
      .before(ring, victim)
      .filter(({ state }) => state !== "down")
      .map(({ number }) => present.get(number));
    const accuser = casting === "screened" ? second : first;
    if (!first || !accuser || used.has(first.actor.number)) continue;
    found.push({ ring, victim, accuser, screen: first, few: fewOf(troupe, victim) });
  }
  // Whose certificate the victim lacks, its accusation cannot answer.
  const unknown = found.filter(({ accuser }) => !victim.machine.certificateOf(accuser.id));
  return unknown[0] ?? found[0];
}

/** Liars stand directly before it on more rings than it may disable. */
export function isExposed({ order }: Troupe, victim: Seat): boolean {
  const held = order.all().filter((ring) => order.last(ring, victim)?.isCorrect === false);
  return held.length > tolerance(order.ringCount);
}

function fewOf(troupe: Troupe, victim: Seat): ReadonlySet<number> {
  const others = troupe.correct.filter((seat) => seat !== victim);
  return new Set(someOf(troupe.chance, others, FEW).map(({ number }) => number));
}

/** Those of an audience that are there now. */
export function audienceOf(troupe: Troupe, scene: Scene, audience: Audience): readonly Seat[] {
  const { victim, few } = scene;
  switch (audience) {
    case "victim":
      return victim.state === "up" ? [victim] : [];
    case "all":
      return troupe.correct;
    case "others":
      return troupe.correct.filter((seat) => seat !== victim);
    case "few":
      return troupe.correct.filter(({ number }) => few.has(number));
    case "rest":
      return troupe.correct.filter(({ number }) => !few.has(number));
    case "half":
      return troupe.correct.filter(({ number }) => number % 2 === 0);
    case "other-half":
      return troupe.correct.filter(({ number }) => number % 2 === 1);
    case "neighbours":
      return neighboursOf(troupe, victim);
  }
}

function neighboursOf({ order }: Troupe, victim: Seat): readonly Seat[] {
  const near = order.all().flatMap((ring) => [order.last(ring, victim), order.next(ring, victim)]);
  return [...new Set(near)].filter((seat): seat is Seat => seat?.isCorrect === true && seat.state === "up");
}
