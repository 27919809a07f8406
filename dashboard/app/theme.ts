/** Light or dark: as the system says, until the reader chooses; and whether things may move. */

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];
const KEY = "fireflies.theme";

export function storedTheme(): Theme {
  try {
    return THEMES.find((each) => each === localStorage.getItem(KEY)) ?? "system";
  } catch {
    return "system"; // A file that is opened from disk may have no storage.
  }
}

const DARK = "(prefers-color-scheme: dark)";

/** Colours of the page as the theme says, and the theme kept; again whenever the system's changes. */
export function applyTheme(theme: Theme): void {
  const ofSystem = matchMedia(DARK).matches ? "dark" : "light";
  document.documentElement.dataset.theme = theme === "system" ? ofSystem : theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // It holds for as long as the page is open.
  }
}

export function onPreference(listener: () => void): void {
  matchMedia(DARK).addEventListener("change", listener);
  matchMedia("(prefers-reduced-motion: reduce)").addEventListener("change", listener);
}

export function isCalm(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
