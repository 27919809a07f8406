/** The page of the rings: the picture, with pointer, wheel and keys, and what belongs beside it. */

import type { Model } from "../app/model.js";
import { go } from "../app/navigation.js";
import { hashOf } from "../app/routes.js";
import { isCalm } from "../app/theme.js";
import { button, fill, h, say } from "../dom/element.js";
import { counted } from "../dom/words.js";
import { type Camera, moved, type Point, type Shown, WHOLE, zoomed } from "../draw/layout.js";
import { MARK_WORDS } from "../draw/marks.js";
import type { Palette } from "../draw/palette.js";
import { type Hit, hitAt, Picture } from "../draw/picture.js";
import { neighboursOf } from "../world/neighbours.js";
import { countsOf } from "../world/world.js";
import { glyph } from "./glyph.js";
import { icon } from "./icon.js";
import { memberCard } from "./member-card.js";
import { networkCard } from "./network-card.js";
import { card, eventLine, Keyed, type View } from "./view.js";

const ZOOM_STEP = 1.35;
const WHEEL_STEP = 0.0016;
const RECENT_SHOWN = 9;
const LEGEND = ["live", "self", "suspected", "accused", "rebutted", "failed", "left", "revoked"] as const;

export function ringsView(model: Model, paletteOf: () => Palette): View {
  const picture = new Picture();
  const parts = [ringChooser(model), networkCard(model), memberCard(model), recentCard(model)] as const;
  const [chooser, network, chosen, recent] = parts;
  const tip = h("div", { class: "tip", hidden: true });
  const spoken = h("p", { class: "unseen", "aria-live": "polite" });
  const stage = h(
    "section",
    { class: "stage", "aria-label": "The rings" },
    chooser.element,
    picture.element,
    tip,
    zoomButtons(model, picture),
    legend(),
    spoken,
  );
  const element = h(
    "div",
    { class: "rings page" },
    h("h1", { class: "unseen" }, "Rings"),
    stage,
    h("aside", { class: "beside", "aria-label": "Beside the rings" }, network.element, chosen.element, recent.element),
  );
  usePointer(model, picture, tip);
  useKeys(model, picture, spoken);
  return {
    element,
    update() {
      for (const part of parts) part.update();
      describe(model, picture.canvas);
    },
    frame() {
      const { timeline, now, shown, camera, selected, hovered, pace } = model;
      if (timeline === undefined) return false;
      const look = { shown, camera, selected, hovered, speed: pace, isCalm: isCalm() };
      return picture.draw(timeline, now, look, paletteOf());
    },
  };
}

function describe(model: Model, canvas: HTMLCanvasElement): void {
  const { world } = model;
  if (world === undefined) return;
  const { live, doubted, gone } = countsOf(world);
  const what = model.shown === "all" ? counted(world.rings, "ring") : `ring ${model.shown} of ${world.rings}`;
  const words = `${what} with ${counted(live, "live member")}, ${doubted} in doubt, ${gone} gone. Arrow keys go from member to member and from ring to ring.`;
  if (canvas.getAttribute("aria-label") !== words) canvas.setAttribute("aria-label", words);
}

function ringChooser(model: Model): View {
  const all = button("All rings", () => model.set({ shown: "all", camera: WHOLE }));
  const one = button("One ring", () =>
    model.set({ shown: typeof model.shown === "number" ? model.shown : 1, camera: WHOLE }),
  );
  const select = h("select", { "aria-label": "Which ring" });
  select.addEventListener("change", () => model.set({ shown: Number(select.value), camera: WHOLE }));
  const keyed = new Keyed();
  return {
    element: h("div", { class: "chooser", role: "group", "aria-label": "Which rings are shown" }, all, one, select),
    update() {
      if (!keyed.changed(model.rings, model.shown)) return;
      if (select.options.length !== model.rings) {
        fill(
          select,
          ...Array.from({ length: model.rings }, (_, ring) => h("option", { value: ring + 1 }, `ring ${ring + 1}`)),
        );
      }
      all.setAttribute("aria-pressed", String(model.shown === "all"));
      one.setAttribute("aria-pressed", String(model.shown !== "all"));
      select.hidden = model.shown === "all";
      if (model.shown !== "all") select.value = String(model.shown);
    },
  };
}

/** To the next ring, or the one before; all rings are between the last and the first. */
export function turnedRing(shown: Shown, rings: number, direction: 1 | -1): Shown {
  const next = ((shown === "all" ? 0 : shown) + direction + rings + 1) % (rings + 1);
  return next === 0 ? "all" : next;
}

function zoomButtons(model: Model, picture: Picture): HTMLElement {
  const zoom = (factor: number) => () => model.set({ camera: zoomedAtMiddle(model.camera, picture, factor) });
  return h(
    "div",
    { class: "zoom", role: "group", "aria-label": "Zoom" },
    button(icon("closer"), zoom(ZOOM_STEP), { "aria-label": "Zoom in" }),
    button(icon("farther"), zoom(1 / ZOOM_STEP), { "aria-label": "Zoom out" }),
    button(icon("whole"), () => model.set({ camera: WHOLE }), { "aria-label": "Show everything" }),
  );
}

function zoomedAtMiddle(camera: Camera, picture: Picture, factor: number): Camera {
  const { clientWidth: width, clientHeight: height } = picture.element;
  return zoomed(camera, { width, height }, { x: width / 2, y: height / 2 }, factor);
}

function legend(): HTMLElement {
  const items = LEGEND.map((mark) => h("li", {}, glyph(mark), MARK_WORDS[mark]));
  return h("ul", { class: "legend", "aria-label": "What the shapes mean" }, ...items);
}

