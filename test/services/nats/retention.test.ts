/** Topics kept by JetStream: a durable subscription that comes after members have let go of its messages is served from the stream. */
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { FirefliesError } from "../../../identity/index.js";
import { NatsBridge, type NatsBridgeOptions } from "../../../services/nats/index.js";
import { HAS_NATS_SERVER, PlainNats } from "../../support/nats-server.js";
import { DEADLINE_MS, OfflineNetwork, read, type TestClient, text, whole } from "../../support/network.js";

/** What a handler was handed, and a wait for so many. */
class Handled {
  readonly texts: string[] = [];
  readonly #come = new EventTarget();

  readonly take = ({ data }: { readonly data: Uint8Array }): void => {
    this.texts.push(read(data));
    this.#come.dispatchEvent(new Event("come"));
  };

  async until(count: number): Promise<string[]> {
    while (this.texts.length < count) await once(this.#come, "come", { signal: AbortSignal.timeout(DEADLINE_MS) });
    return this.texts;
  }
}

describe.skipIf(!HAS_NATS_SERVER)("retention: jetstream (needs nats-server)", () => {
  it("serves who was away for longer than any member lives, in order, with authors proven", {
    timeout: 3 * DEADLINE_MS,
  }, async () => {
    const server = await PlainNats.start();
    onTestFinished(() => server[Symbol.asyncDispose]());
    await using network = await OfflineNetwork.create();
    const root = join(server.directory, "root.pem");
    const der = Buffer.from(network.authority.root).toString("base64");
    writeFileSync(root, `-----BEGIN CERTIFICATE-----\n${der}\n-----END CERTIFICATE-----\n`);
    const troubles: FirefliesError[] = [];
    const bridge = async (client: TestClient, options: NatsBridgeOptions | object = {}) => {
      const made = new NatsBridge(client, {
        ...{ ...server.as(), toNats: ["old.>"], jetStream: true, rootFiles: [root] },
        ...options,
        onTrouble: (error) => troubles.push(error),
      });
      await made.start();
      return made;
    };
    const ann = await network.start();
    const [bobDir, cidDir] = [network.directory(), network.directory()];
    const bob = await network.start({ dir: bobDir, entryAddrs: [ann.address] });
    const cid = await network.start({ dir: cidDir, entryAddrs: [ann.address] });
    await whole([ann, bob, cid]);
    const exporting = await bridge(bob);
    const before = new Handled();
    await cid.subscribe("old.>", { durable: "audit", handler: before.take });
    for (const each of ["1", "2"]) await ann.publish("old.a", text(each), { ack: "all" });
    expect(before.texts).toEqual(["1", "2"]);
    await cid.stop();
    for (const each of ["3", "4", "5"]) await ann.publish("old.a", text(each), { ack: "all" });
    await ann.publish("old.new", text("6"), { ack: "all" });
    expect(exporting.figures().exported).toBe(6);
    // Nobody that held them is left.
    await exporting.stop();
    await Promise.all([ann.stop(), bob.stop()]);
    const again = network.client({ dir: cidDir, useCa: false });
    await again.start();
    const reading = await bridge(again, { retention: "jetstream" });
    onTestFinished(() => reading.stop());
    const after = new Handled();
    const lost: string[] = [];
    await again.subscribe("old.>", {
      durable: "audit",
      handler: after.take,
      onEvent: ({ kind }) => lost.push(kind),
    });
    const texts = await after.until(4);
    expect([...texts].sort()).toEqual(["3", "4", "5", "6"]);
    expect(texts.filter((each) => each !== "6")).toEqual(["3", "4", "5"]);
    expect(lost).toEqual([]);
    // What came from the stream does not go there again.
    expect(reading.figures().exported).toBe(0);
    expect(troubles.filter(({ code }) => code !== "nats-unreachable")).toEqual([]);
  });

  it("needs a stream, and roots", async () => {
    await using network = await OfflineNetwork.create();
    const ann = await network.start();
    const options = { servers: "127.0.0.1:1", toNats: ["a"], retention: "jetstream" } as const;
    for (const more of [{}, { jetStream: true }])
      await expect(new NatsBridge(ann, { ...options, ...more }).start()).rejects.toMatchObject({
        code: "config-bad-value",
      });
  });
});
