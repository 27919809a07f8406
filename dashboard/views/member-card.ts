/** A member in short, beside the rings, with the way to its page. */

import type { Model } from "../app/model.js";
import { hashOf } from "../app/routes.js";
import { button, fill, h } from "../dom/element.js";
import { ago, nameOr, shortId, span } from "../dom/words.js";
import { MARK_WORDS } from "../draw/marks.js";
import type { MemberNow } from "../world/world.js";
import { glyph } from "./glyph.js";
import { icon } from "./icon.js";
import { facts, Keyed, type View } from "./view.js";

export function memberCard(model: Model): View {
  const element = h("section", { class: "card chosen", "aria-label": "The chosen member" });
  const keyed = new Keyed();
  return {
    element,
    update() {
      const member = model.member(model.selected);
      element.hidden = member === undefined;
      if (member === undefined) return;
      const { record, phase, since, accusations } = member;
      if (!keyed.changed(record.id, phase, since, accusations.length, record.path, record.rttMs)) return;
      const id = record.id;
      fill(
        element,
        h(
          "header",
          {},
          h("h2", {}, h("bdi", {}, nameOr(record.name, id))),
          button(icon("close"), () => model.set({ selected: "" }), {
            class: "quiet icon",
            "aria-label": "Choose no member",
          }),
        ),
        stateBadge(member),
        facts([
          ["id", h("code", { title: id }, shortId(id))],
          ["since", ago(since, model.now)],
          ["path", pathWords(model, member)],
          ["services", record.services.join(", ") || "–"],
        ]),
        h("a", { class: "button", href: hashOf({ page: "member", id }) }, "Open its page"),
      );
    },
  };
}

export function stateBadge({ phase, state, accusations }: MemberNow): HTMLElement {
  const words =
    phase === "accused"
      ? `accused on ${accusations.length === 1 ? "1 ring" : `${accusations.length} rings`}`
      : wordsOf(phase, state);
  return h("span", { class: `badge ${phase}` }, glyph(phase), words);
}

function wordsOf(phase: MemberNow["phase"], state: string): string {
  return state === "expired" || state === "contradicted" ? state : MARK_WORDS[phase];
}

/** "relayed by b, 12 ms" */
export function pathWords(model: Model, { record }: MemberNow): string {
  if (record.id === model.world?.self) return "this member";
  if (record.path === "") return "no link open";
  const via = record.via.length === 0 ? "" : ` by ${record.via.map(model.nameOf).join(", ")}`;
  const rtt = record.rttMs === undefined ? "" : `, ${record.rttMs < 1 ? "under 1 ms" : span(record.rttMs)}`;
  return `${record.path}${via}${rtt}`;
}
