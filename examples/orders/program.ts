/**
 * One of the programs of examples/orders.ts, in a process of its own: a worker that prepares orders, or the audit that sees them all.
 * It says on its standard output what it has handled.
 */
import { Client, decodeText } from "fireflies";

/** Milliseconds that an order takes. */
const WORK_MS = 5;

const [role = "audit", ca = "", caFingerprint = "", name = role] = process.argv.slice(2);
const client = new Client({ config: false, preset: "local", ca, caFingerprint, name });
await client.start();

if (role === "worker") {
  // Each order goes to one of the group. What one that is killed had in hand another one prepares.
  await client.subscribe("orders.*", {
    queue: "workers",
    handler: async ({ data }) => {
      await new Promise((done) => setTimeout(done, WORK_MS));
      console.log(`prepared ${decodeText(data)}`);
    },
  });
} else {
  await client.subscribe("orders.>", { handler: ({ data, from }) => console.log(`${from.name}: ${decodeText(data)}`) });
}
console.log("ready");

// Until the one that started it ends it, or is gone.
await new Promise((ended) => process.stdin.once("end", ended).resume());
await client.stop();
