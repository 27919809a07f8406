/** What a network of processes has used so far: bytes on its loopback, processor time, wake-ups; and memory now. */
import { readdir, readFile } from "node:fs/promises";
import { sent } from "./netns.mjs";

/** /proc counts processor time in hundredths of a second, on every Linux. */
const TICKS_PER_SECOND = 100;

export async function usage({ members }) {
  const total = { at: performance.now(), cpu: 0, wakeUps: 0, rssMiB: 0 };
  for (const { child } of members) {
    const one = await processUsage(child.pid);
    total.cpu += one.cpu;
    total.wakeUps += one.wakeUps;
    total.rssMiB += one.rssMiB;
  }
  return { ...total, ...(await sent(members[0].child.pid)) };
}

async function processUsage(pid) {
  const stat = (await readFile(`/proc/${pid}/stat`, "utf8")).split(") ")[1].split(" ");
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  let wakeUps = 0;
  for (const task of await readdir(`/proc/${pid}/task`)) {
    const text = await readFile(`/proc/${pid}/task/${task}/status`, "utf8").catch(() => "");
    wakeUps += Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(text)?.[1] ?? 0);
  }
  const cpu = (Number(stat[11]) + Number(stat[12])) / TICKS_PER_SECOND;
  return { cpu, wakeUps, rssMiB: Number(/VmRSS:\s+(\d+)/.exec(status)[1]) / 1024 };
}

/** Per member: bytes, packets and wake-ups per second, CPU seconds per minute, memory at the end. */
export function perMember(before, after, count) {
  const seconds = (after.at - before.at) / 1000;
  const rate = (key) => (after[key] - before[key]) / seconds / count;
  return {
    bytesPerSecond: rate("bytes"),
    packetsPerSecond: rate("packets"),
    wakeUpsPerSecond: rate("wakeUps"),
    cpuSecondsPerMinute: rate("cpu") * 60,
    rssMiB: after.rssMiB / count,
  };
}
