/**
 * An order service: a shop publishes orders, two workers are one queue, an audit sees all of them; each in a process of its
 * own. One worker is killed in the middle: the other one prepares what it had not, and nothing is lost.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { encodeText } from "fireflies";
import { openNetwork } from "./network.js";

const ORDERS = 200;
/** So many prepared orders after the beginning one worker is killed. */
const KILL_AFTER = 40;

await using network = await openNetwork();
const shop = network.member("shop");
await network.start();

const prepared: string[] = [];
const audited: string[] = [];
const changed = new EventTarget();

/** Starts a program and hears what it says. Resolves when it has subscribed. */
async function start(role: "worker" | "audit", name: string): Promise<ChildProcess> {
  const program = fileURLToPath(new URL("./orders/program.js", import.meta.url));
  const args = [role, network.ca, network.caFingerprint, name];
  const child = spawn(process.execPath, [program, ...args], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout! });
  const ready = new Promise<void>((resolve) => {
    lines.on("line", (line) => {
      if (line === "ready") resolve();
      else (role === "worker" ? prepared : audited).push(line);
      changed.dispatchEvent(new Event("changed"));
    });
  });
  await ready;
  return child;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await once(changed, "changed");
}

const [first, second, audit] = await Promise.all([
  start("worker", "first-worker"),
  start("worker", "second-worker"),
  start("audit", "audit"),
]);
console.log(`${shop.subscribers("orders.eu").length} subscribers`);

const published = Array.from({ length: ORDERS }, (_, index) => {
  const country = index % 2 === 0 ? "eu" : "us";
  return shop.publish(`orders.${country}`, encodeText(`order ${index}`), { ack: "all", timeout: 60_000 });
});
await until(() => prepared.length >= KILL_AFTER);
first.kill("SIGKILL");
console.log("a worker is killed");

await Promise.all(published);
await until(() => new Set(prepared).size === ORDERS && audited.length === ORDERS);
console.log(`${new Set(prepared).size} orders prepared, ${audited.length} seen by the audit`);

for (const child of [second, audit]) {
  child.stdin?.end();
  await once(child, "exit");
}
