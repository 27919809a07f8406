/** A chart as inline SVG: axes, a quiet grid, marks, and a legend in words. Colours come from the page's style sheet. */
import { escapeHtml } from "./html.js";
import { type Axis, figure, ticks } from "./scale.js";

/** Names of the page's colours: a series keeps its own in every chart. */
export type Colour = "correct" | "byzantine" | "truth" | "good" | "warm" | "violet" | "muted";

type Point = readonly [x: number, y: number];

export type Mark =
  | { readonly kind: "line"; readonly colour: Colour; readonly points: readonly Point[]; readonly dashed?: boolean }
  | {
      readonly kind: "band";
      readonly colour: Colour;
      readonly points: readonly (readonly [x: number, low: number, high: number])[];
    }
  | { readonly kind: "dots"; readonly colour: Colour; readonly points: readonly Point[]; readonly titles?: string[] }
  /** Columns from `from` to `to` on the x axis, from `base` up. */
  | {
      readonly kind: "columns";
      readonly colour: Colour;
      readonly columns: readonly {
        readonly from: number;
        readonly to: number;
        readonly base: number;
        readonly top: number;
        readonly title: string;
      }[];
    }
  /** A stretch of the x axis, shaded. */
  | { readonly kind: "span"; readonly from: number; readonly to: number; readonly title: string }
  /** A moment on the x axis. */
  | { readonly kind: "moment"; readonly at: number; readonly title: string };

export interface Chart {
  readonly title: string;
  /** What to see in it, a sentence or two. */
  readonly caption: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly marks: readonly Mark[];
  readonly legend: readonly { readonly colour: Colour; readonly label: string; readonly dashed?: boolean }[];
  readonly height?: number;
}

const WIDTH = 760;
const HEIGHT = 260;
const MARGIN = { left: 58, right: 26, top: 34, bottom: 40 };
const X_LABELS = 8;
const Y_LABELS = 4;
/** Columns stand this far apart, so that they do not run into one. */
const COLUMN_GAP = 1;

interface Plane {
  readonly height: number;
  x(value: number): number;
  y(value: number): number;
}

export function renderChart(chart: Chart): string {
  const plane = planeOf(chart);
  const marks = chart.marks.map((mark) => renderMark(mark, plane)).join("");
  const label = escapeHtml(`${chart.title}. ${chart.caption}`);
  const svg = `<svg viewBox="0 0 ${WIDTH} ${plane.height}" role="img" aria-label="${label}">${renderAxes(chart, plane)}${marks}</svg>`;
  return `<figure><h3>${escapeHtml(chart.title)}</h3><p class="caption">${escapeHtml(chart.caption)}</p>${renderLegend(chart)}${svg}</figure>`;
}

function planeOf({ x, y, height = HEIGHT }: Chart): Plane {
  const width = WIDTH - MARGIN.left - MARGIN.right;
  const tall = height - MARGIN.top - MARGIN.bottom;
  return {
    height,
    x: (value) => MARGIN.left + (width * (value - x.min)) / (x.max - x.min),
    y: (value) => MARGIN.top + tall * (1 - (value - y.min) / (y.max - y.min)),
  };
}

function renderAxes({ x, y }: Chart, plane: Plane): string {
  const [left, right] = [plane.x(x.min), plane.x(x.max)];
  const bottom = plane.y(y.min);
  const formatted = (axis: Axis, value: number) => escapeHtml((axis.format ?? figure)(value));
  const rows = ticks(y, Y_LABELS).map((value) => {
    const at = px(plane.y(value));
    return `<line class="grid" x1="${left}" x2="${right}" y1="${at}" y2="${at}"/><text class="tick" x="${left - 8}" y="${at}" dy="0.32em" text-anchor="end">${formatted(y, value)}</text>`;
  });
  const columns = ticks(x, X_LABELS).map((value) => {
    const at = px(plane.x(value));
    return `<line class="axis" x1="${at}" x2="${at}" y1="${bottom}" y2="${bottom + 4}"/><text class="tick" x="${at}" y="${bottom + 16}" text-anchor="middle">${formatted(x, value)}</text>`;
  });
  const base = `<line class="axis" x1="${left}" x2="${right}" y1="${bottom}" y2="${bottom}"/>`;
  const names =
    `<text class="name" x="${right}" y="${bottom + 34}" text-anchor="end">${escapeHtml(x.label)}</text>` +
    `<text class="name" x="0" y="11">${escapeHtml(y.label)}</text>`;
  return rows.join("") + columns.join("") + base + names;
}

function renderMark(mark: Mark, plane: Plane): string {
  const at = ([x, y]: Point) => `${px(plane.x(x))},${px(plane.y(y))}`;
  const top = MARGIN.top;
  const bottom = plane.height - MARGIN.bottom;
  switch (mark.kind) {
    case "line": {
      const dashed = mark.dashed ? " dashed" : "";
      return `<polyline class="line ${mark.colour}${dashed}" points="${mark.points.map(at).join(" ")}"/>`;
    }
    case "band": {
      const upper = mark.points.map(([x, , high]) => at([x, high]));
      const lower = mark.points.map(([x, low]) => at([x, low])).reverse();
      return `<polygon class="band ${mark.colour}" points="${[...upper, ...lower].join(" ")}"/>`;
    }
    case "dots":
      return mark.points
        .map(([x, y], index) => {
          const title = mark.titles?.[index];
          const hover = title === undefined ? "" : `<title>${escapeHtml(title)}</title>`;
          return `<circle class="dot ${mark.colour}" cx="${px(plane.x(x))}" cy="${px(plane.y(y))}" r="4">${hover}</circle>`;
        })
        .join("");
    case "columns":
      return mark.columns
        .filter(({ base, top: high }) => high > base)
        .map(({ from, to, base, top: high, title }) => {
          const [x, y] = [plane.x(from), plane.y(high)];
          const width = Math.max(0.5, plane.x(to) - x - COLUMN_GAP);
          return `<rect class="fill ${mark.colour}" x="${px(x)}" y="${px(y)}" width="${px(width)}" height="${px(plane.y(base) - y)}"><title>${escapeHtml(title)}</title></rect>`;
        })
        .join("");
    case "span": {
      const [from, to] = [plane.x(mark.from), plane.x(mark.to)];
      return `<rect class="span" x="${px(from)}" y="${top}" width="${px(Math.max(1, to - from))}" height="${bottom - top}"><title>${escapeHtml(mark.title)}</title></rect>`;
    }
    case "moment": {
      const x = px(plane.x(mark.at));
      return `<path class="moment" d="M${x} ${top}l-4 -7h8z"><title>${escapeHtml(mark.title)}</title></path>`;
    }
  }
}

function renderLegend({ legend }: Chart): string {
  if (legend.length < 2) return "";
  const items = legend.map(({ colour, label, dashed }) => {
    return `<li><i class="swatch ${colour}${dashed ? " dashed" : ""}"></i>${escapeHtml(label)}</li>`;
  });
  return `<ul class="legend">${items.join("")}</ul>`;
}

/** A tenth of a pixel is enough, and keeps the file small. */
function px(value: number): string {
  return String(Math.round(10 * value) / 10);
}
