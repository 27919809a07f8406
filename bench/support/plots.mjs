/** The plots of docs/performance/: which figures of which rows go onto which axis. */
import { mkdirSync, writeFileSync } from "node:fs";
import { renderPlot } from "./svg.mjs";

const FOLDER = new URL("../../docs/performance/", import.meta.url);

const KIB = 1024;
const SIZE_TICKS = [16, 100, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, KIB * KIB];
const COUNT_TICKS = [1, 10, 100, 1000];
const MEMBERS_TICKS = [100, 1000, 10_000];

const IN_FLIGHT = { label: "requests in flight", log: true, ticks: COUNT_TICKS };
const PAYLOAD = { label: "bytes of request and of reply", log: true, ticks: SIZE_TICKS, format: bytesText };
const PROCESSES = { label: "processes in the network" };
const PER_SECOND = { label: "answered requests per second", log: true };
const LATENCY = { label: "latency p50, milliseconds", log: true };

/** Each: the file's name, what it shows, what it says, and `of`, which makes it of the kept rows by name; undefined when figures are missing. */
export const PLOTS = [
  {
    file: "in-flight-rate.svg",
    says: "What waits in one turn of the event loop shares a frame, a signature and a write, so the rate grows with what is in flight; a unary call pays for itself each time.",
    title: "Requests per second, by requests in flight (100 bytes)",
    of: (kept) => curve(kept["curve-in-flight"], "perSecond", IN_FLIGHT, PER_SECOND),
  },
  {
    file: "in-flight-latency.svg",
    says: "Alone, a request pays for its own signature and for that of its reply.",
    title: "Latency, by requests in flight (100 bytes)",
    of: (kept) => curve(kept["curve-in-flight"], "p50", IN_FLIGHT, LATENCY),
  },
  {
    file: "payload-rate.svg",
    says: "With larger payloads the bytes count: ours are hashed and copied into a frame, and share streams and their windows, where each unary call has its own.",
    title: "Requests per second, by payload (50 in flight)",
    of: (kept) => curve(kept["curve-bytes"], "perSecond", PAYLOAD, PER_SECOND),
  },
  {
    file: "payload-latency.svg",
    says: "The same runs by latency. Up to 64 KiB 50 are in flight, of larger ones as many as make 8 MiB.",
    title: "Latency, by payload (50 in flight)",
    of: (kept) => curve(kept["curve-bytes"], "p50", PAYLOAD, LATENCY),
  },
  {
    file: "steady-bytes.svg",
    says: "Each member pings its neighbours on the rings in turns, however many members there are; equal views need no call.",
    title: "Steady network: bytes, by members",
    of: (kept) => bySize(kept["steady-bytes"], "bytesPerSecond", "bytes per second and member"),
  },
  {
    file: "steady-cpu.svg",
    says: "The same processes by processor time.",
    title: "Steady network: processor time, by members",
    of: (kept) => bySize(kept["steady-cpu"], "cpuSecondsPerMinute", "CPU seconds per minute and member"),
  },
  {
    file: "kill.svg",
    says: "A removal waits for missed pings and then for 2 Delta, not for the number of members.",
    title: "kill -9 until it is out of all views, by members",
    of: (kept) => bySize(kept.kill, "all", "seconds"),
  },
  {
    file: "machine.svg",
    says: "What one input costs the machine of gossip/ in a view of so many members.",
    title: "One input of the machine, by members that it knows",
    of: machine,
  },
  {
    file: "memory.svg",
    says: "Heap and buffers of two members, both sides together, after a collection, while they exchange messages.",
    title: "Memory while messages are exchanged",
    of: memory,
  },
];

/** The plots that there are figures for: { file, title, says, svg }. */
export function plotsOf(rows) {
  const kept = Object.fromEntries(rows.map((row) => [row.row, row]));
  return PLOTS.flatMap(({ file, title, says, of }) => {
    const plot = of(kept);
    return plot ? [{ file, title, says, svg: renderPlot({ title, ...plot }) }] : [];
  });
}

export function writePlots(rows) {
  mkdirSync(FOLDER, { recursive: true });
  for (const { file, svg } of plotsOf(rows)) writeFileSync(new URL(file, FOLDER), svg);
}

function curve(row, key, x, y) {
  if (!row?.details) return undefined;
  const line = (name, side) => ({ name, points: row.details.points.map((point) => [point.x, point[side][key]]) });
  return { x, y, lines: [line("ours, signed", "ours"), line("grpc-js unary", "peer")] };
}

/** Of details that have the number of members as keys. */
function bySize(row, key, label) {
  if (!row?.details) return undefined;
  const sizes = Object.keys(row.details).map(Number);
  const line = (name, side) => ({ name, points: sizes.map((size) => [size, row.details[size][side][key]]) });
  return { x: { ...PROCESSES, ticks: sizes }, y: { label }, lines: [line("ours", "ours"), line("Serf", "serf")] };
}

function machine(kept) {
  const names = { judge: "accusation", insert: "newcomer", remove: "departure", reconcile: "reconciliation" };
  const lines = Object.entries(names).flatMap(([row, name]) => {
    const details = kept[`machine-${row}`]?.details;
    return details ? [{ name, points: Object.keys(details).map((size) => [Number(size), details[size].us]) }] : [];
  });
  if (lines.length === 0) return undefined;
  const x = { label: "members", log: true, ticks: MEMBERS_TICKS };
  return { x, y: { label: "microseconds", log: true }, lines };
}

function memory(kept) {
  const { messages, mibAtEachLook: curve } = kept["memory-messages"]?.details ?? {};
  if (!curve) return undefined;
  const points = curve.map((mib, look) => [(messages * look) / (curve.length - 1), mib]);
  return {
    x: { label: "messages, signed and answered" },
    y: { label: "MiB" },
    lines: [{ name: "two members", points }],
  };
}

function bytesText(bytes) {
  if (bytes < KIB) return `${bytes} B`;
  return bytes < KIB * KIB ? `${bytes / KIB} KiB` : `${bytes / KIB / KIB} MiB`;
}
