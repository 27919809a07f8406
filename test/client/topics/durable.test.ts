/** Durable subscriptions of whole members go on where they were. */
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import type { TopicMessage } from "../../../client/index.js";
import { codeOf, DEADLINE_MS, OfflineNetwork, read, text, whole } from "../../support/network.js";

class Handled {
  readonly texts: string[] = [];
  readonly #come = new EventTarget();

  readonly take = ({ data }: TopicMessage): void => {
    this.texts.push(read(data));
    this.#come.dispatchEvent(new Event("come"));
  };

  async until(isEnough: (texts: readonly string[]) => boolean): Promise<string[]> {
    while (!isEnough(this.texts)) await once(this.#come, "come", { signal: AbortSignal.timeout(DEADLINE_MS) });
    return this.texts;
  }
}

describe("subscribe(..., { durable })", () => {
  it("goes on where it was after a restart, with what came meanwhile and nothing twice", {
    timeout: 2 * DEADLINE_MS,
  }, async () => {
    await using network = await OfflineNetwork.create();
    const ann = await network.start();
    const dir = network.directory();
    const bob = await network.start({ dir, entryAddrs: [ann.address] });
    await whole([ann, bob]);
    const before = new Handled();
    await bob.subscribe("orders.*", { durable: "billing", handler: before.take });
    for (const each of ["1", "2", "3"]) await ann.publish("orders.eu", text(each), { ack: "all" });
    expect(before.texts).toEqual(["1", "2", "3"]);
    expect(await codeOf(bob.subscribe("orders.*", { durable: "billing", handler: () => {} }))).toBe("name-taken");
    await bob.stop();
    for (const each of ["4", "5"]) await ann.publish("orders.eu", text(each), { ack: "none" });
    await ann.publish("orders.new", text("6"), { ack: "none" });
    const after = new Handled();
    const again = network.client({ dir, useCa: false, entryAddrs: [ann.address] });
    await again.start();
    await again.subscribe("orders.*", { durable: "billing", handler: after.take });
    await after.until((texts) => texts.length >= 3);
    expect([...after.texts].sort()).toEqual(["4", "5", "6"]);
    expect(after.texts.indexOf("4")).toBeLessThan(after.texts.indexOf("5"));
  });
});