function recentCard(model: Model): View {
  const items = h("ol", { class: "events" });
  const element = card("Just now", items, h("a", { class: "more", href: hashOf({ page: "events" }) }, "All events"));
  element.classList.add("recent");
  const keyed = new Keyed();
  return {
    element,
    update() {
      const { timeline, now } = model;
      if (timeline === undefined || !keyed.changed(timeline.revisionAt(now), model.source, timeline.number)) return;
      const recent = timeline.between(0, now, RECENT_SHOWN).toReversed();
      const lines = recent.map((event) => eventLine(model, event));
      fill(items, ...(lines.length > 0 ? lines : [h("li", { class: "nothing" }, "Nothing has happened yet.")]));
    },
  };
}

/** Pointer, wheel and fingers. */
function usePointer(model: Model, picture: Picture, tip: HTMLElement): void {
  const { canvas, element } = picture;
  const held = new Map<number, Point>();
  let isDragged = false;
  const at = (event: MouseEvent): Point => {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const size = () => ({ width: element.clientWidth, height: element.clientHeight });
  canvas.addEventListener("pointerdown", (event) => {
    held.set(event.pointerId, at(event));
    isDragged = false;
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const [from, to] = [held.get(event.pointerId), at(event)];
    if (from === undefined) return hover(model, picture, tip, to);
    const others = [...held].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
    held.set(event.pointerId, to);
    isDragged ||= Math.hypot(to.x - from.x, to.y - from.y) > 2;
    const other = others[0];
    const camera =
      other === undefined
        ? moved(model.camera, { x: to.x - from.x, y: to.y - from.y })
        : zoomed(model.camera, size(), other, apart(to, other) / Math.max(1, apart(from, other)));
    model.set({ camera });
  });
  const release = (event: PointerEvent) => void held.delete(event.pointerId);
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => {
    tip.hidden = true;
    if (model.hovered !== "") model.set({ hovered: "" });
  });
  canvas.addEventListener("click", (event) => {
    if (!isDragged) model.set({ selected: hit(model, picture, at(event))?.member.record.id ?? "" });
  });
  canvas.addEventListener("dblclick", () => {
    if (model.selected !== "") go({ page: "member", id: model.selected });
  });
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      model.set({ camera: zoomed(model.camera, size(), at(event), Math.exp(-event.deltaY * WHEEL_STEP)) });
    },
    { passive: false },
  );
}

function apart(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

function hit(model: Model, { frame }: Picture, at: Point): Hit | undefined {
  const { world } = model;
  return world === undefined || frame === undefined ? undefined : hitAt(world, frame, at, model.now);
}

function hover(model: Model, picture: Picture, tip: HTMLElement, at: Point): void {
  const found = hit(model, picture, at);
  tip.hidden = found === undefined;
  const id = found?.member.record.id ?? "";
  if (id !== model.hovered) model.set({ hovered: id });
  if (found === undefined) return;
  const { state } = found.member;
  fill(tip, h("b", {}, h("bdi", {}, model.nameOf(id))), h("span", {}, `${state}, ring ${found.ring}`));
  const isRight = at.x > picture.element.clientWidth * 0.6;
  tip.style.left = `${at.x + (isRight ? -14 : 14)}px`;
  tip.style.top = `${at.y + picture.element.offsetTop - 10}px`;
  tip.classList.toggle("left", isRight);
}

/** Along a ring and from ring to ring. */
function useKeys(model: Model, picture: Picture, spoken: HTMLElement): void {
  const { canvas } = picture;
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-roledescription", "picture of rings");
  canvas.setAttribute("aria-label", "The rings");
  const tell = () => {
    const member = model.member(model.selected);
    if (member !== undefined)
      say(
        spoken,
        `${model.nameOf(model.selected)}, ${member.state}, on ${model.shown === "all" ? "all rings" : `ring ${model.shown}`}`,
      );
  };
  const turn = (direction: 1 | -1) => {
    model.set({ selected: nextOnRing(model, direction) });
    tell();
  };
  const change = (direction: 1 | -1) => {
    model.set({ shown: turnedRing(model.shown, model.rings, direction), camera: WHOLE });
    tell();
  };
  const acts: Readonly<Record<string, () => void>> = {
    ArrowRight: () => turn(1),
    ArrowLeft: () => turn(-1),
    ArrowUp: () => change(1),
    ArrowDown: () => change(-1),
    Enter: () => {
      if (model.selected !== "") go({ page: "member", id: model.selected });
    },
    Escape: () => model.set({ selected: "" }),
    "+": () => model.set({ camera: zoomedAtMiddle(model.camera, picture, ZOOM_STEP) }),
    "-": () => model.set({ camera: zoomedAtMiddle(model.camera, picture, 1 / ZOOM_STEP) }),
    "0": () => model.set({ camera: WHOLE }),
  };
  canvas.addEventListener("keydown", (event) => {
    const act = event.ctrlKey || event.metaKey || event.altKey ? undefined : acts[event.key];
    if (act === undefined) return;
    event.preventDefault();
    act();
  });
}

/** The neighbour on the ring that is shown; ring 1 when all are. At first the member itself. */
function nextOnRing(model: Model, direction: 1 | -1): string {
  const { world } = model;
  if (world === undefined) return "";
  if (!world.members.has(model.selected)) return world.self;
  const ring = model.shown === "all" ? 1 : model.shown;
  const found = neighboursOf(world, model.selected)[ring - 1];
  return (direction > 0 ? found?.successor : found?.predecessor) || model.selected;
}
