/**
 * A plot of lines as an SVG file that stands by itself: axes with units, linear from zero or logarithmic, each line named at its
 * end, in light and dark.
 */

const WIDTH = 720;
const HEIGHT = 360;
const MARGIN = { left: 64, right: 150, top: 58, bottom: 52 };
/** Between two names at the ends of lines, and between two labels of an axis, pixels. */
const NAME_GAP = 15;
const LINEAR_LABELS = 5;
/** Fewer decades than this: also 2 and 5 times each power of ten. */
const DECADES_ALONE = 3;
const STEPS = [1, 2, 5, 10];

/** In this order; each pair is told apart by the colour-blind too, on its own ground. */
const COLOURS = ["a", "b", "c", "d", "e"];
const STYLE = `
.plot { --ground: #ffffff; --ink: #1b1b19; --quiet: #5f5e58; --line: #e3e2dc; --axis: #b9b8b0;
  --a: #2a78d6; --b: #c26a00; --c: #0f8a5f; --d: #6a55c9; --e: #c23b3a; }
@media (prefers-color-scheme: dark) { .plot { --ground: #161615; --ink: #f1f0ea; --quiet: #b0afa6; --line: #33332f; --axis: #5a5952;
  --a: #4c95ea; --b: #f0a030; --c: #2bc48d; --d: #a394f2; --e: #f0706c; } }
.plot { font: 12px ui-sans-serif, system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
.plot text { fill: var(--quiet); font-variant-numeric: tabular-nums; }
.plot .title { fill: var(--ink); font-size: 15px; font-weight: 600; }
.ground { fill: var(--ground); } .grid { stroke: var(--line); } .axis { stroke: var(--axis); }
.series { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.dot { fill: currentColor; } .plot .name { fill: currentColor; font-weight: 600; }
${COLOURS.map((name) => `.${name} { color: var(--${name}); }`).join(" ")}`;

/**
 * `x` and `y`: { label (with its unit), log: boolean, ticks: number[] | undefined, format: (value) => text | undefined }.
 * `lines`: [{ name, points: [[x, y], ...] }], at most five.
 */
export function renderPlot({ title, x, y, lines }) {
  const all = lines.flatMap(({ points }) => points);
  const right = WIDTH - MARGIN.right;
  const bottom = HEIGHT - MARGIN.bottom;
  const across = scaleOf(
    x,
    all.map(([value]) => value),
    MARGIN.left,
    right,
  );
  const up = scaleOf(
    y,
    all.map(([, value]) => value),
    bottom,
    MARGIN.top,
  );
  const parts = [
    `<rect class="ground" width="${WIDTH}" height="${HEIGHT}"/>`,
    `<text class="title" x="16" y="24">${escapeText(title)}</text>`,
    `<text x="16" y="44">${escapeText(y.label)}</text>`,
    `<text x="${right}" y="${HEIGHT - 12}" text-anchor="end">${escapeText(x.label)}</text>`,
    ...up.ticks.map((value) => gridLine(up.at(value), right, up.format(value))),
    `<line class="axis" x1="${MARGIN.left}" x2="${right}" y1="${bottom}" y2="${bottom}"/>`,
    ...across.ticks.map((value) => xTick(across.at(value), bottom, across.format(value))),
    ...lines.map((line, index) => renderLine(line, COLOURS[index], { across, up })),
    ...namesOf(lines, up).map(({ name, at, colour }) => {
      return `<text class="name ${colour}" x="${right + 10}" y="${px(at)}" dy="0.32em">${escapeText(name)}</text>`;
    }),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" class="plot" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeText(title)}">\n<style>${STYLE}\n</style>\n${parts.join("\n")}\n</svg>\n`;
}

function gridLine(at, right, label) {
  return `<line class="grid" x1="${MARGIN.left}" x2="${right}" y1="${px(at)}" y2="${px(at)}"/><text x="${MARGIN.left - 8}" y="${px(at)}" dy="0.32em" text-anchor="end">${escapeText(label)}</text>`;
}

function xTick(at, bottom, label) {
  return `<line class="axis" x1="${px(at)}" x2="${px(at)}" y1="${bottom}" y2="${bottom + 4}"/><text x="${px(at)}" y="${bottom + 18}" text-anchor="middle">${escapeText(label)}</text>`;
}

function renderLine({ name, points }, colour, { across, up }) {
  const path = points.map(([x, y]) => `${px(across.at(x))},${px(up.at(y))}`).join(" ");
  const dots = points.map(([x, y]) => {
    const told = escapeText(`${name}: ${across.format(x)}, ${figureOf(y)}`);
    return `<circle class="dot ${colour}" cx="${px(across.at(x))}" cy="${px(up.at(y))}" r="3.5"><title>${told}</title></circle>`;
  });
  return `<polyline class="series ${colour}" points="${path}"/>${dots.join("")}`;
}

/** Names beside the ends of their lines, pushed apart where lines end close to each other, and up from the axis. */
function namesOf(lines, up) {
  const names = lines.map(({ name, points }, index) => ({ name, colour: COLOURS[index], at: up.at(points.at(-1)[1]) }));
  names.sort((a, b) => a.at - b.at);
  for (let index = 1; index < names.length; index++) {
    names[index].at = Math.max(names[index].at, names[index - 1].at + NAME_GAP);
  }
  let lowest = HEIGHT - MARGIN.bottom - NAME_GAP / 2;
  for (const name of names.toReversed()) {
    name.at = Math.min(name.at, lowest);
    lowest = name.at - NAME_GAP;
  }
  return names;
}

function scaleOf({ log = false, ticks, format = figureOf }, values, from, to) {
  const [low, high] = log ? logRange(values, ticks) : [0, linearTicks(Math.max(...values)).at(-1)];
  const place = log ? Math.log : (value) => value;
  const at = (value) => from + ((to - from) * (place(value) - place(low))) / (place(high) - place(low));
  return { at, format, ticks: ticks ?? (log ? logTicks(low, high) : linearTicks(high)) };
}

function logRange(values, ticks) {
  if (ticks) return [Math.min(...ticks, ...values), Math.max(...ticks, ...values)];
  return [roundBelow(Math.min(...values)), roundAbove(Math.max(...values))];
}

/** The next of 1, 2 and 5 times a power of ten. */
function roundBelow(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * STEPS.findLast((step) => step * power <= value);
}

function roundAbove(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * STEPS.find((step) => step * power >= value);
}

function logTicks(low, high) {
  const factors = Math.log10(high / low) < DECADES_ALONE ? [1, 2, 5] : [1];
  const found = [];
  for (let power = Math.floor(Math.log10(low)); 10 ** power <= high * (1 + 1e-9); power++) {
    for (const factor of factors) found.push(factor * 10 ** power);
  }
  return found.filter((value) => value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9));
}

/** From 0 up to the first round value above: 1, 2 or 5 times a power of ten apart. */
function linearTicks(highest) {
  const raw = highest / LINEAR_LABELS;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * STEPS.find((factor) => factor * power >= raw * (1 - 1e-9));
  return Array.from({ length: Math.ceil(highest / step - 1e-9) + 1 }, (_, index) => index * step);
}

/** Three digits that count. */
function figureOf(value) {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))} M`;
  return value >= 100 ? Math.round(value).toLocaleString("en-US") : String(Number(value.toPrecision(3)));
}

/** A tenth of a pixel is enough, and keeps the file small. */
function px(value) {
  return String(Math.round(10 * value) / 10);
}

function escapeText(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
