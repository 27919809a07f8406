/** What a page of the dashboard is, and the pieces that several of them have. */

import type { Model } from "../app/model.js";
import { hashOf } from "../app/routes.js";
import { button, type Child, h } from "../dom/element.js";
import { clock, instant, plain } from "../dom/words.js";
import { glyphOf, sentenceOf } from "../world/sentences.js";
import type { Change } from "../world/timeline.js";
import { glyph } from "./glyph.js";

export interface View {
  readonly element: HTMLElement;
  /** Shows what the model holds now: after a choice of the reader at once, else a few times a second. */
  update(): void;
  /** Draws what moves. True while it does. */
  frame?(): boolean;
}

/** A member's name, which leads to its page. */
export function memberLink(model: Model, id: string): HTMLElement {
  return h("a", { class: "member", href: hashOf({ page: "member", id }), title: id }, h("bdi", {}, model.nameOf(id)));
}

export function card(title: string, ...children: readonly Child[]): HTMLElement {
  return h("section", { class: "card" }, h("h2", {}, title), ...children);
}

export function facts(rows: readonly (readonly [string, Child])[]): HTMLElement {
  return h("dl", { class: "facts" }, ...rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

/** One event as a line of a list. The time leads back to it. */
export function eventLine(model: Model, event: Change): HTMLElement {
  const at = button(clock(event.at), () => model.seek(event.at), { class: "at", title: `Show ${instant(event.at)}` });
  const words = sentenceOf(event).map((part) =>
    typeof part === "string" ? plain(part) : memberLink(model, part.member),
  );
  return h(
    "li",
    { class: `event ${glyphOf(event)}` },
    at,
    glyph(glyphOf(event)),
    h("span", { class: "said" }, ...words),
  );
}

/** A list that is only written anew when what it shows has another key. */
export class Keyed {
  #key: string | undefined;

  changed(...key: readonly unknown[]): boolean {
    const now = JSON.stringify(key);
    if (now === this.#key) return false;
    this.#key = now;
    return true;
  }
}
