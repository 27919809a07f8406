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
          ["rings", String(world.rings)],
          ["tolerates", `${counted(tolerance.liars, "liar")} of ${counts.there} (${percent(tolerance.share)})`],
          ["before one member", `${tolerance.t} of ${world.rings} neighbours may lie`],
          ["planned for", plannedWords(world)],
          ["removal after", world.deltaMs > 0 ? `2 × ${span(world.deltaMs)} without a rebuttal` : "–"],
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
    ? "nothing: the authority did not say"
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
  const words =
    verdict === "nearly-full"
      ? `${there} of ${planned.membersMax} planned members: think of a network with more rings.`
      : `Too few rings: ${there} members with ${percent(planned.byzantineShare)} liars need ${need}, this network has ${rings}. ` +
        "A liar may bring a correct member down.";
  return [warning(verdict === "nearly-full" ? "warn" : "alarm", words)];
}

function warning(kind: "warn" | "alarm", words: string): HTMLElement {
  return h("p", { class: `verdict ${kind}`, role: "status" }, glyph("alarm"), words);
}
