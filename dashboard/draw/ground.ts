/** What seldom changes in the picture: the circles, the members that are live on them, and names around them. */
import { nameOr } from "../dom/words.js";
import type { MemberNow, World } from "../world/world.js";
import { isThere } from "../world/world.js";
import { angleOf, type Frame, LABEL_GAP, place, pointAt, radiusOf, ringsOf, spread } from "./layout.js";
import type { Palette } from "./palette.js";
import type { Surface } from "./surface.js";

/** Below this radius a square looks like a dot, and costs a tenth. */
const SQUARE_RADIUS = 1.7;
const NAME_CHARACTERS = 14;
const LABEL_FONT = 11;

export function drawGround(surface: Surface, frame: Frame, world: World, palette: Palette): void {
  surface.clear();
  drawCircles(surface.context, frame, palette);
  drawDots(surface, frame, world, palette);
  if (frame.isLabelled) drawNames(surface.context, frame, world, palette);
}

function drawCircles(context: CanvasRenderingContext2D, frame: Frame, palette: Palette): void {
  context.strokeStyle = palette.line;
  context.lineWidth = frame.shown === "all" ? 1 : 1.5;
  for (const ring of ringsOf(frame)) {
    context.beginPath();
    context.arc(frame.center.x, frame.center.y, radiusOf(frame, ring), 0, 2 * Math.PI);
    context.stroke();
  }
}

function drawDots(surface: Surface, frame: Frame, world: World, palette: Palette): void {
  const { context, size } = surface;
  const draw = frame.dot < SQUARE_RADIUS ? squares(context, frame.dot, palette) : sprites(context, frame.dot, palette);
  for (const member of world.members.values()) {
    if (!isThere(member)) continue; // Who is in doubt has a mark over it, which changes more often.
    for (const ring of ringsOf(frame)) {
      const { x, y } = place(frame, ring, member.record.positions);
      if (x > -10 && y > -10 && x < size.width + 10 && y < size.height + 10) draw(x, y);
    }
  }
}

type Stamp = (x: number, y: number) => void;

function squares(context: CanvasRenderingContext2D, dot: number, palette: Palette): Stamp {
  context.fillStyle = palette.live;
  const side = 2 * dot;
  return (x, y) => context.fillRect(x - dot, y - dot, side, side);
}

/** One dot, drawn once and copied: a soft light around it where there is room. */
function sprites(context: CanvasRenderingContext2D, dot: number, palette: Palette): Stamp {
  const halo = dot * 2.4;
  const density = 2;
  const sprite = document.createElement("canvas");
  sprite.width = Math.ceil(2 * halo * density);
  sprite.height = sprite.width;
  const pen = sprite.getContext("2d");
  if (pen === null) return () => undefined;
  pen.scale(density, density);
  const light = pen.createRadialGradient(halo, halo, dot * 0.6, halo, halo, halo);
  light.addColorStop(0, palette.glow);
  light.addColorStop(1, `rgb(from ${palette.glow} r g b / 0)`);
  pen.fillStyle = light;
  pen.fillRect(0, 0, 2 * halo, 2 * halo);
  pen.fillStyle = palette.live;
  pen.beginPath();
  pen.arc(halo, halo, dot, 0, 2 * Math.PI);
  pen.fill();
  return (x, y) => context.drawImage(sprite, x - halo, y - halo, 2 * halo, 2 * halo);
}

/** Around the outermost circle, each beside its member, pushed apart where they would touch. */
function drawNames(context: CanvasRenderingContext2D, frame: Frame, world: World, palette: Palette): void {
  const ring = frame.shown === "all" ? 1 : frame.shown;
  const there = [...world.members.values()].filter(isThere).sort((a, b) => at(a, ring) - at(b, ring));
  const wanted = there.map((member) => angleOf(at(member, ring)));
  const radius = radiusOf(frame, ring);
  const angles = spread(wanted, LABEL_GAP / radius);
  context.font = `${LABEL_FONT}px ${palette.font}`;
  context.textBaseline = "middle";
  for (const [index, member] of there.entries()) {
    const isSelf = member.record.id === world.self;
    drawName(context, frame, radius, wanted[index]!, angles[index]!, nameOf(member), isSelf, palette);
  }
}

function at({ record }: MemberNow, ring: number): number {
  return record.positions[ring - 1] ?? 0;
}

function nameOf({ record }: MemberNow): string {
  const name = nameOr(record.name, record.id);
  return name.length > NAME_CHARACTERS ? `${name.slice(0, NAME_CHARACTERS - 1)}…` : name;
}

function drawName(
  context: CanvasRenderingContext2D,
  frame: Frame,
  radius: number,
  wanted: number,
  angle: number,
  name: string,
  isSelf: boolean,
  palette: Palette,
): void {
  const gap = frame.dot + 5;
  const [from, to] = [pointAt(frame.center, radius + gap, wanted), pointAt(frame.center, radius + gap + 7, angle)];
  context.strokeStyle = palette.line;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(from.x, from.y);
  context.lineTo(to.x, to.y);
  context.stroke();
  const isLeft = Math.cos(angle) < 0;
  context.save();
  context.translate(to.x, to.y);
  context.rotate(isLeft ? angle + Math.PI : angle);
  context.textAlign = isLeft ? "right" : "left";
  context.fillStyle = isSelf ? palette.ink : palette.quiet;
  context.fillText(name, isLeft ? -3 : 3, 0);
  context.restore();
}
