/** An attack in lines for people. */
import type { Count, Move, Program, Renewal, Telling, When } from "../puppets/program.js";
import type { Plan } from "../run/plan.js";
import type { Attack } from "./attack.js";

export function attackLines({ plan, program }: Attack): string[] {
  return [
    planLine(plan),
    ...plan.faults.map(({ kind, at, ...rest }) => `  ${inSeconds(at)}: ${kind} ${detailsOf(rest)}`.trimEnd()),
    castingLine(program),
    ...(program.prelude ?? []).map((move) => `  of every liar, ${moveLine(move)}`),
    ...program.moves.map((move) => `  ${moveLine(move)}`),
    ...program.withheld.map(({ what, from }) => `  liars keep from ${from === "all" ? "all" : "the victim"}: ${what}`),
    ...(program.late ? [`  liars answer ${program.late.from} ${program.late.beats} beats late`] : []),
  ];
}

function planLine({ seed, members, byzantine, rings, seconds, settings, network }: Plan): string {
  const links = `${network.latency} links, ${Math.round(100 * network.loss)} % lost`;
  return `seed ${seed}: ${members} members, ${byzantine} of them liars, ${rings} rings, ${links}; beats of ${settings.gossipMs} ms, Delta ${settings.deltaMs} ms, ${seconds} s`;
}

function castingLine({ casting, scenes, lasts, few = 3 }: Program): string {
  return `casting ${casting}, ${scenes === 1 ? "one scene" : `up to ${scenes} scenes`} at once, each of ${lasts} beats; few are ${few}`;
}

function moveLine(move: Move): string {
  return `${whenText(move.when)}: ${move.say === "renewal" ? renewalText(move) : moveText(move)}`;
}

function renewalText({ by, overAfter }: Renewal): string {
  const end = overAfter === undefined ? "" : `, over ${overAfter} beats later by the victim's clock`;
  return `${by} has a further certificate${end}`;
}

function moveText(move: Telling): string {
  const { by, say, to, under, bearers = 1, copies = 1 } = move;
  const details = [
    "count" in move && move.count !== undefined ? `count ${countText(move.count)}` : "",
    "rings" in move ? `${move.rings} rings` : "",
    say === "accusation" ? `of ${move.of ?? "victim"}` : "",
    say === "summons" ? `by ${move.way}` : "",
    under === "last" ? "under its last certificate" : "",
    bearers === 1 ? "" : `${bearers} bearers`,
    copies === 1 ? "" : `${copies} copies`,
  ].filter(Boolean);
  return `${by} says ${say} to ${to}${details.length > 0 ? ` (${details.join(", ")})` : ""}`;
}

function whenText(when: When): string {
  if ("at" in when) return `beat ${when.at}`;
  if ("epochsFrom" in when) return `from beat ${when.epochsFrom}, at each epoch of the victim`;
  const { from, every, times = 1, apart = 0 } = when;
  return `from beat ${from}, every ${every}${times > 1 ? `, ${times} times ${apart} apart` : ""}`;
}

function countText(count: Count): string {
  return count === "budget" ? "t + 1" : String(count);
}

function inSeconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

function detailsOf(rest: object): string {
  return Object.keys(rest).length > 0 ? JSON.stringify(rest) : "";
}
