/** A member's page: what it says of itself, how it is reached, its neighbours ring by ring, and why it is where it is. */
import type { Model } from "../app/model.js";
import { go } from "../app/navigation.js";
import { button, type Child, fill, h } from "../dom/element.js";
import { ago, instant, nameOr, plain, span } from "../dom/words.js";
import { readExplanation } from "../feed/explanation.js";
import { type Connection, connectionOf } from "../feed/graph.js";
import { Pace } from "../feed/pace.js";
import { type Neighbours, neighboursOf } from "../world/neighbours.js";
import type { Change, Step } from "../world/timeline.js";
import { isThere, type MemberNow } from "../world/world.js";
import { pathWords, stateBadge } from "./member-card.js";
import { card, eventLine, facts, Keyed, memberLink, type View } from "./view.js";

const HISTORY_SHOWN = 60;
/** A certificate that ends sooner than this wants somebody's attention. */
const CERTIFICATE_SOON_MS = 86_400_000;

export interface MemberView extends View {
  show(id: string): void;
}

interface Answers {
  readonly sentences: readonly string[];
  readonly connection: Connection | undefined;
}

export function memberView(model: Model): MemberView {
  let id = "";
  let answers: Answers | undefined;
  let pace = new Pace();
  const keyed = new Keyed();
  const element = h("div", { class: "one page" });
  const ask = (about: string) => {
    const mine = pace;
    if (model.source !== "live" || !mine.isDue(about, performance.now())) return;
    mine.asked(about, performance.now());
    void answersOf(model, id).then((found) => {
      mine.answered();
      if (pace !== mine) return; // Another member is shown by now.
      answers = found;
      update();
    });
  };
  function update(): void {
    const { timeline, world, now } = model;
    const member = model.member(id);
    if (timeline === undefined || world === undefined || id === "") return;
    if (member === undefined) {
      if (keyed.changed(id))
        fill(
          element,
          h("h1", {}, "No such member"),
          h("p", {}, "Nobody with this id is known at the instant that is shown."),
        );
      return;
    }
    const seen = timeline.revisionAt(now);
    const history = historyOf(timeline.changes, timeline.seenAt(now), id);
    ask(`${history.length} ${history[0]?.at}`);
    if (!keyed.changed(id, seen, Math.floor(now / 5_000), answers, timeline.number)) return;
    fill(element, ...contents(model, member, neighboursOf(world, id), history, answers));
  }
  return {
    element,
    show(next) {
      if (next === id) return;
      [id, answers, pace] = [next, undefined, new Pace()];
      model.set({ selected: next });
    },
    update,
  };
}

async function answersOf(model: Model, id: string): Promise<Answers> {
  const [explained, graph] = await Promise.allSettled([
    model.api.ask(`v1/explain/${encodeURIComponent(id)}`),
    model.api.ask("v1/graph"),
  ]);
  return {
    sentences: explained.status === "fulfilled" ? readExplanation(explained.value) : [],
    connection: graph.status === "fulfilled" ? connectionOf(graph.value, id) : undefined,
  };
}

/** The newest first. */
function historyOf(changes: readonly Step[], seen: number, id: string): readonly Change[] {
  const found: Change[] = [];
  for (let index = seen - 1; index >= 0 && found.length < HISTORY_SHOWN; index--) {
    const event = changes[index]!;
    if (event.event === "path") continue;
    if (event.member === id || (event.event === "history" && event.by === id)) found.push(event);
  }
  return found;
}

function contents(
  model: Model,
  member: MemberNow,
  neighbours: readonly Neighbours[],
  history: readonly Change[],
  answers: Answers | undefined,
): readonly Child[] {
  const { record } = member;
  return [
    h(
      "header",
      { class: "title" },
      h("h1", {}, h("bdi", {}, nameOr(record.name, record.id))),
      stateBadge(member),
      showOnRings(model, record.id),
      h("code", { class: "id" }, record.id),
    ),
    h(
      "div",
      { class: "columns" },
      h("div", {}, why(model, history, answers)),
      h(
        "div",
        {},
        itself(model, member),
        connectionCard(model, member, answers?.connection),
        certificateCard(model, member),
        neighboursCard(model, member, neighbours),
      ),
    ),
  ];
}

