/** One shape for each phase of a member, so that nobody has to tell colours apart. */
import type { Mark } from "../world/world.js";
import type { Point } from "./layout.js";
import type { Palette } from "./palette.js";

/** What each mark is called in the legend. */
export const MARK_WORDS: Readonly<Record<Mark | "live", string>> = {
  self: "this member",
  live: "live",
  suspected: "suspected",
  accused: "accused",
  rebutted: "has just rebutted",
  failed: "removed",
  left: "left",
  revoked: "revoked",
};

export function colourOf(mark: Mark | "live", palette: Palette): string {
  if (mark === "failed" || mark === "left") return palette.gone;
  return palette[mark];
}

/** Marks that were drawn before, by shape, size and colours: there may be thousands of them in a frame. */
const stamps = new Map<string, HTMLCanvasElement>();
/** Of sizes and colours: more than there are, unless somebody zooms for a long time. */
const STAMPS_MAX = 64;
const DENSITY = 2;

/** Draws over what is there: the ground shows around it. */
export function drawMark(
  context: CanvasRenderingContext2D,
  mark: Mark,
  at: Point,
  size: number,
  palette: Palette,
): void {
  const key = `${mark} ${size.toFixed(1)} ${palette.ground} ${colourOf(mark, palette)}`;
  const half = Math.ceil(size * 1.6 + 4);
  let stamp = stamps.get(key);
  if (stamp === undefined) {
    if (stamps.size >= STAMPS_MAX) stamps.clear();
    stamp = document.createElement("canvas");
    stamp.width = 2 * half * DENSITY;
    stamp.height = stamp.width;
    const pen = stamp.getContext("2d");
    pen?.scale(DENSITY, DENSITY);
    if (pen) paint(pen, mark, { x: half, y: half }, size, palette);
    stamps.set(key, stamp);
  }
  context.drawImage(stamp, at.x - half, at.y - half, 2 * half, 2 * half);
}

function paint(context: CanvasRenderingContext2D, mark: Mark, at: Point, size: number, palette: Palette) {
  context.lineJoin = "round";
  context.lineCap = "round";
  for (const [style, extra] of [[palette.ground, 3.2] as const, [colourOf(mark, palette), 0] as const]) {
    context.strokeStyle = style;
    context.fillStyle = style;
    context.lineWidth = Math.max(1.6, size * 0.36) + extra;
    trace(context, mark, at, size);
    if (mark === "accused" || mark === "rebutted" || mark === "self") context.fill();
    context.stroke();
  }
}

function trace(context: CanvasRenderingContext2D, mark: Mark, { x, y }: Point, size: number): void {
  context.beginPath();
  switch (mark) {
    case "suspected":
      context.arc(x, y, size, 0, 2 * Math.PI);
      return;
    case "accused":
      polygon(context, x, y + size * 0.18, size * 1.1, 3, -Math.PI / 2);
      return;
    case "rebutted":
      polygon(context, x, y, size * 1.1, 4, -Math.PI / 2);
      return;
    case "failed":
      cross(context, x, y, size * 0.8);
      return;
    case "left":
      polygon(context, x, y, size * 1.1, 4, -Math.PI / 4);
      return;
    case "revoked":
      context.arc(x, y, size, 0, 2 * Math.PI);
      context.moveTo(x - size * 0.7, y + size * 0.7);
      context.lineTo(x + size * 0.7, y - size * 0.7);
      return;
    case "self":
      star(context, x, y, size * 1.35);
      return;
  }
}

function polygon(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  size: number,
  corners: number,
  turn: number,
): void {
  for (let corner = 0; corner < corners; corner++) {
    const angle = turn + (corner * 2 * Math.PI) / corners;
    context.lineTo(x + size * Math.cos(angle), y + size * Math.sin(angle));
  }
  context.closePath();
}

function cross(context: CanvasRenderingContext2D, x: number, y: number, size: number): void {
  context.moveTo(x - size, y - size);
  context.lineTo(x + size, y + size);
  context.moveTo(x + size, y - size);
  context.lineTo(x - size, y + size);
}

function star(context: CanvasRenderingContext2D, x: number, y: number, size: number): void {
  for (let corner = 0; corner < 10; corner++) {
    const angle = (corner * Math.PI) / 5 - Math.PI / 2;
    const radius = corner % 2 === 0 ? size : size * 0.5;
    context.lineTo(x + radius * Math.cos(angle), y + radius * Math.sin(angle));
  }
  context.closePath();
}
