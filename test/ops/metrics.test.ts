/** The page of metrics: what it says of a member, and that its names and values are what Prometheus takes. */
import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MEMBER_DEFINITIONS, type MemberChange, MemberMetrics, MetricsPage } from "../../ops/index.js";
import { INFO, TOPIC, TRAFFIC } from "../support/member-info.js";
import { complaints, HAS_PROMTOOL } from "../support/promtool.js";

const OPEN_METRICS = "application/openmetrics-text; version=1.0.0";

function metricsOf(changes: readonly MemberChange[] = [], info = INFO, topics = [TOPIC]) {
  return new MemberMetrics({
    info: () => info,
    topics: () => topics,
    traffic: () => TRAFFIC,
    changes: async function* () {
      yield* changes;
    },
  });
}

/** "name{labels}" and its value, line by line. */
function samplesIn(text: string): Record<string, number> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.split(" ").at(-1))]),
  );
}

describe("a page", () => {
  it("says what the member is, at the moment it is asked", async () => {
    let members = 9;
    const source = {
      ...{ info: () => ({ ...INFO, members }), topics: () => [TOPIC], traffic: () => TRAFFIC },
      changes: async function* () {},
    };
    const metrics = new MemberMetrics(source);
    expect(samplesIn((await metrics.page()).text)).toMatchObject({
      fireflies_members: 9,
      fireflies_members_suspected: 1,
      fireflies_rings: 13,
      fireflies_isolated: 0,
      'fireflies_members_by_path{path="relayed"}': 1,
      'fireflies_rejected_total{what="note",reason="stale"}': 7,
      'fireflies_rejected_total{what="odd",reason="none"}': 2,
      fireflies_certificate_expiry_timestamp_seconds: 1_800_000_000.5,
      fireflies_relays: 2,
      'fireflies_datagrams_sent_total{way="session"}': 6,
      'fireflies_topic_backlog{topic="orders.\\"eu\\"\\n"}': 2,
    });
    members = 3;
    // Read anew, not added up.
    const again = samplesIn((await metrics.page()).text);
    expect(again.fireflies_members).toBe(3);
    expect(again['fireflies_rejected_total{what="note",reason="stale"}']).toBe(7);
  });

  it("says what was said and heard, by service, and how long it took", async () => {
    const samples = samplesIn((await metricsOf().page()).text);
    expect(samples).toMatchObject({
      'fireflies_messages_sent_total{service="kv",code="ok"}': 5,
      'fireflies_messages_sent_total{service="kv",code="timeout"}': 1,
      'fireflies_messages_received_total{service="other",code="handler-missing"}': 3,
      'fireflies_messages_open{service="kv",by="self"}': 2,
      'fireflies_message_sent_bytes_total{service="kv"}': 640,
      'fireflies_message_received_bytes_total{service="other"}': 30,
      'fireflies_gossip_received_total{code="ok"}': 1,
      fireflies_gossip_received_bytes_total: 9,
      'fireflies_rpc_received_total{service="a.B",code="resource-exhausted"}': 4,
      'fireflies_streams_ended_total{protocol="/x",by="peer",code="ok"}': 1,
      'fireflies_signature_checks_total{what="frame",outcome="wrong"}': 1,
      'fireflies_budget_hits_total{kind="rpc",by="peer"}': 4,
    });
    // Cumulative, and the last one is all.
    expect(Object.entries(samples).filter(([name]) => name.startsWith("fireflies_message_duration"))).toEqual([
      ['fireflies_message_duration_seconds_bucket{service="kv",le="0.001"}', 4],
      ['fireflies_message_duration_seconds_bucket{service="kv",le="1"}', 5],
      ['fireflies_message_duration_seconds_bucket{service="kv",le="+Inf"}', 6],
      ['fireflies_message_duration_seconds_sum{service="kv"}', 3.5],
      ['fireflies_message_duration_seconds_count{service="kv"}', 6],
    ]);
  });

  it("says how each kind of source does, without its name", async () => {
    const { text } = await metricsOf().page();
    expect(text).not.toContain("example");
    const samples = samplesIn(text);
    expect(Object.fromEntries(Object.entries(samples).filter(([name]) => name.startsWith("fireflies_disc")))).toEqual({
      'fireflies_discovery_contacts{source="authority"}': 2,
      'fireflies_discovery_contacts{source="dns"}': 4,
      'fireflies_discovery_contacts{source="program"}': 0,
      'fireflies_discovery_answered_timestamp_seconds{source="authority"}': 1_700_000_000.5,
      'fireflies_discovery_answered_timestamp_seconds{source="dns"}': 1_700_000_001,
      'fireflies_discovery_failures_in_a_row{source="authority"}': 0,
      'fireflies_discovery_failures_in_a_row{source="dns"}': 4,
      'fireflies_discovery_failures_in_a_row{source="program"}': 1,
    });
  });

  it("counts changes of the view since it began, and not the members that were there", async () => {
    const at = Date.now() + 60_000;
    const metrics = metricsOf([
      { kind: "joined", at: 1 },
      { kind: "joined", at },
      { kind: "failed", reason: "removed", at },
      { kind: "failed", reason: "removed", at },
      { kind: "dropped", count: 40, at },
    ]);
    await turn();
    const samples = samplesIn((await metrics.page()).text);
    expect(Object.entries(samples).filter(([name]) => name.startsWith("fireflies_view_changes"))).toEqual([
      ['fireflies_view_changes_total{kind="joined",reason="none"}', 1],
      ['fireflies_view_changes_total{kind="failed",reason="removed"}', 2],
      ['fireflies_view_changes_total{kind="dropped",reason="none"}', 40],
    ]);
  });

  it("leaves out what a member has not, and has it when it does", async () => {
    expect((await metricsOf().page()).text).not.toMatch(/^fireflies_udx_connections /m);
    const udx = { connections: 0, bytesSent: 1, bytesReceived: 2, packetsSent: 3, packetsReceived: 4, retransmits: 5 };
    const { text } = await metricsOf([], { ...INFO, udx }).page();
    expect(samplesIn(text)).toMatchObject({ fireflies_udx_connections: 0, fireflies_udx_retransmits_total: 5 });
  });

  it("is OpenMetrics for who asks for that, under the same names", async () => {
    const metrics = metricsOf();
    const open = await metrics.page(OPEN_METRICS);
    expect(open.type).toBe("application/openmetrics-text; version=1.0.0; charset=utf-8");
    expect(open.text).toMatch(/# EOF\n$/);
    const plain = await metrics.page("text/html");
    expect(plain.type).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(samplesIn(open.text)).toEqual(samplesIn(plain.text));
  });

  it("has no more than 64 series of topics, whatever a program publishes on", async () => {
    const topics = Array.from({ length: 300 }, (_, index) => ({ ...TOPIC, topic: `t${index}` }));
    const { text } = await metricsOf([], INFO, topics).page();
    expect(text.match(/^fireflies_topic_backlog\{/gm)).toHaveLength(64);
  });

  it("says what the process uses, under the names that other Node programs have, when it is asked to", async () => {
    const page = new MetricsPage<undefined>([], () => undefined, { ofProcess: true });
    const samples = samplesIn((await page.page()).text);
    expect(samples.process_resident_memory_bytes).toBeGreaterThan(1e6);
    expect(samples).toHaveProperty("nodejs_eventloop_lag_p99_seconds");
  });

  it("rejects with what its source throws, and serves the next one", async () => {
    let isBroken = true;
    const source = () => {
      if (isBroken) throw new Error("not now");
    };
    const page = new MetricsPage([{ name: "up", help: "Up.", kind: "gauge", read: () => 1 }], source);
    await expect(page.page()).rejects.toThrow("not now");
    isBroken = false;
    expect((await page.page()).text).toContain("up 1");
  });
});

const LABELS = [
  ...["kind", "reason", "what", "path", "way", "topic"],
  ...["service", "protocol", "code", "by", "outcome", "source"],
];

describe("names by Prometheus' conventions", () => {
  it.each(MEMBER_DEFINITIONS.map((definition) => [definition.name, definition] as const))("%s", (name, definition) => {
    const { help, kind, labels = [] } = definition;
    expect(name).toMatch(/^fireflies(_[a-z]+)+$/);
    expect(name.endsWith("_total")).toBe(kind === "counter");
    expect(name.endsWith("_seconds")).toBe(kind === "histogram" || name.endsWith("_timestamp_seconds"));
    expect(help).toMatch(/^[0-9A-Z].*\.$/);
    // A series for each member, or for each address, is what fills a Prometheus.
    for (const label of labels) expect(LABELS).toContain(label);
  });

  it("are each of one metric", () => {
    expect(new Set(MEMBER_DEFINITIONS.map(({ name }) => name)).size).toBe(MEMBER_DEFINITIONS.length);
  });
});

describe.skipIf(!HAS_PROMTOOL)("promtool (needs the Debian package prometheus)", () => {
  it("is content with the page of a member and its process", async () => {
    const udx = { connections: 1, bytesSent: 1, bytesReceived: 2, packetsSent: 3, packetsReceived: 4, retransmits: 5 };
    const { text } = await metricsOf([{ kind: "joined", at: Date.now() + 60_000 }], { ...INFO, udx }).page();
    expect(complaints(text)).toBe("");
  });

  it("complains of a page that is none, so this can fail", () => {
    expect(complaints("1 fireflies\n")).not.toBe("");
  });

  it("takes whatever partners and programs put into labels", { timeout: 60_000 }, async () => {
    const texts = fc.sample(fc.string({ unit: "binary", maxLength: 20 }), { numRuns: 200, seed: 1 });
    const rejected = Object.fromEntries(texts.map((text, index) => [`${text}: ${text}`, index]));
    const topics = texts.slice(0, 60).map((topic, index) => ({ ...TOPIC, topic: `${index}${topic}` }));
    const { text } = await metricsOf([], { ...INFO, rejected }, topics).page();
    expect(complaints(text)).toBe("");
  });
});
