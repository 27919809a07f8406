/** One victim on one ring, and the liars that stand there. */
import { isEnabled, tolerance } from "../../rings/index.js";
import type { Seat } from "../actor.js";
import { someOf } from "../adversaries/tools/crowd.js";
import type { Audience, Casting, Program } from "./program.js";
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

/** How many "few" are, by default. */
const FEW = 3;

/** Scenes of a program, in an order that chance gives; no liar is screen, and no member victim, in two of them. */
export function scenesOf(troupe: Troupe, program: Program): Scene[] {
  const used = new Set<number>();
  const scenes: Scene[] = [];
  for (const victim of candidatesOf(troupe, program.casting)) {
    if (scenes.length >= program.scenes) break;
    const scene = sceneOf(troupe, program, victim, used);
    if (!scene) continue;
    scenes.push(scene);
    used.add(scene.screen.actor.number);
  }
  return scenes;
}

function candidatesOf(troupe: Troupe, casting: Casting): Seat[] {
  const candidates = troupe.chance.shuffled(troupe.correct);
  return casting === "ahead" ? candidates.sort((a, b) => b.wall - a.wall) : candidates;
}

/** A scene with this victim, unless it stands nowhere so, or is one that nobody promises anything. */
export function sceneOf(
  troupe: Troupe,
  program: Program,
  victim: Seat,
  used: ReadonlySet<number> = new Set(),
): Scene | undefined {
  const { order, chance } = troupe;
  const { casting } = program;
  if (casting === "alone") {
    const puppet = chance.pick(troupe.puppets.filter(({ actor }) => !used.has(actor.number)));
    return puppet && aloneWith(troupe, program, puppet, victim);
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
    const accuser = casting === "screened" || casting === "forgetful" ? second : first;
    if (!first || !accuser || used.has(first.actor.number)) continue;
    if (casting === "forgetful" && !isForgotten(troupe, victim, first)) continue;
    found.push({ ring, victim, accuser, screen: first, few: fewOf(troupe, program, victim) });
  }
  // Whose certificate the victim lacks, its accusation cannot answer.
  const unknown = found.filter(({ accuser }) => !victim.machine.certificateOf(accuser.id));
  return chance.pick(unknown) ?? chance.pick(found);
}

/** Does the victim hold nothing that the screen said any more, and do most others? */
function isForgotten({ correct }: Troupe, victim: Seat, screen: Puppet): boolean {
  if (victim.machine.standing(screen.id) !== "silent") return false;
  return 2 * correct.filter(({ machine }) => machine.standing(screen.id) !== "silent").length > correct.length;
}

/** Where one liar is all that there is, and any correct member the victim. */
export function sceneAlone(troupe: Troupe, program: Program, puppet: Puppet): Scene | undefined {
  const victim = troupe.chance.pick(troupe.correct);
  return victim && aloneWith(troupe, program, puppet, victim);
}

function aloneWith(troupe: Troupe, program: Program, puppet: Puppet, victim: Seat): Scene {
  return { ring: 1, victim, accuser: puppet, screen: puppet, few: fewOf(troupe, program, victim) };
}

/** Liars stand directly before it on more rings than it may disable. */
export function isExposed({ order }: Troupe, victim: Seat): boolean {
  const held = order.all().filter((ring) => order.last(ring, victim)?.isCorrect === false);
  return held.length > tolerance(order.ringCount);
}

function fewOf(troupe: Troupe, { few = FEW }: Program, victim: Seat): ReadonlySet<number> {
  const others = troupe.correct.filter((seat) => seat !== victim);
  return new Set(someOf(troupe.chance, others, few).map(({ number }) => number));
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
