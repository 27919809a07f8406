/** What moves in the picture: marks, accusations that stand, effects, and the member that the reader looks at. */
import { counted } from "../dom/words.js";
import type { Effect } from "../world/effects.js";
import type { Neighbours } from "../world/neighbours.js";
import { type Accusation, countsOf, type Mark, type MemberNow, type World } from "../world/world.js";
import { angleOf, type Frame, type Point, place, pointAt, radiusOf, ringsOf } from "./layout.js";
import { drawMark } from "./marks.js";
import type { Palette } from "./palette.js";
import type { Surface } from "./surface.js";

export interface Scene {
  readonly world: World;
  /** Unix ms, of the feed. */
  readonly now: number;
  readonly effects: readonly Effect[];
  readonly selected: string;
  readonly hovered: string;
  /** Of the selected member. */
  readonly neighbours: readonly Neighbours[];
  readonly isCalm: boolean;
}

/** How long who is gone is still drawn: so that one sees who it was. */
export const GONE_SHOWN_MS = 90_000;
/** How long a rebuttal is marked. */
export const REBUTTED_SHOWN_MS = 6_000;
const MARK_MIN = 4;
const PULSE_RADIUS = 26;
/** Effects at once, from which on there are enough of them to look at. */
const CROWD = 8;
/** Of the innermost circle's radius, on either side of the middle. */
const WORDS_WIDTH = 0.85;

export function drawOverlay(
  { context, clear }: Pick<Surface, "context" | "clear">,
  frame: Frame,
  scene: Scene,
  palette: Palette,
): void {
  clear();
  const pen: Pen = { context, frame, scene, palette, isCrowded: scene.effects.length > CROWD };
  drawSelected(pen);
  if (frame.shown === "all") drawMiddle(pen);
  const notable = [...scene.world.members.values()].flatMap((member) => {
    const mark = markOf(member, scene);
    return mark === undefined ? [] : [{ member, mark }];
  });
  for (const { member } of notable) drawAccusations(pen, member);
  const newest = new Map(scene.effects.map((effect, index) => [effect.to, index]));
  for (const [index, effect] of scene.effects.entries()) drawEffect(pen, effect, newest.get(effect.to) === index);
  for (const { member, mark } of notable) drawMarks(pen, member, mark);
  const hovered = scene.world.members.get(scene.hovered);
  if (hovered !== undefined) drawHalo(pen, hovered, palette.ink);
}

interface Pen {
  readonly context: CanvasRenderingContext2D;
  readonly frame: Frame;
  readonly scene: Scene;
  readonly palette: Palette;
  /** So much happens that comings and goings have no circles of their own. */
  readonly isCrowded: boolean;
}

function markOf(member: MemberNow, { world, now }: Scene): Mark | undefined {
  const { phase, since, rebuttedAt } = member;
  if (phase === "suspected" || phase === "accused") return phase;
  if (phase !== "live") return now - since < GONE_SHOWN_MS ? phase : undefined;
  if (rebuttedAt !== undefined && now - rebuttedAt < REBUTTED_SHOWN_MS) return "rebutted";
  return member.record.id === world.self ? "self" : undefined;
}

function drawMiddle({ context, frame, scene, palette }: Pen): void {
  const { center, inner } = frame;
  const { there, doubted } = countsOf(scene.world);
  const size = Math.min(64, inner * 0.42);
  if (size < 16) return;
  context.textAlign = "center";
  context.textBaseline = "alphabetic";
  context.fillStyle = palette.ink;
  context.font = `600 ${size}px ${palette.font}`;
  context.fillText(String(there), center.x, center.y + size * 0.2);
  const small = Math.max(11, size * 0.24);
  context.font = `${small}px ${palette.font}`;
  context.fillStyle = palette.quiet;
  const one = there === 1 ? "member" : "members";
  const words = `${one} on ${counted(scene.world.rings, "ring")}`;
  const isRoom = context.measureText(words).width <= 2 * inner * WORDS_WIDTH;
  context.fillText(isRoom ? words : one, center.x, center.y + size * 0.2 + small * 1.7);
  if (doubted === 0) return;
  context.fillStyle = palette.accused;
  context.fillText(`${doubted} in doubt`, center.x, center.y + size * 0.2 + small * 3.2);
}

function drawMarks({ context, frame, scene, palette }: Pen, member: MemberNow, mark: Mark): void {
  const size = Math.max(MARK_MIN, Math.min(9, frame.dot * 1.25));
  const age = scene.now - member.since;
  const isGone = mark === "failed" || mark === "left" || mark === "revoked";
  context.globalAlpha = isGone ? Math.max(0.25, 1 - age / GONE_SHOWN_MS) : 1;
  for (const ring of ringsOf(frame)) {
    const at = place(frame, ring, member.record.positions);
    if (isMarkedOn(member, mark, ring, frame)) drawMark(context, mark, at, size, palette);
    else if (mark === "accused") drawDot(context, at, frame.dot + 0.8, palette.suspected);
  }
  context.globalAlpha = 1;
}

