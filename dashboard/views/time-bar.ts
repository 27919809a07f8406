/** The bar of time beneath every page: what happened when, which instant is shown, play and pause. */
import type { Model } from "../app/model.js";
import { button, fill, h } from "../dom/element.js";
import { clock, instant, position } from "../dom/words.js";
import type { Palette } from "../draw/palette.js";
import { Surface } from "../draw/surface.js";
import { binsOf } from "../world/bins.js";
import { SPEEDS, stepped } from "../world/playhead.js";
import { icon } from "./icon.js";
import { Keyed, type View } from "./view.js";

/** Steps of the slider: an hour in a second and a half each. */
const STEPS = 2_400;
const BIN_PIXELS = 3;

export function timeBar(model: Model, paletteOf: () => Palette): View {
  const play = button("", () => model.toggle(), { class: "play" });
  const step = (direction: 1 | -1) => () => {
    const moments = (model.timeline?.changes ?? []).map(({ at }) => at);
    model.seek(stepped(model.now, direction, moments));
  };
  const live = button("Live", () => model.follow(), { class: "live" });
  const speed = h(
    "select",
    { "aria-label": "Speed" },
    ...SPEEDS.map((each) => h("option", { value: each }, `${each}×`)),
  );
  speed.addEventListener("change", () => model.chooseSpeed(Number(speed.value)));
  const slider = h("input", { type: "range", min: 0, max: STEPS, step: 1, "aria-label": "Instant" });
  slider.addEventListener("input", () => {
    const { start, end } = model.extent;
    model.seek(Number(slider.value) === STEPS ? end : start + ((end - start) * Number(slider.value)) / STEPS);
  });
  const strip = h("canvas", { class: "strip", "aria-hidden": "true" });
  const surface = new Surface(strip);
  const label = h("output", { class: "when" });
  const keyed = new Keyed();
  const playing = new Keyed();
  return {
    element: h(
      "footer",
      { class: "time", "aria-label": "Time" },
      h(
        "div",
        { class: "buttons", role: "group", "aria-label": "Playing" },
        button(icon("before"), step(-1), { "aria-label": "To the event before" }),
        play,
        button(icon("next"), step(1), { "aria-label": "To the next event" }),
        speed,
      ),
      h("div", { class: "track" }, strip, slider),
      label,
      live,
    ),
    update() {
      const { extent, now, playhead } = model;
      const length = Math.max(1, extent.end - extent.start);
      const value = String(playhead.mode === "live" ? STEPS : Math.round(((now - extent.start) / length) * STEPS));
      if (slider.value !== value) slider.value = value;
      slider.setAttribute("aria-valuetext", instant(now));
      const isPlaying = playhead.mode !== "paused";
      if (playing.changed(isPlaying)) fill(play, icon(isPlaying ? "pause" : "play"));
      play.setAttribute("aria-label", isPlaying ? "Pause" : "Play");
      speed.value = String(model.speed);
      live.hidden = !extent.isLive;
      live.setAttribute("aria-pressed", String(playhead.mode === "live"));
      fill(label, h("b", {}, clock(now)), h("span", {}, words(model)));
      drawStrip(model, surface, paletteOf(), keyed);
    },
  };
}

function words({ extent, now, playhead }: Model): string {
  if (!extent.isLive) return `${position(now - extent.start)} of ${position(extent.end - extent.start)}`;
  return playhead.mode === "live" ? "now" : position(now - extent.end);
}

/** How much happened when: beneath the slider, by what it was. */
function drawStrip(model: Model, surface: Surface, palette: Palette, keyed: Keyed): void {
  const { timeline, extent, now } = model;
  const { clientWidth: width, clientHeight: height } = surface.canvas;
  if (timeline === undefined || width === 0) return;
  const key = [
    timeline.changes.length,
    timeline.end,
    Math.floor(extent.end / 1_000),
    Math.round(now / 500),
    width,
    palette.live,
    palette.ground,
  ];
  if (!surface.fit({ width, height }) && !keyed.changed(...key)) return;
  surface.clear();
  const { context } = surface;
  const bins = binsOf(timeline.changes, extent, Math.floor(width / BIN_PIXELS));
  const most = Math.max(4, ...bins.map((bin) => bin.bad + bin.good + bin.gone));
  const shown = ((now - extent.start) / Math.max(1, extent.end - extent.start)) * width;
  for (const [index, { bad, good, gone }] of bins.entries()) {
    let y = height;
    const x = index * BIN_PIXELS;
    context.globalAlpha = x > shown ? 0.35 : 1;
    for (const [count, colour] of [
      [bad, palette.accused],
      [gone, palette.gone],
      [good, palette.live],
    ] as const) {
      if (count === 0) continue;
      const tall = Math.max(2, (Math.sqrt(count / most) * height * count) / Math.max(1, bad + good + gone));
      context.fillStyle = colour;
      context.fillRect(x, y - tall, BIN_PIXELS - 1, tall);
      y -= tall;
    }
  }
  context.globalAlpha = 1;
}
