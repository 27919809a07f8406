/** Traffic over time: messages, bytes, streams and how late the loop is, by uPlot. */
import uPlot from "uplot";
import type { Model } from "../app/model.js";
import { fill, h } from "../dom/element.js";
import { bytes, clock, figure } from "../dom/words.js";
import type { Palette } from "../draw/palette.js";
import { ratesOf, type Series } from "../world/rates.js";
import { Keyed, type View } from "./view.js";

const CHART_HEIGHT = 180;
const AXIS_WIDTH = 64;

interface Chart {
  readonly title: string;
  readonly unit: (value: number) => string;
  readonly lines: readonly (readonly [keyof Series, string, keyof Palette, readonly number[]])[];
}

/** Lines differ in their dashes as well as in colour. */
const CHARTS: readonly Chart[] = [
  {
    title: "Messages per second",
    unit: figure,
    lines: [
      ["messagesIn", "in", "live", []],
      ["messagesOut", "out", "suspected", [6, 4]],
    ],
  },
  {
    title: "Bytes per second",
    unit: bytes,
    lines: [
      ["bytesIn", "in", "live", []],
      ["bytesOut", "out", "suspected", [6, 4]],
    ],
  },
  { title: "Open streams", unit: figure, lines: [["streams", "streams", "rebutted", []]] },
  { title: "Delay of the event loop", unit: (ms) => `${figure(ms)} ms`, lines: [["lagMs", "delay", "accused", []]] },
];

export function trafficView(model: Model, paletteOf: () => Palette): View {
  const places = CHARTS.map((chart) => ({
    chart,
    place: h("div", { class: "plot" }),
    values: h("p", { class: "values" }),
  }));
  const plots = new Map<Chart, uPlot>();
  const keyed = new Keyed();
  const looks = new Keyed();
  const nothing = h("p", { class: "nothing" }, "No figures have come yet; the member tells them every two seconds.");
  const element = h(
    "div",
    { class: "traffic page narrow" },
    h("h1", {}, "Traffic of this member"),
    nothing,
    h(
      "div",
      { class: "plots" },
      ...places.map(({ chart, place, values }) =>
        h("section", { class: "card", "aria-label": chart.title }, h("h2", {}, chart.title), values, place),
      ),
    ),
  );
  return {
    element,
    update() {
      const { timeline, now, extent } = model;
      if (timeline === undefined || element.clientWidth === 0) return;
      const palette = paletteOf();
      const width = Math.floor(places[0]?.place.clientWidth ?? 0);
      const isNew = looks.changed(width, palette.ground, palette.font);
      if (
        !keyed.changed(
          timeline.figures.length,
          timeline.figures.at(-1)?.at,
          Math.floor(now / 1_000),
          timeline.number,
        ) &&
        !isNew
      )
        return;
      const series = ratesOf(timeline.figures, extent.start, now);
      nothing.hidden = series.at.length > 0;
      for (const { chart, place, values } of places) {
        if (isNew) {
          plots.get(chart)?.destroy();
          plots.set(chart, new uPlot(optionsOf(chart, width, palette), dataOf(chart, series), place));
        } else plots.get(chart)?.setData(dataOf(chart, series));
        fill(values, ...chart.lines.map((line) => lastValue(line, series, chart.unit)));
      }
    },
  };
}

function dataOf({ lines }: Chart, series: Series): uPlot.AlignedData {
  return [[...series.at], ...lines.map(([key]) => [...series[key]])];
}

/** The last value, with a piece of its line. */
function lastValue(
  [key, name, colour, dash]: Chart["lines"][number],
  series: Series,
  unit: Chart["unit"],
): HTMLElement {
  const sample = h("i", { class: `sample ${colour} ${dash.length > 0 ? "dashed" : ""}`, "aria-hidden": "true" });
  return h("span", {}, sample, `${name} `, h("b", {}, lastOf(series[key], unit)));
}

function lastOf(values: readonly (number | null)[], unit: (value: number) => string): string {
  const last = values.at(-1);
  return last === undefined || last === null ? "–" : unit(last);
}

function optionsOf({ unit, lines }: Chart, width: number, palette: Palette): uPlot.Options {
  const axis = {
    stroke: palette.quiet,
    grid: { stroke: palette.line, width: 1 },
    ticks: { stroke: palette.line, width: 1 },
    font: `11px ${palette.font}`,
  };
  return {
    ...{ width, height: CHART_HEIGHT, legend: { show: false }, cursor: { drag: { x: false, y: false } } },
    scales: { y: { range: (_, __, most) => [0, Math.max(1, most * 1.1)] } },
    axes: [
      { ...axis, values: (_, splits) => splits.map((each) => clock(each * 1_000)), space: 80, size: 30 },
      { ...axis, values: (_, splits) => splits.map(unit), size: AXIS_WIDTH },
    ],
    series: [
      {},
      ...lines.map(([, label, colour, dash]) => ({
        ...{ label, stroke: palette[colour], width: 1.8, dash: [...dash], points: { show: false }, spanGaps: false },
        ...(dash.length === 0 ? { fill: `color-mix(in srgb, ${palette[colour]} 14%, transparent)` } : {}),
      })),
    ],
  };
}
