/** Topics that this member speaks of: what waits, how much goes through, who subscribes. */
import type { Model } from "../app/model.js";
import { fill, h } from "../dom/element.js";
import { counted, figure, plain } from "../dom/words.js";
import type { Figures, TopicFigures } from "../feed/forms.js";
import { subscribersOf } from "../feed/graph.js";
import { compare } from "../world/find.js";
import { figuresAt } from "../world/rates.js";
import { sparkline } from "./sparkline.js";
import { Keyed, memberLink, type View } from "./view.js";

const SPARK_FIGURES = 60;
const SUBSCRIBERS_SHOWN = 12;
const ASK_MS = 5_000;

export function topicsView(model: Model): View {
  const keyed = new Keyed();
  const body = h("div", { class: "topics-list" });
  let subscribers: ReadonlyMap<string, readonly string[]> = new Map();
  let askedAt = Number.NEGATIVE_INFINITY;
  const ask = () => {
    if (model.source !== "live" || performance.now() - askedAt < ASK_MS) return;
    askedAt = performance.now();
    model.api.ask("v1/graph").then(
      (graph) => {
        subscribers = subscribersOf(graph);
      },
      () => undefined, // The table has no subscribers then, and is asked again.
    );
  };
  return {
    element: h("div", { class: "topics page narrow" }, h("h1", {}, "Topics"), body),
    update() {
      const { timeline, now } = model;
      if (timeline === undefined) return;
      ask();
      const seen = timeline.figures.filter(({ at }) => at <= now).slice(-SPARK_FIGURES);
      const figures = figuresAt(seen, now);
      if (!keyed.changed(figures?.at, [...subscribers], timeline.number)) return;
      const topics = (figures?.topics ?? []).toSorted((a, b) => b.backlog - a.backlog || compare(a.topic, b.topic));
      const rows = topics.map((topic) => row(model, topic, seen, subscribers.get(topic.topic) ?? []));
      fill(
        body,
        topics.length === 0
          ? h("p", { class: "nothing" }, "This member publishes and subscribes to nothing now.")
          : table(rows),
      );
    },
  };
}

function table(rows: readonly HTMLElement[]): HTMLElement {
  const head = ["topic", "backlog", "", "messages per second", "subscribers"];
  return h(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of topics" },
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, ...head.map((each) => (each === "" ? h("td", {}) : h("th", { scope: "col" }, each))))),
      h("tbody", {}, ...rows),
    ),
  );
}

function row(
  model: Model,
  { topic, backlog, rate }: TopicFigures,
  seen: readonly Figures[],
  subscribers: readonly string[],
): HTMLElement {
  const past = seen.map(({ topics }) => topics.find((each) => each.topic === topic)?.backlog ?? 0);
  const shown = subscribers.slice(0, SUBSCRIBERS_SHOWN).flatMap((id) => [memberLink(model, id), " "]);
  const rest = subscribers.length - SUBSCRIBERS_SHOWN;
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, h("bdi", {}, plain(topic))),
    h("td", { class: backlog > 0 ? "number waiting" : "number" }, figure(backlog)),
    h("td", {}, sparkline(past, `backlog of the last ${counted(past.length, "figure")}`)),
    h("td", { class: "number" }, figure(rate)),
    h("td", {}, ...shown, rest > 0 && `and ${rest} more`),
  );
}
