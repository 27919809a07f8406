/** The picture of the rings: two canvases, one over the other, and who stands under the pointer. */
import { h } from "../dom/element.js";
import { EFFECT_MS, EFFECTS_MAX, effectsAt } from "../world/effects.js";
import { type Neighbours, neighboursOf } from "../world/neighbours.js";
import type { Change, Timeline } from "../world/timeline.js";
import { countsOf, type MemberNow, type World } from "../world/world.js";
import { drawGround } from "./ground.js";
import { type Camera, type Frame, frameOf, type Point, place, ringsOf, type Shown } from "./layout.js";
import { drawOverlay, GONE_SHOWN_MS, REBUTTED_SHOWN_MS } from "./overlay.js";
import type { Palette } from "./palette.js";
import { Surface } from "./surface.js";

/** The ground is drawn again at most so often while members come and go: a thousand on 17 rings cost some ms. */
const GROUND_MS = 1_000;
/** Pixels from a dot within which the pointer means it. */
const REACH = 14;

export interface Look {
  readonly shown: Shown;
  readonly camera: Camera;
  readonly selected: string;
  readonly hovered: string;
  readonly isCalm: boolean;
  /** Of a recording that is played; 1 otherwise. */
  readonly speed: number;
}

export class Picture {
  readonly element: HTMLElement;
  readonly canvas: HTMLCanvasElement;
  readonly #ground: Surface;
  readonly #overlay: Surface;
  #groundKey = "";
  #groundAt = 0;
  #frame: Frame | undefined;
  #neighbours: { readonly key: string; readonly of: readonly Neighbours[] } = { key: "", of: [] };
  #count: { readonly of: World | undefined; readonly turnover: number; readonly count: number } = {
    of: undefined,
    turnover: 0,
    count: 0,
  };
  /** The instant that was drawn last, for what is over. */
  #calmKey = "";

  constructor() {
    const ground = h("canvas", { class: "ground", "aria-hidden": "true" });
    this.canvas = h("canvas", { class: "overlay" });
    this.#ground = new Surface(ground);
    this.#overlay = new Surface(this.canvas);
    this.element = h("div", { class: "picture" }, ground, this.canvas);
  }

  get frame(): Frame | undefined {
    return this.#frame;
  }

  /** Draws what differs from the last time. True while something moves, so that the next frame has to be drawn, too. */
  draw(timeline: Timeline, now: number, look: Look, palette: Palette): boolean {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (width === 0 || height === 0) return false;
    const size = { width, height };
    const world = timeline.worldAt(now);
    const revision = timeline.revisionAt(now);
    const frame = frameOf(size, world.rings, this.#countOf(world), look.shown, look.camera);
    this.#frame = frame;
    const isBehind = this.#drawGround(frame, timeline, world, palette);
    const recent = recentChanges(timeline, now, look.speed);
    const effects = effectsAt(recent, now, EFFECT_MS * look.speed);
    const isMoving = effects.length > 0 || isFading(recent, now);
    const calmKey = JSON.stringify([this.#groundKey, revision, look, effects.length, isMoving && now]);
    if (calmKey !== this.#calmKey) {
      this.#calmKey = calmKey;
      this.#overlay.fit(size);
      drawOverlay(
        { context: this.#overlay.context, clear: () => this.#overlay.clear() },
        frame,
        {
          world,
          now,
          effects,
          neighbours: this.#neighboursOf(world, `${timeline.number} ${revision}`, look.selected),
          ...look,
        },
        palette,
      );
    }
    return isMoving || isBehind;
  }

  /** Of those in the view. It changes with the turnover alone. */
  #countOf(world: World): number {
    if (this.#count.of !== world || this.#count.turnover !== world.turnover) {
      this.#count = { of: world, turnover: world.turnover, count: countsOf(world).there };
    }
    return this.#count.count;
  }

  /** True when it should be drawn again, and has to wait. */
  #drawGround(frame: Frame, { number }: Timeline, world: World, palette: Palette): boolean {
    const { canvas } = this.#ground;
    const isSized = this.#ground.fit({ width: canvas.clientWidth, height: canvas.clientHeight });
    const key = JSON.stringify([number, frame, palette.live, palette.ground]);
    const isLook = isSized || !this.#groundKey.startsWith(key);
    if (!isLook && this.#groundKey === key + world.turnover) return false;
    const at = performance.now();
    if (!isLook && at - this.#groundAt < GROUND_MS) return true;
    this.#groundKey = key + world.turnover;
    this.#groundAt = at;
    drawGround(this.#ground, frame, world, palette);
    return false;
  }

  #neighboursOf(world: World, state: string, selected: string): readonly Neighbours[] {
    const key = `${state} ${selected}`;
    if (key !== this.#neighbours.key)
      this.#neighbours = { key, of: selected === "" ? [] : neighboursOf(world, selected) };
    return this.#neighbours.of;
  }
}

function recentChanges(timeline: Timeline, now: number, speed: number): readonly Change[] {
  return timeline.between(now - Math.max(EFFECT_MS * speed, REBUTTED_SHOWN_MS), now, EFFECTS_MAX);
}

/** Marks that fade do so slowly enough to be drawn with the next thing that happens; rebuttals are not. */
function isFading(recent: readonly Change[], now: number): boolean {
  return recent.some(
    (each) => each.event === "history" && each.kind === "rebutted" && now - each.at < REBUTTED_SHOWN_MS,
  );
}

export interface Hit {
  readonly member: MemberNow;
  readonly ring: number;
}

/** Who is drawn nearest to a point, and on which ring. */
export function hitAt(world: World, frame: Frame, at: Point, now: number): Hit | undefined {
  let best: Hit | undefined;
  let nearest = REACH;
  for (const member of world.members.values()) {
    if (
      member.phase !== "live" &&
      member.phase !== "suspected" &&
      member.phase !== "accused" &&
      now - member.since > GONE_SHOWN_MS
    )
      continue;
    for (const ring of ringsOf(frame)) {
      const { x, y } = place(frame, ring, member.record.positions);
      const distance = Math.hypot(x - at.x, y - at.y);
      if (distance < nearest) [best, nearest] = [{ member, ring }, distance];
    }
  }
  return best;
}