/** With all rings shown, an accusation and its answer belong to the ring on which they were said. */
function isMarkedOn({ accusations, answered }: MemberNow, mark: Mark, ring: number, { shown }: Frame): boolean {
  if (shown !== "all" || (mark !== "accused" && mark !== "rebutted")) return true;
  return (mark === "accused" ? accusations : answered).some((each) => each.ring === ring || each.ring === 0);
}

function drawDot(context: CanvasRenderingContext2D, { x, y }: Point, radius: number, colour: string): void {
  context.fillStyle = colour;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

/** That stand, thin; those that were just answered, in the colour of the answer. */
function drawAccusations(pen: Pen, member: MemberNow): void {
  const { scene, palette } = pen;
  if (member.phase === "accused") {
    for (const each of member.accusations) drawArc(pen, each, member, palette.accused, 0.55, 0, 1);
  }
  const { rebuttedAt } = member;
  if (rebuttedAt === undefined || member.phase !== "live") return;
  const progress = (scene.now - rebuttedAt) / REBUTTED_SHOWN_MS;
  if (progress < 0 || progress >= 1) return;
  for (const each of member.answered) drawArc(pen, each, member, palette.rebutted, 1 - progress ** 2, 0, 1);
}

/** From the accuser to the accused, from one share of the way to another one. */
function drawArc(
  pen: Pen,
  { by, ring }: Pick<Accusation, "by" | "ring">,
  accused: MemberNow,
  colour: string,
  alpha: number,
  from: number,
  to: number,
): void {
  const accuser = pen.scene.world.members.get(by);
  if (accuser === undefined || to <= from) return;
  const { context } = pen;
  context.globalAlpha = alpha;
  context.strokeStyle = colour;
  context.lineWidth = 1.8;
  context.lineCap = "round";
  const points = wayOf(pen.frame, ring, accuser, accused);
  context.beginPath();
  const [first, last] = [Math.round(from * (points.length - 1)), Math.round(to * (points.length - 1))];
  for (let index = first; index <= last; index++) context.lineTo(points[index]!.x, points[index]!.y);
  context.stroke();
  context.globalAlpha = 1;
}

const STEPS = 32;
const BEND = 0.7;

/** Along the ring on which it was said; with a single ring shown, what was said on another one crosses the circle. */
function wayOf(frame: Frame, ring: number, accuser: MemberNow, accused: MemberNow): readonly Point[] {
  if (frame.shown === "all") return alongRing(frame, Math.max(1, ring), accuser, accused);
  return acrossCircle(frame, frame.shown, accuser, accused);
}

function alongRing(frame: Frame, ring: number, accuser: MemberNow, accused: MemberNow): readonly Point[] {
  const from = angleOf(accuser.record.positions[ring - 1] ?? 0);
  let turn = angleOf(accused.record.positions[ring - 1] ?? 0) - from;
  if (turn < 0) turn += 2 * Math.PI; // A monitor stands before whom it accuses.
  if (turn > Math.PI) turn -= 2 * Math.PI;
  const radius = radiusOf(frame, ring);
  return Array.from({ length: STEPS + 1 }, (_, step) => {
    const angle = from + (turn * step) / STEPS;
    return { x: frame.center.x + radius * Math.cos(angle), y: frame.center.y + radius * Math.sin(angle) };
  });
}

function acrossCircle(frame: Frame, ring: number, accuser: MemberNow, accused: MemberNow): readonly Point[] {
  const [a, b] = [place(frame, ring, accuser.record.positions), place(frame, ring, accused.record.positions)];
  // Between neighbours it bends a little, across the circle towards its middle.
  const bend = BEND * Math.min(1, Math.hypot(a.x - b.x, a.y - b.y) / frame.outer);
  const control = {
    x: (a.x + b.x) / 2 + (frame.center.x - (a.x + b.x) / 2) * bend,
    y: (a.y + b.y) / 2 + (frame.center.y - (a.y + b.y) / 2) * bend,
  };
  return Array.from({ length: STEPS + 1 }, (_, step) => {
    const t = step / STEPS;
    const [u, v, w] = [(1 - t) ** 2, 2 * t * (1 - t), t ** 2];
    return { x: u * a.x + v * control.x + w * b.x, y: u * a.y + v * control.y + w * b.y };
  });
}

function eased(progress: number): number {
  return 1 - (1 - progress) ** 3;
}

/** Of several effects on one member at once, the newest alone has a pulse. */
function drawEffect(pen: Pen, effect: Effect, isNewest: boolean): void {
  const { scene, palette } = pen;
  const about = scene.world.members.get(effect.to);
  if (about === undefined) return;
  const colour = colourOfEffect(effect, palette);
  if (effect.kind === "accusation" || effect.kind === "summons" || effect.kind === "miss") {
    const head = scene.isCalm ? 1 : Math.min(1, effect.progress * 3);
    const [tail, alpha] = [effect.kind === "accusation" ? 0 : Math.max(0, head - 0.25), 1 - effect.progress * 0.5];
    drawArc(pen, { by: effect.from, ring: effect.ring ?? 1 }, about, colour, alpha, tail, eased(head));
  }
  if (isNewest && !scene.isCalm) drawPulses(pen, about, effect, colour);
}

function colourOfEffect({ kind }: Effect, palette: Palette): string {
  if (kind === "accusation") return palette.accused;
  if (kind === "rebuttal" || kind === "arrival") return kind === "arrival" ? palette.live : palette.rebutted;
  return kind === "removal" || kind === "leaving" ? palette.gone : palette.suspected;
}

/** A circle that grows and fades: on the ring in question, or wherever the member stands. */
function drawPulses(pen: Pen, member: MemberNow, { kind, ring, progress }: Effect, colour: string): void {
  const { context, frame } = pen;
  if (kind === "miss" || (pen.isCrowded && (kind === "arrival" || kind === "leaving"))) return;
  const isSaid = kind === "accusation" || kind === "rebuttal" || kind === "suspicion";
  const isOnOne = isSaid && ring !== undefined && frame.shown === "all";
  context.strokeStyle = colour;
  context.globalAlpha = (1 - progress) ** 1.5;
  context.lineWidth = 2.5 * (1 - progress) + 0.5;
  for (const each of isOnOne ? [ring] : ringsOf(frame)) {
    const { x, y } = place(frame, each, member.record.positions);
    context.beginPath();
    context.arc(x, y, frame.dot + PULSE_RADIUS * eased(progress), 0, 2 * Math.PI);
    context.stroke();
  }
  context.globalAlpha = 1;
}

/** Its dots, joined from ring to ring, and its neighbours on each. */
function drawSelected(pen: Pen): void {
  const { frame, scene, palette } = pen;
  const member = scene.world.members.get(scene.selected);
  if (member === undefined) return;
  if (frame.shown === "all") drawThread(pen, member);
  for (const { ring, predecessor, successor } of scene.neighbours) {
    if (frame.shown !== "all" && frame.shown !== ring) {
      drawNeighbour(pen, ring, predecessor, member, [2, 4], 0.5);
      continue;
    }
    drawNeighbour(pen, ring, predecessor, member, [], 0.9);
    drawNeighbour(pen, ring, successor, member, [3, 3], 0.9);
  }
  drawHalo(pen, member, palette.accent);
}

/** From its place on each ring to that on the next, the short way round, so that no line crosses the middle. */
function drawThread({ context, frame, palette }: Pen, { record }: MemberNow): void {
  context.strokeStyle = palette.accent;
  context.globalAlpha = 0.5;
  context.lineWidth = 1.2;
  context.beginPath();
  for (const ring of ringsOf(frame).slice(0, -1)) {
    const from = angleOf(record.positions[ring - 1] ?? 0);
    const turn = shortTurn(angleOf(record.positions[ring] ?? 0) - from);
    const [outer, inner] = [radiusOf(frame, ring), radiusOf(frame, ring + 1)];
    for (let step = 0; step <= STEPS; step++) {
      const share = step / STEPS;
      const { x, y } = pointAt(frame.center, outer + (inner - outer) * share, from + turn * share);
      context.lineTo(x, y);
    }
  }
  context.stroke();
  context.globalAlpha = 1;
}

function shortTurn(turn: number): number {
  if (turn > Math.PI) return turn - 2 * Math.PI;
  return turn < -Math.PI ? turn + 2 * Math.PI : turn;
}

function drawNeighbour(
  pen: Pen,
  ring: number,
  id: string,
  member: MemberNow,
  dashes: readonly number[],
  alpha: number,
): void {
  pen.context.setLineDash([...dashes]);
  drawArc(pen, { by: id, ring }, member, pen.palette.accent, alpha, 0, 1);
  pen.context.setLineDash([]);
}

function drawHalo({ context, frame }: Pen, member: MemberNow, colour: string): void {
  context.strokeStyle = colour;
  context.lineWidth = 2;
  for (const ring of ringsOf(frame)) {
    const { x, y } = place(frame, ring, member.record.positions);
    context.beginPath();
    context.arc(x, y, Math.max(5, frame.dot + 3.5), 0, 2 * Math.PI);
    context.stroke();
  }
}
