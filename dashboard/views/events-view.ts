/** The log of events, with filters. */
import type { Model } from "../app/model.js";
import { button, fill, h, say } from "../dom/element.js";
import { counted, figure } from "../dom/words.js";
import { HISTORY_KINDS, type HistoryKind } from "../feed/forms.js";
import { ALL_EVENTS, type EventFilter, filterEvents } from "../world/find.js";
import { eventLine, Keyed, type View } from "./view.js";

/** Lines at first, and with each press of "more". */
const LINES_STEP = 200;
const KINDS = [...HISTORY_KINDS, "alarm"] as const;
const GROUPS: readonly (readonly [string, readonly (HistoryKind | "alarm")[]])[] = [
  ["All", []],
  ["Suspicions", ["missed", "suspected", "accused", "summoned", "rebutted", "removed"]],
  ["Comings and goings", ["joined", "back", "left", "removed", "moved"]],
  ["Lies", ["equivocated", "revoked", "rejected"]],
  ["Alarms", ["alarm", "isolated"]],
];

export function eventsView(model: Model): View {
  let lines = LINES_STEP;
  const keyed = new Keyed();
  const rings = new Keyed();
  const filtered = (choice: Partial<EventFilter>) => {
    lines = LINES_STEP;
    model.set({ filter: { ...model.filter, ...choice } });
  };
  const input = h("input", {
    type: "search",
    placeholder: "member, reason, path",
    "aria-label": "Filter events by words",
  });
  input.addEventListener("input", () => filtered({ words: input.value }));
  const ring = h("select", { "aria-label": "Filter events by ring" });
  ring.addEventListener("change", () => filtered({ ring: ring.value === "" ? undefined : Number(ring.value) }));
  const groups = GROUPS.map(([label, kinds]) => ({
    kinds,
    press: button(label, () => filtered({ kinds: new Set(kinds) })),
  }));
  const boxes = KINDS.map((kind) => {
    const box = h("input", { type: "checkbox", value: kind });
    box.addEventListener("change", () => filtered({ kinds: toggledKind(model.filter, kind) }));
    return { kind, box, label: h("label", {}, box, kind) };
  });
  const reset = button("Clear filters", () => {
    input.value = "";
    filtered(ALL_EVENTS);
  });
  const count = h("p", { class: "count", role: "status" });
  const list = h("ol", { class: "events" });
  const more = button("Show more", () => {
    lines += LINES_STEP;
    model.changed();
  });
  return {
    element: h(
      "div",
      { class: "log page narrow" },
      h("h1", {}, "Events"),
      h(
        "div",
        { class: "filters" },
        input,
        ring,
        h(
          "div",
          { class: "chooser", role: "group", "aria-label": "Groups of kinds" },
          ...groups.map(({ press }) => press),
        ),
        h("details", {}, h("summary", {}, "Kinds"), h("div", { class: "kinds" }, ...boxes.map(({ label }) => label))),
        reset,
        count,
      ),
      list,
      more,
    ),
    update() {
      const { timeline, now, filter } = model;
      if (timeline === undefined) return;
      if (rings.changed(model.rings)) {
        const each = Array.from({ length: model.rings }, (_, index) =>
          h("option", { value: index + 1 }, `ring ${index + 1}`),
        );
        fill(ring, h("option", { value: "" }, "every ring"), ...each);
      }
      if (
        !keyed.changed(timeline.revisionAt(now), [...filter.kinds], filter.words, filter.ring, lines, timeline.number)
      )
        return;
      for (const { kinds, press } of groups) press.setAttribute("aria-pressed", String(isSame(filter.kinds, kinds)));
      for (const { kind, box } of boxes) box.checked = filter.kinds.size === 0 || filter.kinds.has(kind);
      ring.value = filter.ring === undefined ? "" : String(filter.ring);
      const found = filterEvents(timeline.changes, timeline.seenAt(now), filter, model.nameOf, lines + 1);
      say(count, found.length > lines ? `the newest ${figure(lines)}` : counted(found.length, "event"));
      fill(list, ...found.slice(0, lines).map((event) => eventLine(model, event)));
      more.hidden = found.length <= lines;
    },
  };
}

/** From all kinds, the first press leaves one out; with none left all are shown. */
function toggledKind({ kinds }: EventFilter, kind: HistoryKind | "alarm"): ReadonlySet<HistoryKind | "alarm"> {
  const next = new Set(kinds.size === 0 ? KINDS : kinds);
  if (!next.delete(kind)) next.add(kind);
  return next.size === KINDS.length ? new Set() : next;
}

function isSame(kinds: ReadonlySet<string>, group: readonly string[]): boolean {
  return kinds.size === group.length && group.every((each) => kinds.has(each));
}
