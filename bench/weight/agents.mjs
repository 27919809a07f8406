/** Agents of one network, enrolled before: CPU from exec to ready, and what each holds when nothing happens any more. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Process, until } from "../process.mjs";
import { makeDirectory, removeDirectory } from "../support/scratch.mjs";
import { cpuOf, line, median, rssOf } from "./usage.mjs";

/** What a start has left behind is collected by then; and how long nothing happens after that, milliseconds. */
const SETTLE_MS = 15_000;
const STEADY_MS = 20_000;

export async function weighAgents({ agents: count }) {
  const directory = makeDirectory();
  const running = [];
  const start = async (name, args) => {
    const one = new Process(name, args);
    running.push(one);
    await one.event(args[0] === "ca" ? "listening" : "ready");
    return { one, cpu: cpuOf(one.child.pid), rss: rssOf(one.child.pid) };
  };
  try {
    const ca = await start("ca", ["ca", "--dir", join(directory, "ca"), "--port", "0", "--open"]);
    const { url, fingerprint } = await ca.one.event("listening");
    console.log(line("the authority, at its first listening", ca.cpu, ca.rss));
    const agent = (index, ...args) => ["agent", "--dir", join(directory, String(index)), ...args];
    const first = [];
    for (let index = 0; index < count; index++) {
      const enrol = ["--ca", url, "--ca-fingerprint", fingerprint, "--name", `m${index}`];
      first.push(await start(`m${index}`, agent(index, ...enrol)));
    }
    tell("an agent that enrols, at ready", first);
    await Promise.all(first.map(({ one }) => one.end("SIGTERM")));
    const again = [];
    for (let index = 0; index < count; index++) again.push(await start(`m${index}`, agent(index)));
    tell("an agent that is enrolled, at ready", again);
    const members = again.map(({ one }) => one);
    await until(members, () => members.every(({ view }) => view.size === count - 1), "views are whole");
    await sleep(SETTLE_MS);
    const rss = members.map(({ child }) => rssOf(child.pid));
    const cpu = members.map(({ child }) => cpuOf(child.pid));
    console.log(
      line(`an agent of ${count}, settled`, median(cpu), median(rss), `largest ${Math.max(...rss).toFixed(1)}`),
    );
    await sleep(STEADY_MS);
    const used = members.map(({ child }, index) => (1e6 * (cpuOf(child.pid) - cpu[index])) / STEADY_MS);
    console.log(`nothing happens: ${median(used).toFixed(1)} ms of CPU a second for each agent`);
  } finally {
    await Promise.all(running.map((one) => one.end()));
    removeDirectory(directory);
  }
}

function tell(what, found) {
  console.log(line(what, median(found.map(({ cpu }) => cpu)), median(found.map(({ rss }) => rss))));
}
