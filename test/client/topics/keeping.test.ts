/** What a member keeps of topics, as its configuration says: read strictly, and changed while it runs. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { resolveMemberConfig } from "../../../client/config/index.js";
import { DEADLINE_MS, OfflineNetwork, type TestClient, text } from "../../support/network.js";

describe("topic_retention", () => {
  const cwd = mkdtempSync(join(tmpdir(), "fireflies-keeping-"));
  afterAll(() => rmSync(cwd, { recursive: true }));
  const inFile = (yaml: string) => {
    writeFileSync(join(cwd, "fireflies.yaml"), yaml);
    return resolveMemberConfig({}, { surroundings: { cwd, env: {}, home: cwd } });
  };

  it("is in seconds in a file, a variable or a flag, and in milliseconds in a program", () => {
    const rules = [
      { topic: "orders.>", ms: 3_600_000, bytes: 4_194_304 },
      { topic: "*", ms: 1_500 },
    ];
    expect(
      inFile(
        "topic_memory: 134217728\ntopic_retention:\n  - { topic: orders.>, seconds: 3600, bytes: 4194304 }\n  - { topic: '*', seconds: 1.5 }\n",
      ),
    ).toMatchObject({ topicRetention: rules, topicMemoryBytes: 134_217_728 });
    expect(resolveMemberConfig({ config: false, topicRetention: rules }).topicRetention).toEqual(rules);
    const json = '[{"topic":"orders.>","seconds":3600,"bytes":4194304},{"topic":"*","seconds":1.5}]';
    const env = { FIREFLIES_TOPIC_RETENTION: json };
    rmSync(join(cwd, "fireflies.yaml"));
    expect(resolveMemberConfig({}, { surroundings: { cwd, env, home: cwd } }).topicRetention).toEqual(rules);
    const flags = { "topic-retention": json };
    expect(resolveMemberConfig({ config: false }, { flags }).topicRetention).toEqual(rules);
  });

  it("is the default for all when nothing is said", () => {
    expect(resolveMemberConfig({ config: false })).toMatchObject({ topicRetention: [], topicMemoryBytes: 67_108_864 });
  });

  it.each([
    ["no list", "x", "must be a list of at most 256 entries"],
    [
      "too many",
      Array.from({ length: 257 }, () => ({ topic: "a", ms: 1000 })),
      "must be a list of at most 256 entries",
    ],
    ["no mapping", [{ topic: "a", ms: 1000 }, "b"], "has an entry 2 that is no mapping with topic, ms and bytes"],
    [
      "a strange key",
      [{ topic: "a", seconds: 5 }],
      "has an entry 1 with an unknown key seconds: it may have topic, ms and bytes",
    ],
    ["no topic", [{ ms: 1000 }], "has an entry 1 whose topic is empty"],
    ["no pattern", [{ topic: "a..b", ms: 1000 }], "has an entry 1 whose topic has an empty token"],
    ["nothing", [{ topic: "a" }], "has an entry 1 that says neither ms nor bytes"],
    [
      "too short",
      [{ topic: "a", ms: 999 }],
      "has an entry 1 whose ms must be a number of milliseconds from 1000 to 86400000",
    ],
    ["too long", [{ topic: "a", ms: 86_400_001 }], "whose ms must be"],
    [
      "too small",
      [{ topic: "a", bytes: 1_048_575 }],
      "has an entry 1 whose bytes must be a whole number from 1048576 to 17179869184",
    ],
    [
      "more than all",
      [{ topic: "a", bytes: 67_108_865 }],
      "keeps 67108865 bytes of a, which is more than the 67108864 of all topics",
    ],
  ])("is refused with what is wrong: %s", (_, rules, message) => {
    expect(() => resolveMemberConfig({ config: false, topicRetention: rules as never })).toThrow(
      expect.objectContaining({ code: "config-bad-value", message: expect.stringContaining(message) }),
    );
  });
});

describe("a member that runs", () => {
  let network: OfflineNetwork;
  let ann: TestClient;
  let bob: TestClient;
  beforeAll(async () => {
    const made = await OfflineNetwork.of(2);
    network = made.network;
    [ann, bob] = made.clients as [TestClient, TestClient];
  }, DEADLINE_MS);
  afterAll(() => network[Symbol.asyncDispose]());

  const held = (client: TestClient, topic: string) =>
    client.topics().find((each) => each.topic === topic)?.heldBytes ?? 0;

  it("keeps what it holds for as long as it is told anew, and the rest as before", async () => {
    const subscription = await bob.subscribe(">", { handler: () => {} });
    for (const topic of ["short.a", "long.a"]) await ann.publish(topic, text("x".repeat(1_000)), { ack: "all" });
    expect(bob.adjust({ topicRetention: [{ topic: "short.>", ms: 1_000 }] })).toMatchObject({ topicRetention: [] });
    await expect.poll(() => held(bob, "short.a"), { timeout: DEADLINE_MS }).toBe(0);
    expect([held(bob, "long.a"), held(ann, "short.a")].map((bytes) => bytes > 1_000)).toEqual([true, true]);
    await subscription.unsubscribe();
  });

  it("is adjusted within what it runs with, and as a whole or not at all", () => {
    const rule = { topic: "big", bytes: 100_000_000 };
    expect(() => ann.adjust({ topicRetention: [rule] })).toThrow(expect.objectContaining({ code: "config-bad-value" }));
    ann.adjust({ topicMemoryBytes: 200_000_000 });
    ann.adjust({ topicRetention: [rule] });
    expect(() => ann.adjust({ topicMemoryBytes: 2_000_000 })).toThrow(
      expect.objectContaining({ code: "config-bad-value", message: expect.stringContaining("big") }),
    );
    expect(ann.adjust({ topicRetention: [], topicMemoryBytes: 67_108_864 })).toMatchObject({
      topicRetention: [rule],
      topicMemoryBytes: 200_000_000,
    });
  });
});
