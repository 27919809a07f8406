/** The shapes of the picture, small, beside words. */
import { svg } from "../dom/element.js";
import type { Glyph } from "../world/sentences.js";

const FILLED = "currentColor";

export function glyph(kind: Glyph): SVGElement {
  return svg(
    "svg",
    { class: `glyph ${kind}`, viewBox: "-8 -8 16 16", "aria-hidden": "true", focusable: "false" },
    shape(kind),
  );
}

function shape(kind: Glyph): SVGElement {
  const line = { fill: "none", stroke: FILLED, "stroke-width": 2.2, "stroke-linecap": "round" };
  switch (kind) {
    case "live":
      return svg("circle", { r: 4.2, fill: FILLED });
    case "suspected":
      return svg("circle", { r: 4.8, ...line });
    case "accused":
      return svg("path", { d: "M0-6 6.2 5H-6.2Z", fill: FILLED });
    case "rebutted":
      return svg("path", { d: "M0-6.5 6.5 0 0 6.5-6.5 0Z", fill: FILLED });
    case "failed":
      return svg("path", { d: "M-4.5-4.5 4.5 4.5M4.5-4.5-4.5 4.5", ...line });
    case "left":
      return svg("rect", { x: -4.5, y: -4.5, width: 9, height: 9, ...line });
    case "revoked":
      return svg("path", { d: "M5.5 0A5.5 5.5 0 1 1-5.5 0 5.5 5.5 0 0 1 5.5 0M-3.6 3.6 3.6-3.6", ...line });
    case "self":
      return svg("path", { d: "M0-7 1.9-2.2 7-2.2 2.9 1 4.5 6 0 3-4.5 6-2.9 1-7-2.2-1.9-2.2Z", fill: FILLED });
    case "alarm":
      return svg("path", { d: "M0-6V1.5M0 5.4V5.6", ...line, "stroke-width": 3 });
    case "note":
      return svg("circle", { r: 2, fill: FILLED });
  }
}
