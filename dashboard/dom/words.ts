/** Figures, instants and names as readers see them. */

/** Format characters, controls and what turns the direction of a line: a peer's name must not pose as another. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}]/gu;
const SHORT_ID = 8;

/** A peer's text on one line, with what cannot be seen made visible. */
export function plain(text: string): string {
  return text.replaceAll(UNSEEN, "\u{fffd}");
}

export function shortId(id: string): string {
  return id.slice(0, SHORT_ID);
}

export function nameOr(name: string, id: string): string {
  return plain(name) || shortId(id);
}

const time = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const date = new Intl.DateTimeFormat("en-GB", {
  ...{ year: "numeric", month: "short", day: "numeric" },
  ...{ hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short" },
});
const whole = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 1 });

/** A run of the simulator begins at 0, and lasts no ten years. */
const VIRTUAL_MS = 315_360_000_000;

/** In the reader's own zone; of a simulated run since its start. */
export function clock(at: number): string {
  return at < VIRTUAL_MS ? position(at) : time.format(at);
}

export function instant(at: number): string {
  if (!Number.isFinite(at)) return "–";
  return at < VIRTUAL_MS ? `${position(at)} after the start` : date.format(at);
}

export function figure(value: number): string {
  return Math.abs(value) >= 100 ? whole.format(value) : fine.format(value);
}

export function percent(share: number): string {
  return `${fine.format(100 * share)}\u00a0%`;
}

const UNITS = ["B", "kB", "MB", "GB", "TB"];

export function bytes(value: number): string {
  let [rest, unit] = [value, 0];
  while (rest >= 1_000 && unit < UNITS.length - 1) [rest, unit] = [rest / 1_000, unit + 1];
  return `${figure(rest)} ${UNITS[unit]}`;
}

const SPANS = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
  [1_000, "s"],
] as const;

/** "3 s", "12 min", "2 d": the largest unit that fits. */
export function span(ms: number): string {
  const size = Math.abs(ms);
  const [unit, name] = SPANS.find(([each]) => size >= each) ?? [1, "ms"];
  return `${Math.floor(size / unit)} ${name}`;
}

export function ago(at: number, now: number): string {
  return now - at < 1_000 ? "now" : `${span(now - at)} ago`;
}

export function counted(count: number, one: string, many = `${one}s`): string {
  return `${whole.format(count)} ${count === 1 ? one : many}`;
}

/** A duration on a player: "-12:04", "1:02:03". */
export function position(ms: number): string {
  const seconds = Math.floor(Math.abs(ms) / 1_000);
  const [h, m, s] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (value: number) => String(value).padStart(2, "0");
  return `${ms < 0 ? "−" : ""}${h > 0 ? `${h}:${two(m)}` : m}:${two(s)}`;
}
