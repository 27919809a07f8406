/** The plots of a report: what of a run goes onto which axis. */
import type { Change, Measured, Sample } from "../../sim/index.js";
import { counted } from "../output.js";
import type { Chart, Mark } from "./chart.js";
import { axisOf, figure, tickStep } from "./scale.js";

const SECOND = 1_000;

/** The charts that have something to show. */
export function chartsOf(measured: Measured): Chart[] {
  const charts = [viewsChart, detectionChart, spreadChart, bytesOverTimeChart, bytesPerMemberChart, wordsChart];
  return charts.flatMap((chart) => chart(measured) ?? []);
}

/** From 0 to the end of the run, with the quiet phase shaded and the faults marked. */
function timeAxis({ samples }: Measured) {
  const end = (samples.at(-1)?.at ?? SECOND) / SECOND;
  return { label: "seconds of virtual time", min: 0, max: Math.max(1, end) };
}

function phases(measured: Measured): Mark[] {
  const { plan } = measured;
  const { max } = timeAxis(measured);
  const quiet: Mark = { kind: "span", from: plan.seconds, to: max, title: "no more faults: all must settle" };
  const moments = plan.faults.map((fault): Mark => {
    const at = fault.at / SECOND;
    return { kind: "moment", at, title: `${fault.kind} at ${figure(at)} s` };
  });
  return [...(max > plan.seconds ? [quiet] : []), ...moments];
}

function viewsChart(measured: Measured): Chart | undefined {
  const { samples } = measured;
  if (samples.length === 0) return undefined;
  const at = (sample: Sample) => sample.at / SECOND;
  const up = (sample: Sample) => sample.correctUp + sample.byzantineUp;
  const sizes = samples.flatMap((sample) => [sample.viewMax, up(sample)]);
  const lowest = Math.min(...samples.flatMap((sample) => [sample.viewMin, up(sample), sample.correctUp]));
  const y = axisOf("members in a view", sizes);
  const step = tickStep(Math.max(1, y.max - lowest), 4);
  return {
    title: "Views over time",
    caption:
      "How many members the views of the correct hold: mean, smallest and largest, beside how many are up. Triangles are faults and changes; the shaded end is the quiet phase.",
    x: timeAxis(measured),
    y: { ...y, min: lowest > y.max / 2 ? Math.max(0, Math.floor((lowest - step / 2) / step) * step) : 0 },
    marks: [
      ...phases(measured),
      {
        kind: "band",
        colour: "correct",
        points: samples.map((sample) => [at(sample), sample.viewMin, sample.viewMax] as const),
      },
      { kind: "line", colour: "truth", dashed: true, points: samples.map((sample) => [at(sample), up(sample)]) },
      { kind: "line", colour: "correct", points: samples.map((sample) => [at(sample), sample.viewMean]) },
    ],
    legend: [
      { colour: "correct", label: "views of the correct: mean, smallest to largest" },
      { colour: "truth", label: "members that are up", dashed: true },
    ],
  };
}

function detectionChart({ changes }: Measured): Chart | undefined {
  const crashes = changes.filter(({ kind, learnt }) => kind === "crashed" && learnt.length > 0);
  if (crashes.length === 0) return undefined;
  const seconds = (value: number | undefined) => (value === undefined ? undefined : value / SECOND);
  const accused = shares(crashes.flatMap(({ accusedAfter }) => seconds(accusedAfter) ?? []));
  const views = shares(crashes.flatMap(({ learnt }) => learnt.map((ms) => ms / SECOND)));
  const everywhere = shares(crashes.flatMap(({ everywhereAfter }) => seconds(everywhereAfter) ?? []));
  const all = [...accused, ...views, ...everywhere].map(([x]) => x);
  return {
    title: "Detection of crashes",
    caption: `Of ${counted(crashes.length, "crash", "crashes")}, the share that was accused, was out of a view, and was out of all correct views within so many seconds.`,
    x: axisOf("seconds since the crash", all),
    y: shareAxis("share"),
    marks: [
      { kind: "line", colour: "warm", points: accused },
      { kind: "line", colour: "correct", points: views },
      { kind: "line", colour: "violet", points: everywhere },
    ],
    legend: [
      { colour: "warm", label: "first accusation" },
      { colour: "correct", label: "out of one view" },
      { colour: "violet", label: "out of all correct views" },
    ],
  };
}

const SPREADS = [
  { kind: "described", colour: "correct", label: "new facts about a member" },
  { kind: "joined", colour: "good", label: "a member joins" },
  { kind: "leaving", colour: "violet", label: "a member leaves" },
] as const;

function spreadChart({ changes }: Measured): Chart | undefined {
  const spreads = SPREADS.map((spread) => ({ ...spread, points: shares(secondsOf(changes, spread.kind)) }));
  const seen = spreads.filter(({ points }) => points.length > 0);
  if (seen.length === 0) return undefined;
  const count = (kind: Change["kind"]) => changes.filter((change) => change.kind === kind).length;
  return {
    title: "Dissemination of a change",
    caption: "The share of correct members that know of a change within so many seconds, over all changes of its kind.",
    x: axisOf(
      "seconds since the change",
      seen.flatMap(({ points }) => points.map(([x]) => x)),
    ),
    y: shareAxis("share of correct members"),
    marks: seen.map(({ colour, points }) => ({ kind: "line", colour, points })),
    legend: SPREADS.filter(({ kind }) => seen.some((spread) => spread.kind === kind)).map(({ kind, colour, label }) => {
      return { colour, label: `${label} (${count(kind)})` };
    }),
  };
}

