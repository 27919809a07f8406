/** The colours of the picture, from the style sheet: after Okabe and Ito, told apart by the colour-blind too. */

const NAMES = [
  "ground",
  "panel",
  "ink",
  "quiet",
  "line",
  "live",
  "glow",
  "self",
  "suspected",
  "accused",
  "rebutted",
  "gone",
  "revoked",
  "accent",
] as const;

export type Palette = Readonly<Record<(typeof NAMES)[number], string>> & { readonly font: string };

export function readPalette(element: Element): Palette {
  const style = getComputedStyle(element);
  const colours = NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]);
  return { ...Object.fromEntries(colours), font: style.fontFamily } as Palette;
}
