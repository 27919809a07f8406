/** The search for members: a field with a list of what fits, by the pattern of an ARIA combobox. */

import type { Model } from "../app/model.js";
import { go } from "../app/navigation.js";
import { fill, h } from "../dom/element.js";
import { shortId } from "../dom/words.js";
import { findMembers } from "../world/find.js";
import { glyph } from "./glyph.js";

const FOUND_SHOWN = 9;

export interface SearchBox {
  readonly element: HTMLElement;
  focus(): void;
}

export function searchBox(model: Model): SearchBox {
  const found = h("ul", { class: "found", id: "found", role: "listbox", "aria-label": "Members found", hidden: true });
  const input = h("input", {
    ...{ type: "search", placeholder: "Search members", "aria-label": "Search members", role: "combobox" },
    ...{
      "aria-controls": "found",
      "aria-expanded": "false",
      "aria-autocomplete": "list",
      autocomplete: "off",
      spellcheck: "false",
    },
  });
  let ids: readonly string[] = [];
  let chosen = -1;
  const close = () => {
    found.hidden = true;
    chosen = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const choose = (id: string) => {
    close();
    input.value = "";
    input.blur();
    model.set({ selected: id });
    go({ page: "member", id });
  };
  const mark = (index: number) => {
    chosen = (index + ids.length) % Math.max(1, ids.length);
    for (const [each, option] of [...found.children].entries())
      option.setAttribute("aria-selected", String(each === chosen));
    input.setAttribute("aria-activedescendant", `found-${chosen}`);
  };
  const look = () => {
    const { world } = model;
    if (world === undefined || input.value.trim() === "") return close();
    const members = findMembers(world, input.value, FOUND_SHOWN);
    ids = members.map(({ record }) => record.id);
    const options = members.map((member, index) => {
      const { id } = member.record;
      const option = h(
        "li",
        { id: `found-${index}`, role: "option", "aria-selected": "false" },
        glyph(member.phase),
        h("bdi", {}, model.nameOf(id)),
        h("code", {}, shortId(id)),
      );
      option.addEventListener("pointerdown", (event) => {
        event.preventDefault();
        choose(id);
      });
      return option;
    });
    fill(
      found,
      ...(options.length > 0
        ? options
        : [h("li", { class: "nothing", role: "option", "aria-disabled": "true" }, "No member fits.")]),
    );
    found.hidden = false;
    input.setAttribute("aria-expanded", "true");
    if (ids.length > 0) mark(0);
  };
  input.addEventListener("input", look);
  input.addEventListener("focus", look);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      close();
      input.value = "";
      input.blur();
    }
    if (found.hidden) return;
    if (event.key === "ArrowDown") mark(chosen + 1);
    if (event.key === "ArrowUp") mark(chosen - 1);
    if (event.key === "ArrowDown" || event.key === "ArrowUp") event.preventDefault();
    const id = ids[chosen];
    if (event.key === "Enter" && id !== undefined) choose(id);
  });
  return { element: h("div", { class: "search" }, input, found), focus: () => input.focus() };
}
