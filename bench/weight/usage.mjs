/** What the system counts for a process, from /proc. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

const TICKS_PER_SECOND = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
/** Fields of /proc/PID/stat behind the command's name: user and system time. */
const [UTIME, STIME] = [11, 12];

/** Seconds of user and system time, of all threads. */
export function cpuOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1).split(" ");
  return (Number(fields[UTIME]) + Number(fields[STIME])) / TICKS_PER_SECOND;
}

/** MiB. */
export function rssOf(pid) {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1024;
}

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** One line: what, seconds of CPU, MiB. */
export function line(what, cpu, rss, more = "") {
  return `${what.padEnd(44)} ${cpu.toFixed(2).padStart(6)} s CPU ${rss.toFixed(1).padStart(6)} MiB  ${more}`.trimEnd();
}
