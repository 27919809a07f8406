/** Networks of processes by their size, ours beside Serf's: what a steady one costs each member, and how soon a dead one is out. */
import { table } from "../claims/markdown.mjs";
import { figure } from "./table.mjs";

const STEADY = [
  ["bytesPerSecond", "B/s"],
  ["packetsPerSecond", "packets/s"],
  ["wakeUpsPerSecond", "wake-ups/s"],
  ["cpuSecondsPerMinute", "CPU s/min"],
  ["rssMiB", "RSS MiB"],
];
const REMOVAL = [
  ["first", "first view, s"],
  ["all", "all views, s"],
  ["slowest", "slowest, s"],
];
const START = [
  ["wholeAfterStart", "since the first start, s"],
  ["wholeAfterReady", "since the last was ready, s"],
];

/** Sections of docs/performance.md, of the kept rows by name; none for rows that are missing. */
export function sizeSections(kept) {
  const [steady, kill, silent] = ["steady-bytes", "kill", "kill-silent"].map((name) => kept[name]?.details);
  return [
    ...section("Steady networks, by processes, each figure per member (medians):", steady, STEADY),
    ...section(
      "kill -9, until it is out of the first view and out of all of them (medians; the slowest of all):",
      kill,
      REMOVAL,
    ),
    ...section("The same with a host that falls silent:", silent, REMOVAL),
    ...section("Views whole after so many starts:", kill, START),
  ];
}

function section(heading, details, columns) {
  if (!details) return [];
  const rows = Object.entries(details).map(([size, sides]) => [
    size,
    ...columns.map(([key]) => `${figure(sides.ours[key])} / ${figure(sides.serf[key])}`),
  ]);
  return [heading, table(["N", ...columns.map(([, label]) => `${label}, ours / Serf`)], rows)];
}
