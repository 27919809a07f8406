/**
 * A member that listens on all addresses beside members of the quick start, which advertise loopback: what each is told, how
 * many others it sees, and how often somebody was suspected, who all live. Once with that member as the last, once as the first.
 *
 *   npm run -s build && node bench/second-machine.mjs [--seconds 10] [--json]
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Process } from "./process.mjs";

const LOCAL = ["a", "b", "c"];

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "10" }, json: { type: "boolean", default: false } },
});

function tell(what, value) {
  console.log(values.json ? JSON.stringify({ what, value }) : `${what}: ${value}`);
}

async function trial(isFirst) {
  const dir = await mkdtemp(join(tmpdir(), "fireflies-bench-"));
  const ca = new Process("ca", ["ca", "--dir", join(dir, "ca"), "--port", "0", "--open"]);
  const running = [ca];
  try {
    const { url, fingerprint } = await ca.event("listening");
    const start = async (name, ...more) => {
      const place = ["--dir", join(dir, name), "--ca", url, "--ca-fingerprint", fingerprint, "--name", name];
      const one = new Process(name, ["agent", ...place, ...more]);
      running.push(one);
      await one.event("ready");
      return one;
    };
    const early = isFirst ? await start("wide", "--listen", "0.0.0.0") : undefined;
    const local = await Promise.all(LOCAL.map((name) => start(name)));
    const wide = early ?? (await start("wide", "--listen", "0.0.0.0"));
    await sleep(Number(values.seconds) * 1000);
    report(wide, local, isFirst ? "first" : "last");
  } finally {
    await Promise.all(running.map((one) => one.end("SIGKILL")));
    await rm(dir, { recursive: true, force: true });
  }
}

function report(wide, local, place) {
  const codes = ({ log }) =>
    log.flatMap(({ event, code }) => (event === "alarm" ? [code] : [])).join(", ") || "nothing";
  const suspected = [wide, ...local].flatMap(({ log }) => log.filter(({ event }) => event === "suspected"));
  tell(`--listen 0.0.0.0 as the ${place} one: is told`, codes(wide));
  tell(`--listen 0.0.0.0 as the ${place} one: sees`, wide.view.size);
  tell("one of the others is told", codes(local[0]));
  tell("suspected, in all views together", suspected.length);
}

for (const isFirst of [false, true]) await trial(isFirst);
