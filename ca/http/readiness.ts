/** May an authority be given work? A pure decision with reasons, for probes and for people. */

export interface AuthorityFacts {
  /** Why nothing can be issued now, in a sentence; undefined when something can. */
  readonly problem: string | undefined;
  /** Unix milliseconds; undefined for what is no certificate. */
  readonly issuerEnds: number | undefined;
  readonly rootEnds: number | undefined;
}

/** As that of a member (fireflies/ops). */
export interface AuthorityHealth {
  readonly ok: boolean;
  readonly reasons: readonly string[];
}

const DAY_MS = 86_400_000;
/** A new issuing certificate takes the root's key, which may lie in a safe. Milliseconds. */
const ISSUER_ENDS_SOON_MS = 30 * DAY_MS;
/** A new root takes every member's configuration. Milliseconds. */
const ROOT_ENDS_SOON_MS = 180 * DAY_MS;

/** `now`: unix milliseconds. */
export function authorityReadiness({ problem, issuerEnds, rootEnds }: AuthorityFacts, now: number): AuthorityHealth {
  if (problem !== undefined) return { ok: false, reasons: [problem] };
  const reasons: string[] = [];
  if (endsWithin(issuerEnds, ISSUER_ENDS_SOON_MS, now))
    reasons.push("The issuing certificate ends within 30 days: it is time to rotate.");
  if (endsWithin(rootEnds, ROOT_ENDS_SOON_MS, now)) reasons.push("The root certificate ends within 180 days.");
  return { ok: true, reasons };
}

function endsWithin(ends: number | undefined, ms: number, now: number): boolean {
  return ends !== undefined && ends - now < ms;
}
