/** How the others are reached: directly, over a connection that they made, or by whom relayed. */
import type { Model } from "../app/model.js";
import { go } from "../app/navigation.js";
import { fill, h } from "../dom/element.js";
import { counted } from "../dom/words.js";
import type { Palette } from "../draw/palette.js";
import { BANDS, type Node, pathNodes, radiusOfPaths, type Way, wayOf } from "../draw/paths-layout.js";
import { Surface } from "../draw/surface.js";
import { compare } from "../world/find.js";
import { isThere } from "../world/world.js";
import { pathWords } from "./member-card.js";
import { Keyed, memberLink, type View } from "./view.js";

const WORDS: Readonly<Record<Way, string>> = {
  self: "this member",
  direct: "direct",
  turned: "over their own connection",
  relayed: "relayed",
  none: "no link open",
};
const DASHES: Readonly<Record<Way, readonly number[]>> = {
  self: [],
  direct: [],
  turned: [7, 4],
  relayed: [2, 4],
  none: [],
};
/** More names than this lie over each other. */
const NAMED_MAX = 90;
const REACH = 12;
const ROWS_MAX = 300;

export function pathsView(model: Model, paletteOf: () => Palette): View {
  const canvas = h("canvas", { class: "paths-canvas", role: "img", "aria-label": "How members are reached" });
  const surface = new Surface(canvas);
  const summary = h("ul", { class: "tiles ways" });
  const body = h("tbody", {});
  const keyed = new Keyed();
  let nodes: readonly Node[] = [];
  canvas.addEventListener("click", (event) => {
    const found = nodes.find(({ x, y }) => Math.hypot(x - event.offsetX, y - event.offsetY) < REACH);
    if (found !== undefined) go({ page: "member", id: found.id });
  });
  const head = ["member", "reached"];
  return {
    element: h(
      "div",
      { class: "paths page" },
      h("section", { class: "stage", "aria-label": "Picture of the paths" }, canvas),
      h(
        "aside",
        { class: "beside", "aria-label": "Paths as a list" },
        h("section", { class: "card" }, h("h1", {}, "Paths"), summary),
        h(
          "section",
          { class: "card scroll", tabindex: 0, role: "region", "aria-label": "Members with a link" },
          h("table", {}, h("thead", {}, h("tr", {}, ...head.map((each) => h("th", { scope: "col" }, each)))), body),
        ),
      ),
    ),
    update() {
      const { timeline, world, now } = model;
      const { clientWidth: width, clientHeight: height } = canvas;
      if (timeline === undefined || world === undefined || width === 0) return;
      const palette = paletteOf();
      const isSized = surface.fit({ width, height });
      if (
        !keyed.changed(timeline.revisionAt(now), width, height, palette.ground, palette.live, timeline.number) &&
        !isSized
      )
        return;
      nodes = pathNodes(world, { width, height });
      drawPaths(surface, nodes, model, palette);
      const there = [...world.members.values()].filter(isThere);
      const count = (way: Way) => there.filter((member) => wayOf(member, world.self) === way).length;
      const ways = (["direct", "turned", "relayed", "none"] as const).map((way) =>
        h("li", { class: way }, h("b", {}, count(way)), h("span", {}, WORDS[way])),
      );
      fill(summary, ...ways);
      const linked = there.filter((member) => wayOf(member, world.self) !== "none" && member.record.id !== world.self);
      const rows = linked
        .sort((a, b) => compare(model.nameOf(a.record.id), model.nameOf(b.record.id)))
        .slice(0, ROWS_MAX)
        .map((member) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, memberLink(model, member.record.id)),
            h("td", {}, pathWords(model, member)),
          ),
        );
      fill(body, ...rows);
      canvas.setAttribute(
        "aria-label",
        `How members are reached: ${counted(count("direct"), "direct link")}, ${count("turned")} over their own connection, ${count("relayed")} relayed`,
      );
    },
  };
}

function drawPaths(surface: Surface, nodes: readonly Node[], model: Model, palette: Palette): void {
  const { context, size } = surface;
  surface.clear();
  const center = { x: size.width / 2, y: size.height / 2 };
  const radius = radiusOfPaths(size);
  context.strokeStyle = palette.line;
  context.fillStyle = palette.quiet;
  context.font = `11px ${palette.font}`;
  context.textAlign = "center";
  for (const way of ["direct", "turned", "relayed", "none"] as const) {
    if (!nodes.some((each) => each.way === way)) continue;
    context.lineWidth = 1;
    context.beginPath();
    context.arc(center.x, center.y, radius * BANDS[way], 0, 2 * Math.PI);
    context.stroke();
  }
  const byId = new Map(nodes.map((each) => [each.id, each]));
  for (const node of nodes) drawLine(context, node, byId.get(node.from), palette);
  const isNamed = nodes.filter(({ way }) => way !== "none").length <= NAMED_MAX;
  for (const node of nodes)
    drawNode(context, node, isNamed && node.way !== "none" ? model.nameOf(node.id) : "", palette);
}

function drawLine(context: CanvasRenderingContext2D, node: Node, from: Node | undefined, palette: Palette): void {
  if (from === undefined) return;
  context.strokeStyle = colourOfWay(node.way, palette);
  context.globalAlpha = 0.55;
  context.lineWidth = 1.4;
  context.setLineDash([...DASHES[node.way]]);
  context.beginPath();
  context.moveTo(from.x, from.y);
  context.lineTo(node.x, node.y);
  context.stroke();
  context.setLineDash([]);
  context.globalAlpha = 1;
}

function drawNode(context: CanvasRenderingContext2D, { way, x, y, angle }: Node, name: string, palette: Palette): void {
  const size = way === "self" ? 9 : way === "none" ? 2.5 : 5;
  context.fillStyle = colourOfWay(way, palette);
  context.beginPath();
  if (way === "relayed") context.rect(x - size * 0.85, y - size * 0.85, size * 1.7, size * 1.7);
  else context.arc(x, y, size, 0, 2 * Math.PI);
  context.fill();
  if (name === "") return;
  const isLeft = Math.cos(angle) < -1e-9 && way !== "self";
  context.fillStyle = palette.ink;
  context.textBaseline = "middle";
  context.textAlign = way === "self" ? "center" : isLeft ? "right" : "left";
  const [dx, dy] = way === "self" ? [0, 20] : [isLeft ? -size - 5 : size + 5, 0];
  context.lineWidth = 3;
  context.strokeStyle = palette.ground;
  context.strokeText(name, x + dx, y + dy);
  context.fillText(name, x + dx, y + dy);
}

function colourOfWay(way: Way, palette: Palette): string {
  if (way === "self") return palette.self;
  if (way === "direct") return palette.live;
  if (way === "turned") return palette.rebutted;
  return way === "relayed" ? palette.suspected : palette.gone;
}