function showOnRings(model: Model, id: string): HTMLElement {
  return button(
    "Show on the rings",
    () => {
      model.set({ selected: id });
      go({ page: "rings" });
    },
    { class: "button" },
  );
}

function why(model: Model, history: readonly Change[], answers: Answers | undefined): HTMLElement {
  const told = answers?.sentences ?? [];
  const sentences =
    told.length > 0 ? [h("ul", { class: "sentences" }, ...told.map((each) => h("li", {}, plain(each))))] : [];
  const lines = history.map((event) => eventLine(model, event));
  const events =
    lines.length > 0
      ? h("ol", { class: "events" }, ...lines)
      : h("p", { class: "nothing" }, "Nothing has happened to it in what is shown.");
  return card("What happened to it", ...sentences, events);
}

function itself(model: Model, { record, since }: MemberNow): HTMLElement {
  return card(
    "What it says of itself",
    facts([
      ["name", record.name === "" ? "–" : h("bdi", {}, plain(record.name))],
      ["in this state", `since ${instant(since)}, ${ago(since, model.now)}`],
      ["services", record.services.length === 0 ? "none" : plain(record.services.join(", "))],
      ["metadata", record.metadata === "" ? "none" : h("pre", { tabindex: 0 }, indented(record.metadata))],
    ]),
  );
}

/** JSON with its structure; anything else as it is. */
function indented(metadata: string): string {
  try {
    return plainLines(JSON.stringify(JSON.parse(metadata), null, 2));
  } catch {
    return plainLines(metadata);
  }
}

function plainLines(text: string): string {
  return text.split("\n").map(plain).join("\n");
}

function connectionCard(model: Model, member: MemberNow, connection: Connection | undefined): HTMLElement {
  const rows: (readonly [string, Child])[] = [["path", pathWords(model, member)]];
  const { via } = member.record;
  if (via.length > 0) rows.push(["relays", h("span", {}, ...via.flatMap((id) => [memberLink(model, id), " "]))]);
  for (const session of connection?.sessions ?? []) rows.push(["session", session]);
  for (const streams of connection?.streams ?? []) rows.push(["streams", streams]);
  const none =
    isThere(member) && member.record.id !== model.world?.self && connection?.sessions.length === 0
      ? [h("p", { class: "nothing" }, "No session is open to it now.")]
      : [];
  return card("How it is reached", facts(rows), ...none);
}

function certificateCard(model: Model, { record }: MemberNow): HTMLElement {
  const end = record.certificateEnd;
  if (end === undefined) return card("Certificate", h("p", { class: "nothing" }, "Nobody has said when it ends."));
  const left = end - model.now;
  const words = left < 0 ? `ended ${span(-left)} ago` : `ends in ${span(left)}`;
  const warn = left < CERTIFICATE_SOON_MS ? [h("p", { class: "verdict warn" }, `It ${words}.`)] : [];
  return card(
    "Certificate",
    ...warn,
    facts([["valid until", `${instant(end)}, ${left < 0 ? `over for ${span(-left)}` : `for ${span(left)}`}`]]),
  );
}

function neighboursCard(model: Model, member: MemberNow, neighbours: readonly Neighbours[]): HTMLElement {
  const accusers = new Map(member.accusations.map(({ ring, by }) => [ring, by]));
  const rows = neighbours.map(({ ring, predecessor, successor }) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, ring),
      h("td", {}, predecessor === "" ? "–" : memberLink(model, predecessor)),
      h("td", {}, successor === "" ? "–" : memberLink(model, successor)),
      h(
        "td",
        {},
        accusers.has(ring)
          ? h("span", { class: "badge accused" }, "accused by ", memberLink(model, accusers.get(ring)!))
          : "",
      ),
    ),
  );
  const head = ["ring", "monitored by", "monitors", "accusation that stands"];
  return card(
    "Neighbours, ring by ring",
    h(
      "div",
      { class: "scroll", tabindex: 0, role: "region", "aria-label": "Neighbours" },
      h(
        "table",
        {},
        h("thead", {}, h("tr", {}, ...head.map((each) => h("th", { scope: "col" }, each)))),
        h("tbody", {}, ...rows),
      ),
    ),
  );
}