const TRAFFIC = [
  { label: "pings, pongs, summonses", colour: "good", kinds: ["ping", "pong", "summons"] },
  { label: "calls and answers", colour: "correct", kinds: ["call", "answer"] },
  { label: "applications", colour: "violet", kinds: ["gossip", "message"] },
] as const;

function bytesOverTimeChart(measured: Measured): Chart | undefined {
  const { samples } = measured;
  const steps = samples.flatMap((sample, index) => {
    const from = samples[index - 1]?.at ?? 0;
    const memberSeconds = (sample.correctUp * (sample.at - from)) / SECOND;
    return memberSeconds > 0 ? [{ sample, from: from / SECOND, to: sample.at / SECOND, memberSeconds }] : [];
  });
  if (steps.length === 0) return undefined;
  const rate = ({ sample, memberSeconds }: (typeof steps)[number], layers: readonly (typeof TRAFFIC)[number][]) =>
    layers.flatMap(({ kinds }) => kinds).reduce((sum, kind) => sum + sample.bytes[kind], 0) / memberSeconds;
  const layers = TRAFFIC.map(({ label, colour }, layer): Mark => {
    const columns = steps.map((step) => {
      const [base, top] = [rate(step, TRAFFIC.slice(0, layer)), rate(step, TRAFFIC.slice(0, layer + 1))];
      const title = `${figure(step.from)}–${figure(step.to)} s, ${label}: ${figure(top - base)} B/s`;
      return { from: step.from, to: step.to, base, top, title };
    });
    return { kind: "columns", colour, columns };
  });
  return {
    title: "Bytes over time",
    caption: "What a correct member sends in a second, on average: packets, pings and pongs without the headers below.",
    x: timeAxis(measured),
    y: axisOf(
      "bytes per member and second",
      steps.map((step) => rate(step, TRAFFIC)),
    ),
    marks: [...phases(measured), ...layers],
    legend: TRAFFIC.filter(({ kinds }) => samples.some(({ bytes }) => kinds.some((kind) => bytes[kind] > 0))),
  };
}

const HISTOGRAM_COLUMNS = 40;

function bytesPerMemberChart({ members }: Measured): Chart | undefined {
  const rates = members.flatMap(({ isCorrect, bytes, upSeconds }) => {
    return isCorrect && upSeconds > 0 ? [bytes / upSeconds] : [];
  });
  if (rates.length < 2) return undefined;
  const x = axisOf("bytes per second", rates);
  const width = x.max / HISTOGRAM_COLUMNS;
  const counts = new Array<number>(HISTOGRAM_COLUMNS).fill(0);
  for (const rate of rates) {
    const column = Math.min(HISTOGRAM_COLUMNS - 1, Math.floor(rate / width));
    counts[column] = (counts[column] ?? 0) + 1;
  }
  const columns = counts.map((count, index) => {
    const [from, to] = [index * width, (index + 1) * width];
    return { from, to, base: 0, top: count, title: `${figure(from)}–${figure(to)} B/s: ${count} members` };
  });
  return {
    title: "Bytes per member",
    caption: "How the load is spread: correct members by what they sent in a second of being up.",
    x,
    y: axisOf("correct members", counts),
    marks: [{ kind: "columns", colour: "correct", columns }],
    legend: [],
    height: 200,
  };
}

function wordsChart(measured: Measured): Chart | undefined {
  const { samples } = measured;
  const series = [
    { colour: "byzantine", label: "suspicions in correct views", of: (sample: Sample) => sample.suspicions },
    { colour: "warm", label: "accusations by the correct", of: (sample: Sample) => sample.accusationsByCorrect },
    { colour: "good", label: "notes of the correct: joins, rebuttals", of: (sample: Sample) => sample.notesByCorrect },
  ] as const;
  const spoken = series.filter(({ of }) => samples.some((sample) => of(sample) > 0));
  if (spoken.length === 0) return undefined;
  return {
    title: "Accusations and answers",
    caption:
      "Statements signed in each step of the plot. What liars put about is answered by notes with a higher epoch.",
    x: timeAxis(measured),
    y: axisOf(
      "times per step",
      samples.flatMap((sample) => spoken.map(({ of }) => of(sample))),
    ),
    marks: [
      ...phases(measured),
      ...spoken.map(({ colour, of }): Mark => {
        return { kind: "line", colour, points: samples.map((sample) => [sample.at / SECOND, of(sample)]) };
      }),
    ],
    legend: spoken,
  };
}

function secondsOf(changes: readonly Change[], kind: Change["kind"]): number[] {
  return changes.filter((change) => change.kind === kind).flatMap(({ learnt }) => learnt.map((ms) => ms / SECOND));
}

/** Points of the curve "share of the values that are at most x"; thinned, as nobody sees a thousand steps. */
const CURVE_POINTS = 200;

function shares(values: readonly number[]): [number, number][] {
  const sorted = values.toSorted((a, b) => a - b);
  const stride = Math.max(1, Math.ceil(sorted.length / CURVE_POINTS));
  const kept = sorted.map((value, index): [number, number] => [value, (index + 1) / sorted.length]);
  const shown = kept.filter((_, index) => index % stride === 0 || index === kept.length - 1);
  // Steps: up to a value nothing more has happened.
  return shown.flatMap(([value, share], index) => [
    [value, shown[index - 1]?.[1] ?? 0] as [number, number],
    [value, share],
  ]);
}

function shareAxis(label: string) {
  return { label, min: 0, max: 1, format: (value: number) => `${Math.round(100 * value)} %` };
}
