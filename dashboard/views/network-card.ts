/** The network in figures, and what it tolerates. */
import type { Model } from "../app/model.js";
import { fill, h } from "../dom/element.js";
import { counted, percent, span } from "../dom/words.js";
import { type Tolerance, toleranceOf } from "../world/tolerance.js";
import { countsOf, type World } from "../world/world.js";
import { glyph } from "./glyph.js";
import { facts, Keyed, memberLink, type View } from "./view.js";

export function networkCard(model: Model): View {
  const element = h("section", { class: "card network", "aria-label": "The network" });
  const keyed = new Keyed();
  return {
    element,
    update() {
      const { world } = model;
      if (world === undefined) return;
      const counts = countsOf(world);
      if (!keyed.changed(counts, world.self, world.rings, world.planned, world.isolatedSince)) return;
      const tolerance = toleranceOf(counts.there, world.rings, world.planned);
      fill(
        element,
        h("h2", {}, "The network"),
        h(
          "ul",
          { class: "tiles" },
          tile("live", counts.live, "live"),
          tile("accused", counts.doubted, "in doubt"),
          tile("failed", counts.gone, "gone"),
        ),
        ...warnings(world, counts.there, tolerance),
        facts([
          ["tolerates", `${counted(tolerance.liars, "liar")} of ${counts.there} (${percent(tolerance.share)})`],
          ["rings", `${world.rings}; ${tolerance.t} may lie of those before one member`],
          ["made for", plannedWords(world)],
          ["removal", world.deltaMs > 0 ? `${span(2 * world.deltaMs)} after an accusation without an answer` : "–"],
          ["seen by", memberLink(model, world.self)],
        ]),
      );
    },
  };
}

function tile(kind: "live" | "accused" | "failed", count: number, words: string): HTMLElement {
  return h("li", { class: count === 0 ? "none" : kind }, h("b", {}, count), h("span", {}, glyph(kind), words));
}

function plannedWords({ planned }: World): string {
  return planned === undefined
    ? "unknown"
    : `up to ${counted(planned.membersMax, "member")}, ${percent(planned.byzantineShare)} liars`;
}

function warnings(world: World, there: number, tolerance: Tolerance): readonly HTMLElement[] {
  const isolated =
    world.isolatedSince === undefined ? [] : [warning("alarm", "This member hears nobody. What is shown may be old.")];
  return [...isolated, ...toleranceWords(world, there, tolerance)];
}

function toleranceWords(
  { planned, rings }: World,
  there: number,
  { verdict, ringsNeeded }: Tolerance,
): readonly HTMLElement[] {
  if (planned === undefined || verdict === "unplanned") return [];
  if (verdict === "good") {
    return [h("p", { class: "verdict good" }, `${counted(rings, "ring")} are enough for the planned share of liars.`)];
  }
  const need = ringsNeeded === undefined ? "more rings than there can be" : `${ringsNeeded} rings`;
  const liars = `${counted(there, "member")} with ${percent(planned.byzantineShare)} liars need ${need}`;
  if (verdict === "growing") {
    if (ringsNeeded === undefined) return [warning("warn", "So few members tolerate no liar, on however many rings.")];
    return [warning("warn", `Small yet: ${liars}, this network has ${rings}. They suffice once it has grown.`)];
  }
  if (verdict === "nearly-full") {
    const words = `${there} members, made for ${planned.membersMax}: the rings suffice yet. Think of a network with more.`;
    return [warning("warn", words)];
  }
  return [
    warning("alarm", `Too few rings: ${liars}, this network has ${rings}. Liars may bring a correct member down.`),
  ];
}

function warning(kind: "warn" | "alarm", words: string): HTMLElement {
  return h("p", { class: `verdict ${kind}`, role: "status" }, glyph("alarm"), words);
}
