/** What `fireflies sim` prints for people. */
import type { Plan, Quantiles, Result, Shrunk, TraceLine, Violation } from "../../sim/index.js";
import { counted, table } from "../output.js";

/** Violations listed one by one: the first ones tell what went wrong. */
const VIOLATIONS_SHOWN = 5;

export function planLine(plan: Plan): string {
  const { members, byzantine, rings, seed, seconds, faults, start, crypto } = plan;
  const liars =
    byzantine > 0 ? `, ${byzantine} Byzantine (${plan.adversaries.join(", ") || "doing nothing wrong"})` : "";
  const more = [start === "joining" ? "joining one by one" : "", crypto === "p256" ? "P-256" : ""].filter(Boolean);
  return `seed ${seed}: ${members} members${liars}, ${rings} rings${more.map((text) => `, ${text}`).join("")}; ${seconds} s with ${counted(faults.length, "fault or change", "faults and changes")}, then quiet`;
}

export function resultText(result: Result, { rate, elapsedMs }: { rate: number; elapsedMs: number }): string {
  const rows = [
    ["false removals", `${result.falseRemovals} in ${result.correctMemberHours} correct-member-hours`],
    ...(result.exposedRemovals > 0
      ? [["of these exposed", `${result.exposedRemovals}: members with more than t rings in the hands of liars`]]
      : []),
    ["false accusations", `${result.falseAccusations} by correct members`],
    ["first accusation", within(result.detectionFirst, "after a crash")],
    ["out of all views", within(result.detectionAll, "after a crash")],
    ["a change is known", within(result.dissemination, "after it, over all correct members")],
    ["bytes", `${result.bytesPerMemberSecond} per member and second`],
    ["settled", result.settledAfter === null ? "never" : `${result.settledAfter} s after the last fault`],
    ["events", result.events.toLocaleString("en-US")],
    ["rate", `${rate} times real time: ${result.simulatedSeconds} s in ${(elapsedMs / 1_000).toFixed(1)} s`],
    ["digest", result.digest],
  ];
  const verdict = result.violations.length === 0 ? "All invariants held." : violationsText(result.violations);
  return `${verdict}\n${table(rows)}`;
}

function within({ p50, p99 }: Quantiles, what: string): string {
  return p50 === null ? "nothing to measure" : `p50 ${p50} s, p99 ${p99} s ${what}`;
}

export function violationLine({ invariant, at, member, text }: Violation): string {
  return `${invariant} violated at ${(at / 1_000).toFixed(3)} s: ${member} ${text}`;
}

function violationsText(violations: readonly Violation[]): string {
  const shown = violations.slice(0, VIOLATIONS_SHOWN).map(violationLine);
  const more = violations.length - shown.length;
  return [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join("\n");
}

export function traceText(member: string, lines: readonly TraceLine[]): string {
  const rows = lines.map(({ at, text }) => `${(at / 1_000).toFixed(3).padStart(10)} s  ${text}`);
  return [`Trace of ${member}:`, ...rows].join("\n");
}

export function shrunkText({ plan, violation, tries }: Shrunk): string {
  return [
    `Made smaller in ${tries} runs:`,
    planLine(plan),
    ...plan.faults.map((fault) => `  ${JSON.stringify(fault)}`),
    violationLine(violation),
    `Repeat it with:\n  ${planCommand(plan)}`,
  ].join("\n");
}

/** A command that runs exactly this plan, in any shell: JSON of plans holds no single quote. */
export function planCommand(plan: Plan): string {
  return `fireflies sim --plan '${JSON.stringify(plan)}'`;
}
