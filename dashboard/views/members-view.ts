/** All members as a table: what the picture says, for those who read. */

import type { Model } from "../app/model.js";
import { button, fill, h, say } from "../dom/element.js";
import { ago, counted, shortId } from "../dom/words.js";
import { findMembers } from "../world/find.js";
import { isThere, type MemberNow } from "../world/world.js";
import { pathWords, stateBadge } from "./member-card.js";
import { Keyed, memberLink, type View } from "./view.js";

/** Rows at first, and with each press of "more". */
const ROWS_STEP = 100;
const MANY = 1_000_000;

const SHOWN = {
  all: () => true,
  live: ({ phase }: MemberNow) => phase === "live",
  doubt: (member: MemberNow) => isThere(member) && member.phase !== "live",
  gone: (member: MemberNow) => !isThere(member),
} as const;
type Group = keyof typeof SHOWN;
const GROUPS: readonly (readonly [Group, string])[] = [
  ["all", "All"],
  ["live", "Live"],
  ["doubt", "In doubt"],
  ["gone", "Gone"],
];

export function membersView(model: Model): View {
  let [rows, group] = [ROWS_STEP, "all" as Group];
  const keyed = new Keyed();
  const input = h("input", {
    type: "search",
    placeholder: "name, id, service, path, metadata",
    "aria-label": "Filter members",
  });
  const groups = GROUPS.map(([each, label]) => {
    const press = button(label, () => {
      [group, rows] = [each, ROWS_STEP];
      update();
    });
    return { each, press };
  });
  const count = h("p", { class: "count", role: "status" });
  const body = h("tbody", {});
  const more = button("Show more", () => {
    rows += ROWS_STEP;
    update();
  });
  input.addEventListener("input", () => {
    rows = ROWS_STEP;
    update();
  });
  function update(): void {
    const { timeline, world, now } = model;
    if (timeline === undefined || world === undefined) return;
    if (!keyed.changed(timeline.revisionAt(now), Math.floor(now / 10_000), input.value, rows, group, timeline.number))
      return;
    for (const { each, press } of groups) press.setAttribute("aria-pressed", String(each === group));
    const found = findMembers(world, input.value, MANY).filter(SHOWN[group]);
    say(count, counted(found.length, "member"));
    fill(body, ...found.slice(0, rows).map((member) => row(model, member)));
    more.hidden = found.length <= rows;
  }
  const head = ["member", "state", "since", "path", "services", "id"];
  const table = h(
    "table",
    {},
    h("caption", { class: "unseen" }, "Members"),
    h("thead", {}, h("tr", {}, ...head.map((each) => h("th", { scope: "col" }, each)))),
    body,
  );
  return {
    element: h(
      "div",
      { class: "members page narrow" },
      h("h1", {}, "Members"),
      h(
        "div",
        { class: "filters" },
        input,
        h("div", { class: "chooser", role: "group", "aria-label": "State" }, ...groups.map(({ press }) => press)),
        count,
      ),
      h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of members" }, table),
      more,
    ),
    update,
  };
}

function row(model: Model, member: MemberNow): HTMLElement {
  const { record, since } = member;
  const name = h("th", { scope: "row" }, memberLink(model, record.id));
  const cells = [stateBadge(member), ago(since, model.now), pathWords(model, member), record.services.join(", ")];
  return h("tr", {}, name, ...cells.map((each) => h("td", {}, each)), h("td", {}, h("code", {}, shortId(record.id))));
}
