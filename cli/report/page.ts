/**
 * A run as one HTML page that stands alone: no script, no font, no image from anywhere. What to know first comes first; how
 * to repeat it is at the end.
 */
import type { Measured, Quantiles } from "../../sim/index.js";
import { counted } from "../output.js";
import { renderChart } from "./chart.js";
import { escapeHtml, htmlTable } from "./html.js";
import { chartsOf } from "./plots.js";
import { figure } from "./scale.js";
import { STYLE } from "./style.js";

export interface PageOptions {
  /** What each adversary does, by name. */
  readonly about: ReadonlyMap<string, string>;
  /** Virtual seconds per second of the clock on the wall. */
  readonly rate: number;
  /** The command that gives the same run again. */
  readonly command: string;
  readonly version: string;
  /** A page that plays the run; undefined leaves it out. */
  readonly player: string | undefined;
}

export function renderPage(measured: Measured, options: PageOptions): string {
  const title = titleOf(measured);
  const parts = [
    heading(measured, title),
    tiles(measured, options),
    violations(measured),
    played(options),
    `<h2>What happened</h2>${chartsOf(measured).map(renderChart).join("")}`,
    adversaries(measured, options),
    faults(measured),
    repeating(measured, options),
  ];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title><style>${STYLE}</style></head>
<body>${parts.join("\n")}</body></html>
`;
}

function titleOf({ plan }: Measured): string {
  const liars = plan.byzantine === 0 ? "" : `, ${plan.byzantine} of them Byzantine`;
  return `${figure(plan.members)} members${liars}, ${plan.rings} rings`;
}

function heading({ plan, result }: Measured, title: string): string {
  const names = plan.adversaries.length > 0 ? ` The Byzantine ones: ${plan.adversaries.join(", ")}.` : "";
  const quiet =
    result.settledAfter === null
      ? "then a quiet phase in which not all followed that must"
      : `then quiet; all had settled ${result.settledAfter === 0 ? "at once" : `after ${figure(result.settledAfter)} s`}`;
  const lead = `A simulated Fireflies overlay on the production code: ${figure(plan.seconds)} s of virtual time with ${counted(plan.faults.length, "fault or change", "faults and changes")}, ${quiet}.${names}`;
  const { violations } = result;
  const verdict =
    violations.length === 0
      ? '<p class="verdict ok">✓ All invariants held</p>'
      : `<p class="verdict bad">✗ ${escapeHtml(violatedNames(measuredNames(violations)))} violated</p>`;
  return `<header><h1>${escapeHtml(title)}</h1><p class="lead">${escapeHtml(lead)}</p>${verdict}</header>`;
}

function measuredNames(violations: Measured["result"]["violations"]): string[] {
  return [...new Set(violations.map(({ invariant }) => invariant))].sort();
}

function violatedNames(names: readonly string[]): string {
  return `${names.length > 1 ? "Invariants" : "Invariant"} ${names.join(", ")}`;
}

function tiles({ result }: Measured, { rate }: PageOptions): string {
  const within = ({ p50, p99 }: Quantiles): [string, string] =>
    p50 === null ? ["–", ""] : [`${figure(p50)} s`, `median; 99 % within ${figure(p99 ?? 0)} s`];
  const all: readonly (readonly [string, string, string])[] = [
    ["false removals", figure(result.falseRemovals), `in ${figure(result.correctMemberHours)} correct-member-hours`],
    ["false accusations by the correct", figure(result.falseAccusations), ""],
    ["crash: first accusation", ...within(result.detectionFirst)],
    ["crash: out of all correct views", ...within(result.detectionAll)],
    ["a change reaches a member", ...within(result.dissemination)],
    ["sent per member and second", `${figure(result.bytesPerMemberSecond)} B`, ""],
    ["simulated", `${figure(result.simulatedSeconds)} s`, `${figure(rate)} times real time`],
    ["events", figure(result.events), "inputs of machines"],
  ];
  const items = all.map(([name, value, more]) => {
    return `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)} <small>${escapeHtml(more)}</small></dd></div>`;
  });
  return `<dl class="tiles">${items.join("")}</dl>`;
}

/** In a frame: it is a page of its own, with a policy of its own. */
function played({ player }: PageOptions): string {
  if (player === undefined) return "";
  const lead = "Play, pause and scrub: who accuses whom, who answers, who goes. Times are of the run, from its start.";
  const frame = `<iframe title="The run, played" sandbox="allow-scripts allow-downloads" srcdoc="${escapeHtml(player)}"></iframe>`;
  return `<h2>The run, played</h2><p class="caption">${lead}</p>${frame}`;
}

/** Violations shown; the first ones tell what went wrong. */
const VIOLATIONS_SHOWN = 20;

function violations({ result, trace }: Measured): string {
  if (result.violations.length === 0) return "";
  const rows = result.violations.slice(0, VIOLATIONS_SHOWN).map(({ invariant, at, member, text }) => {
    return [`${figure(at / 1_000)} s`, invariant, member, text];
  });
  const more = result.violations.length - rows.length;
  const lines = trace.map(({ at, text }) => `${(at / 1_000).toFixed(3).padStart(10)} s  ${text}`).join("\n");
  const traced = lines === "" ? "" : `<h3>The member concerned</h3><pre>${escapeHtml(lines)}</pre>`;
  return `<h2>Violations</h2>${htmlTable(["when", "invariant", "member", "what"], rows, [0])}${
    more > 0 ? `<p class="note">and ${more} more</p>` : ""
  }${traced}`;
}

function adversaries({ adversaries: tallies, rejections }: Measured, { about }: PageOptions): string {
  if (tallies.length === 0) return "";
  const rows = tallies.map(({ name, liars, counts }) => {
    const deeds = Object.entries(counts).filter(([, count]) => count > 0);
    const done = deeds.map(([deed, count]) => `${figure(count)} ${deed}`).join(", ");
    return [name, figure(liars), about.get(name) ?? "", done || "nothing that is counted"];
  });
  const refused = rejections.map(({ what, reason, count }) => [what, reason, figure(count)]);
  const table =
    refused.length === 0
      ? ""
      : `<h3>What correct members refused to take from them</h3>${htmlTable(["what", "reason", "times"], refused, [2])}`;
  return `<h2>The adversaries</h2>${htmlTable(["adversary", "members", "what it does", "and did here"], rows, [1])}${table}`;
}

function faults({ plan }: Measured): string {
  if (plan.faults.length === 0) return "";
  const rows = plan.faults
    .toSorted((a, b) => a.at - b.at)
    .map((fault) => {
      const { kind, at, ...rest } = fault;
      const facts = Object.entries(rest).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
      return [`${figure(at / 1_000)} s`, kind, facts.join(", ")];
    });
  const list = htmlTable(["when", "what", "how (times in ms)"], rows, [0]);
  return `<h2>Faults and changes</h2><details><summary>${rows.length} of them</summary>${list}</details>`;
}

function repeating({ plan, result }: Measured, { command, version }: PageOptions): string {
  const { latency, loss, duplicates, reordering, bytesPerSecond } = plan.network;
  const line = bytesPerSecond === null ? "" : `, ${figure(bytesPerSecond)} bytes/s each`;
  const percent = (share: number) => `${figure(100 * share)} %`;
  const rows = [
    ["seed", String(plan.seed)],
    ["members", `${figure(plan.members)}, ${plan.byzantine} Byzantine, start: ${plan.start}`],
    ["rings", `${plan.rings}, ${Math.floor((plan.rings - 1) / 2)} liars before a member are tolerated`],
    [
      "network",
      `latency ${latency}, loss ${percent(loss)}, duplicates ${percent(duplicates)}, reordering ${percent(reordering)}${line}`,
    ],
    ...(plan.nat ? [["behind NATs", percent(plan.nat)]] : []),
    [
      "intervals",
      Object.entries(plan.settings)
        .map(([name, value]) => `${name} ${value}`)
        .join(", "),
    ],
    ["signatures", plan.crypto],
    ["digest", result.digest],
    ["version", `fireflies ${version}`],
  ];
  return `<h2>Repeat it</h2><p>The same command gives the same digest, on any machine.</p><pre class="wrapped">${escapeHtml(command)}</pre>${htmlTable(
    ["option", "value"],
    rows,
  )}<details><summary>The whole plan, for <code>--plan FILE</code></summary><pre class="wrapped">${escapeHtml(JSON.stringify(plan))}</pre></details>`;
}
