/** Signs on buttons: no font has all of them. */
import { svg } from "../dom/element.js";

const PATHS = {
  play: "M-4-6V6L6 0Z",
  pause: "M-5-6H-1.5V6H-5ZM1.5-6H5V6H1.5Z",
  before: "M-6-6H-3.5V6H-6ZM6-6V6L-2.5 0Z",
  next: "M6-6H3.5V6H6ZM-6-6V6L2.5 0Z",
  whole: "M-6-2V-6H-2V-4.4H-4.4V-2ZM6-2V-6H2V-4.4H4.4V-2ZM-6 2V6H-2V4.4H-4.4V2ZM6 2V6H2V4.4H4.4V2Z",
  closer: "M-6-1H-1V-6H1V-1H6V1H1V6H-1V1H-6Z",
  farther: "M-6-1H6V1H-6Z",
  close: "M-5-3.6-3.6-5 0-1.4 3.6-5 5-3.6 1.4 0 5 3.6 3.6 5 0 1.4-3.6 5-5 3.6-1.4 0Z",
} as const;
export type Icon = keyof typeof PATHS;

export function icon(name: Icon): SVGElement {
  const path = svg("path", { d: PATHS[name], fill: "currentColor" });
  return svg("svg", { class: "glyph", viewBox: "-8 -8 16 16", "aria-hidden": "true", focusable: "false" }, path);
}
