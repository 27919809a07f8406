/** A small line without axes: whether something rises or falls. */
import { svg } from "../dom/element.js";

const [WIDTH, HEIGHT] = [120, 24];

export function sparkline(values: readonly number[], label: string): SVGElement {
  const most = Math.max(1, ...values);
  const step = WIDTH / Math.max(1, values.length - 1);
  const points = values.map(
    (value, index) => `${(index * step).toFixed(1)},${(HEIGHT - 2 - (value / most) * (HEIGHT - 4)).toFixed(1)}`,
  );
  return svg(
    "svg",
    { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${label}, highest ${most}` },
    svg("polyline", { points: points.join(" "), fill: "none", stroke: "currentColor", "stroke-width": 1.5 }),
  );
}
