/** What the dates of a certificate say about clocks, in words: which one is off, by how much, and what to do. */
import type { Validity } from "./certificates/issuer.js";
import { CLOCK_TOLERANCE_MS } from "./certificates/member-certificate.js";

export const CLOCK_ADVICE =
  "Have this machine's clock set by a time service; `timedatectl` says whether it is. If it is right, the other machine's is not.";

const UNITS = [
  ["day", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
] as const;

/** A length of time in its two largest units: "6 min", "2 h 5 min", "12 days". */
export function spanText(ms: number): string {
  const first = UNITS.findIndex(([, unit]) => ms >= unit);
  if (first === -1) return "less than 1 s";
  const parts: string[] = [];
  let rest = Math.round(ms / 1000) * 1000;
  for (const [name, unit] of UNITS.slice(first, first + 2)) {
    const count = Math.floor(rest / unit);
    rest -= count * unit;
    if (count > 0) parts.push(`${count} ${name}${name === "day" && count > 1 ? "s" : ""}`);
  }
  return parts.join(" ");
}

/** How a certificate's dates miss this machine's clock at `now`, without the usual tolerance; undefined when they do not. */
export function datesMissed({ notBefore, notAfter }: Validity, now: number): string | undefined {
  const clock = `this machine's clock says ${new Date(now).toISOString()}`;
  if (now < notBefore)
    return `It begins at ${new Date(notBefore).toISOString()}, and ${clock}: ${spanText(notBefore - now)} earlier.`;
  if (now > notAfter)
    return `It ended at ${new Date(notAfter).toISOString()}, and ${clock}: ${spanText(now - notAfter)} later.`;
  return undefined;
}

/**
 * How far this machine's clock is from the authority's, which has issued the certificate at this moment: it dates each back by the
 * tolerance of clocks.
 */
export function behindAuthority({ notBefore }: Pick<Validity, "notBefore">, now: number): string {
  const differenceMs = notBefore + CLOCK_TOLERANCE_MS - now;
  const way = differenceMs > 0 ? "behind" : "ahead of";
  return `This machine's clock says ${new Date(now).toISOString()} and is ${spanText(Math.abs(differenceMs))} ${way} the authority's.`;
}
