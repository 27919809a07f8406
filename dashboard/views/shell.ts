/** The frame around the pages: heading, tabs, search, what the feed does, and the bar of time. */

import type { Model } from "../app/model.js";
import { hashOf, PAGES, type Page, type Route } from "../app/routes.js";
import { isCalm, THEMES, type Theme } from "../app/theme.js";
import { button, h, say, svg } from "../dom/element.js";
import { glyph } from "./glyph.js";
import type { SearchBox } from "./search-box.js";
import type { View } from "./view.js";

const TITLES: Readonly<Record<Page, string>> = {
  rings: "Rings",
  members: "Members",
  paths: "Paths",
  traffic: "Traffic",
  topics: "Topics",
  events: "Events",
};

export interface Acts {
  chooseFile(): void;
  save(): void;
  goLive(): void;
  help(): void;
  turnTheme(): void;
}

export interface Shell {
  readonly element: HTMLElement;
  readonly main: HTMLElement;
  /** Marks the tab, and titles the window. */
  show(route: Route): void;
  showTheme(theme: Theme): void;
  update(): void;
}

export function shellOf(model: Model, search: SearchBox, time: View, acts: Acts): Shell {
  const tabs = new Map(PAGES.map((page) => [page, h("a", { href: hashOf({ page }) }, TITLES[page])]));
  const status = h("p", { class: "status", role: "status" });
  const theme = button("", acts.turnTheme, { class: "quiet icon" });
  const save = button("Save", acts.save, { class: "quiet", title: "Save the last hour as a file" });
  const live = button("Back to live", acts.goLive, { class: "quiet" });
  const main = h("main", { id: "main", tabindex: 0, "aria-label": "Page" });
  const banner = h("p", { class: "banner", hidden: true });
  const element = h(
    "div",
    { class: "shell" },
    h("a", { class: "skip", href: "#main" }, "To the page"),
    h(
      "header",
      { class: "top" },
      h(
        "a",
        { class: "brand", href: hashOf({ page: "rings" }), "aria-label": "fireflies, the rings" },
        brand(),
        h("span", {}, "fireflies"),
      ),
      h("nav", { "aria-label": "Pages" }, ...tabs.values()),
      search.element,
      status,
      h(
        "div",
        { class: "acts" },
        live,
        button("Open", acts.chooseFile, { class: "quiet", title: "Open a recording" }),
        save,
        theme,
        button("?", acts.help, { class: "quiet icon", "aria-label": "Keys" }),
      ),
    ),
    banner,
    main,
    time.element,
  );
  element.querySelector(".skip")?.addEventListener("click", (event) => {
    event.preventDefault(); // The address names a page, not a place in one.
    main.focus();
  });
  return {
    element,
    main,
    show(route) {
      for (const [page, tab] of tabs) {
        const isHere = page === route.page || (route.page === "member" && page === "members");
        if (isHere) tab.setAttribute("aria-current", "page");
        else tab.removeAttribute("aria-current");
      }
      const title = route.page === "member" ? model.nameOf(route.id) : TITLES[route.page];
      document.title = `${title} · fireflies`;
    },
    showTheme(chosen) {
      const next = THEMES[(THEMES.indexOf(chosen) + 1) % THEMES.length] ?? "system";
      theme.replaceChildren(themeIcon(chosen));
      theme.setAttribute("aria-label", `Colours: ${chosen}. Change to ${next}`);
      theme.title = `Colours: ${chosen}`;
    },
    update() {
      const { word, kind } = statusOf(model);
      if (status.className !== `status ${kind}`) {
        status.className = `status ${kind}`;
        status.replaceChildren(glyph(kind === "live" ? "live" : kind === "lost" ? "alarm" : "note"), h("span", {}));
      }
      const said = status.querySelector("span");
      if (said !== null) say(said, word);
      live.hidden = model.source === "live" || !acts.goLive;
      save.hidden = model.source !== "live";
      const trouble = troubleOf(model);
      banner.hidden = trouble === "";
      say(banner, trouble);
      document.documentElement.classList.toggle("calm", isCalm());
    },
  };
}

/** What the reader should know of the feed, beside its state; "" if there is nothing. */
function troubleOf({ source, connection, words, missing }: Model): string {
  if (source !== "live") return "";
  if (connection === "lost") return `The member does not answer: ${words}. It is asked again.`;
  if (missing === "") return "";
  return `What happened before this page was opened is missing: ${missing.replace(/\.?$/, ".")} Reload the page to ask for it again.`;
}

const WAITING = { connecting: "connecting", lost: "no answer", unauthorized: "a token is needed" } as const;

function statusOf(model: Model): { readonly word: string; readonly kind: string } {
  if (model.source === "recording") return { word: model.title, kind: "recording" };
  if (model.connection !== "live") return { word: WAITING[model.connection], kind: model.connection };
  return model.playhead.mode === "live" ? { word: "live", kind: "live" } : { word: "in the past", kind: "past" };
}

function brand(): SVGElement {
  const ring = (r: number) =>
    svg("circle", { r, fill: "none", stroke: "currentColor", "stroke-width": 1.4, opacity: 0.75 });
  const fly = (x: number, y: number, r: number) => svg("circle", { cx: x, cy: y, r, class: "fly" });
  return svg(
    "svg",
    { class: "mark", viewBox: "-16 -16 32 32", "aria-hidden": "true" },
    ring(14),
    ring(9),
    ring(4),
    fly(9.9, -9.9, 3.2),
    fly(-8.5, 3, 2.6),
    fly(2, 3.5, 2.2),
  );
}

/** A circle half filled, a sun, a moon. */
function themeIcon(theme: Theme): SVGElement {
  const paths: Readonly<Record<Theme, string>> = {
    system: "M0-6A6 6 0 0 1 0 6Z",
    light:
      "M0-3A3 3 0 1 1 0 3 3 3 0 1 1 0-3M0-7V-5M0 5V7M-7 0H-5M5 0H7M-5-5-3.6-3.6M3.6 3.6 5 5M-5 5-3.6 3.6M3.6-3.6 5-5",
    dark: "M2-6A6 6 0 1 0 6 3 5 5 0 0 1 2-6Z",
  };
  const line = { stroke: "currentColor", "stroke-width": 1.3, "stroke-linecap": "round" };
  return svg(
    "svg",
    { class: "glyph", viewBox: "-8 -8 16 16", "aria-hidden": "true" },
    ...(theme === "system" ? [svg("circle", { r: 6, fill: "none", ...line })] : []),
    svg("path", { d: paths[theme], fill: theme === "light" ? "none" : "currentColor", ...line }),
  );
}
