/**
 * `publish(..., { durable: true })` of a member that is killed: what it has resolved for is sent on by its next life. The publisher
 * is a process of its own. Needs a build: `npm run build`.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { saveIdentity } from "../../../identity/index.js";
import { DEADLINE_MS, OfflineNetwork, read, type TestClient, whole } from "../../support/network.js";

const CLIENT = fileURLToPath(new URL("../../../dist/client/index.js", import.meta.url));

/** Starts a member in a process; it says "up", then publishes each line that it is told durably, and answers with the line. */
function publisherAt(dir: string, entry: TestClient) {
  const options = {
    config: false,
    preset: "local",
    listen: "127.0.0.1:0",
    useCa: false,
    dir,
    entryAddrs: [entry.address],
  };
  const source = `
    import { createInterface } from "node:readline";
    import { Client } from ${JSON.stringify(CLIENT)};
    const client = new Client(${JSON.stringify(options)});
    await client.start();
    console.log("up");
    for await (const line of createInterface({ input: process.stdin })) {
      await client.publish("orders.eu", new TextEncoder().encode(line), { durable: true, ack: "none" });
      console.log(line);
    }
    process.exit();
  `;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", source], { stdio: ["pipe", "pipe", 2] });
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  return { child, next: async () => (await lines.next()).value as string };
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await once(child, "exit");
}

it("sends on after kill -9 what its durable subscriber was away for", { timeout: 3 * DEADLINE_MS }, async () => {
  await using network = await OfflineNetwork.create();
  const ann = await network.start();
  const bobsDirectory = network.directory();
  const bob = await network.start({ dir: bobsDirectory, entryAddrs: [ann.address] });
  await whole([ann, bob]);
  const dir = network.directory();
  await saveIdentity(dir, await network.authority.member());
  const handled: string[] = [];
  const handler = ({ data }: { readonly data: Uint8Array }) => void handled.push(read(data));
  await bob.subscribe("orders.*", { durable: "billing", handler });

  const first = publisherAt(dir, ann);
  expect(await first.next()).toBe("up");
  first.child.stdin!.write("one\n");
  expect(await first.next()).toBe("one");
  await expect.poll(() => handled, { timeout: DEADLINE_MS }).toEqual(["one"]);
  await bob.stop();
  first.child.stdin!.write("two\n");
  expect(await first.next()).toBe("two");
  await kill(first.child);

  const again = network.client({ dir: bobsDirectory, useCa: false, entryAddrs: [ann.address] });
  await again.start();
  await again.subscribe("orders.*", { durable: "billing", handler });
  const second = publisherAt(dir, ann);
  expect(await second.next()).toBe("up");
  await expect.poll(() => handled, { timeout: DEADLINE_MS }).toEqual(["one", "two"]);
  await kill(second.child);
});
