/** A thread, or a process, that uses the client of the one that began it; then it does what its argument says. */
import { parentPort, workerData } from "node:worker_threads";
import { clientOver } from "../../../dist/services/threads/index.js";

const client = await clientOver(parentPort ?? process).catch((error) => {
  process.send?.({ failed: `${error.name}: ${error.message}` });
  process.disconnect?.();
});
if (client !== undefined) {
  const what = workerData ?? process.argv[2];
  client.serve("thread", async (data) => {
    const text = new TextDecoder().decode(data);
    if (text === "die") process.exit(0);
    return new TextEncoder().encode(`${what} of ${client.self.name} sees ${client.members().length}`);
  });
}
