/** Where things stand in the picture of the rings: pure geometry, in CSS pixels. */
import { CIRCLE } from "../world/neighbours.js";

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** How far the reader has zoomed in, and where the middle went. */
export interface Camera extends Point {
  readonly scale: number;
}

export const WHOLE: Camera = { scale: 1, x: 0, y: 0 };
export const SCALE_MAX = 40;

/** All rings as circles in circles, or a single one. */
export type Shown = "all" | number;

export interface Frame {
  readonly shown: Shown;
  readonly rings: number;
  readonly center: Point;
  /** Radius of the outermost circle; ring 1 of all. */
  readonly outer: number;
  /** Radius of the innermost one. */
  readonly inner: number;
  /** Radius of a member's dot. */
  readonly dot: number;
  /** Whether names stand around the circle. */
  readonly isLabelled: boolean;
}

/** Of the circle's radius that stays empty in the middle of all rings. */
const HOLE = 0.34;
const MARGIN = 18;
/** For names around the circle. */
const LABEL_ROOM = 92;
const LABEL_ROOM_NARROW = 58;
const NARROW = 520;
/** Pixels of a circle that a name beside it takes. */
export const LABEL_GAP = 12.5;
const [DOT_MIN, DOT_MAX] = [0.8, 5];

export function frameOf(size: Size, rings: number, members: number, shown: Shown, camera: Camera): Frame {
  const half = Math.min(size.width, size.height) / 2;
  const room = size.width < NARROW ? LABEL_ROOM_NARROW : LABEL_ROOM;
  const labelled = Math.max(10, half - room);
  // Names fit where the circle is long enough for all of them; the reader's zoom makes it longer.
  const isLabelled = members * LABEL_GAP <= 2 * Math.PI * labelled * camera.scale;
  const fitting = Math.max(10, half - (members * LABEL_GAP <= 2 * Math.PI * labelled ? room : MARGIN));
  const outer = fitting * camera.scale;
  const inner = rings > 1 ? outer * HOLE : outer;
  const center = { x: size.width / 2 + camera.x, y: size.height / 2 + camera.y };
  return { shown, rings, center, outer, inner, dot: dotRadius(outer, inner, rings, members, shown), isLabelled };
}

/** As large as leaves room between circles, and between members on one. */
function dotRadius(outer: number, inner: number, rings: number, members: number, shown: Shown): number {
  const apart = (Math.PI * (outer + (shown === "all" ? inner : outer))) / Math.max(1, members);
  const between = shown === "all" && rings > 1 ? (outer - inner) / (rings - 1) : DOT_MAX * 4;
  return Math.min(DOT_MAX, Math.max(DOT_MIN, Math.min(apart * 0.33, between * 0.4)));
}

export function radiusOf({ shown, rings, outer, inner }: Frame, ring: number): number {
  if (shown !== "all" || rings === 1) return outer;
  return outer - ((outer - inner) * (ring - 1)) / (rings - 1);
}

/** From the top, clockwise. */
export function angleOf(position: number): number {
  return (position / CIRCLE) * 2 * Math.PI - Math.PI / 2;
}

export function pointAt(center: Point, radius: number, angle: number): Point {
  return { x: center.x + radius * Math.cos(angle), y: center.y + radius * Math.sin(angle) };
}

/** A member's dot on a ring. */
export function place(frame: Frame, ring: number, positions: Uint16Array): Point {
  return pointAt(frame.center, radiusOf(frame, ring), angleOf(positions[ring - 1] ?? 0));
}

/** The rings that are drawn. */
export function ringsOf({ shown, rings }: Frame): readonly number[] {
  return shown === "all" ? Array.from({ length: rings }, (_, index) => index + 1) : [shown];
}

/** Zooms such that what is under the pointer stays under it. */
export function zoomed(camera: Camera, size: Size, at: Point, factor: number): Camera {
  const scale = Math.min(SCALE_MAX, Math.max(1, camera.scale * factor));
  if (scale === 1) return WHOLE;
  const ratio = scale / camera.scale;
  const [dx, dy] = [at.x - size.width / 2, at.y - size.height / 2];
  return { scale, x: dx - (dx - camera.x) * ratio, y: dy - (dy - camera.y) * ratio };
}

export function moved(camera: Camera, by: Point): Camera {
  return camera.scale === 1 ? camera : { ...camera, x: camera.x + by.x, y: camera.y + by.y };
}

/** How far from each other two names may be pushed before a line leads from the name to its place. */
export function spread(wanted: readonly number[], gap: number): readonly number[] {
  const count = wanted.length;
  if (count * gap >= 2 * Math.PI || count < 2) return wanted;
  // Cut the circle behind the widest gap: what is before and behind it pushes nobody.
  const first = startOf(wanted);
  const line = Array.from({ length: count }, (_, step) => {
    const index = (first + step) % count;
    return wanted[index]! + (index < first ? 2 * Math.PI : 0);
  });
  const placed = pushedApart(line, gap);
  const result = new Array<number>(count);
  for (let step = 0; step < count; step++) result[(first + step) % count] = placed[step]!;
  return result;
}

function startOf(sorted: readonly number[]): number {
  let [first, widest] = [0, 0];
  for (const [index, angle] of sorted.entries()) {
    const before = sorted[index - 1] ?? sorted.at(-1)! - 2 * Math.PI;
    if (angle - before > widest) [first, widest] = [index, angle - before];
  }
  return first;
}

/** Runs of names that touch are centred on the mean of what they want. */
function pushedApart(line: readonly number[], gap: number): number[] {
  const runs: { sum: number; count: number }[] = [];
  const beginOf = ({ sum, count }: { sum: number; count: number }) => sum / count - ((count - 1) * gap) / 2;
  for (const angle of line) {
    let run = { sum: angle, count: 1 };
    for (let last = runs.at(-1); last !== undefined; last = runs.at(-1)) {
      if (beginOf(last) + last.count * gap <= beginOf(run)) break;
      run = { sum: last.sum + run.sum, count: last.count + run.count };
      runs.pop();
    }
    runs.push(run);
  }
  return runs.flatMap((run) => Array.from({ length: run.count }, (_, index) => beginOf(run) + index * gap));
}
