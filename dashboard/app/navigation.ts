/**
 * Going from page to page: by the address, so that it can be kept and sent. In a frame whose document is in its element (`srcdoc`, as in
 * a report) a fragment would be resolved against the page around it, and the frame would load that: there it is only remembered.
 */
import { hashOf, type Route } from "./routes.js";

const IS_FRAMED = location.protocol === "about:";
let remembered = "";
const listeners = new Set<() => void>();

export function hashNow(): string {
  return IS_FRAMED ? remembered : location.hash;
}

export function go(route: Route): void {
  goTo(hashOf(route));
}

export function onGo(listener: () => void): void {
  listeners.add(listener);
}

/** Once, at the start. */
export function watchAddress(): void {
  window.addEventListener("hashchange", tell);
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a[href^='#/']") : null;
    if (!IS_FRAMED || link === null) return;
    event.preventDefault();
    goTo(link.getAttribute("href") ?? "");
  });
}

function goTo(hash: string): void {
  if (!IS_FRAMED) {
    location.hash = hash;
    return;
  }
  remembered = hash;
  tell();
}

function tell(): void {
  for (const listener of listeners) listener();
}
