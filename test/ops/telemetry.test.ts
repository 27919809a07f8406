/** Traces from member to member with OpenTelemetry's own SDK: each client has a provider of its own, as two processes have. */
import { once } from "node:events";
import type { handleUnaryCall } from "@grpc/grpc-js";
import { type Context, context, metrics, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Operation } from "../../client/index.js";
import { traceExtension, traceIn, traceOf, traceText } from "../../client/traffic/trace-context.js";
import { MEMBER_DEFINITIONS } from "../../ops/index.js";
import { type Instrumented, instrument } from "../../ops/telemetry/index.js";
import { instrumentOf } from "../../ops/telemetry/instruments.js";
import { codeOf, OfflineNetwork, read, type TestClient, text } from "../support/network.js";
import { asked, ECHO, EchoClient, echo } from "../support/rpc.js";

const manager = new AsyncLocalStorageContextManager();
let network: OfflineNetwork;
let alice: TestClient;
let bob: TestClient;
let carol: TestClient;

class Sdk {
  readonly #exporter = new InMemorySpanExporter();
  readonly provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(this.#exporter)] });
  readonly tracer = this.provider.getTracer("test");

  get spans(): ReadableSpan[] {
    return this.#exporter.getFinishedSpans();
  }

  named(name: string): ReadableSpan {
    const [found, ...more] = this.spans.filter((span) => span.name === name);
    expect(more).toEqual([]);
    return found ?? expect.fail(`no span "${name}" among ${this.spans.map((span) => span.name)}`);
  }
}

let sdks: { readonly alice: Sdk; readonly bob: Sdk; readonly carol: Sdk };
let ending = new AbortController();
let instrumented: Instrumented[] = [];

beforeAll(async () => {
  context.setGlobalContextManager(manager.enable());
  const made = await OfflineNetwork.of(3);
  network = made.network;
  [alice, bob, carol] = made.clients as [TestClient, TestClient, TestClient];
  const { missing: _, ...served } = ECHO;
  bob.addService(served, {
    ...echo,
    once: ((call, done) => {
      trace.getActiveSpan()?.addEvent("handled");
      echo.once(call, done);
    }) satisfies handleUnaryCall<Buffer, Buffer>,
  });
});
afterAll(async () => {
  context.disable();
  await network[Symbol.asyncDispose]();
});
beforeEach(() => {
  ending = new AbortController();
  sdks = { alice: new Sdk(), bob: new Sdk(), carol: new Sdk() };
  instrumented = [
    instrument(alice, { tracer: sdks.alice.tracer, meter: false }),
    instrument(bob, { tracer: sdks.bob.tracer, meter: false }),
    instrument(carol, { tracer: sdks.carol.tracer, meter: false }),
  ];
});
afterEach(() => {
  ending.abort();
  for (const each of instrumented) each.close();
});

const traceId = (span: ReadableSpan) => span.spanContext().traceId;
const parentOf = (span: ReadableSpan) => span.parentSpanContext?.spanId;
const spanId = (span: ReadableSpan) => span.spanContext().spanId;

describe("one trace", () => {
  it("spans three members: a message, and the one that its handler sends on", async () => {
    const { signal } = ending;
    carol.serve("stock", () => text("7"), { signal });
    bob.serve("shop", (data) => bob.sendToId(carol.id, data, { service: "stock" }), { signal });
    await sdks.alice.tracer.startActiveSpan("order", async (order) => {
      expect(read(await alice.sendToId(bob.id, text("tea"), { service: "shop" }))).toBe("7");
      order.end();
    });
    const spans = [
      sdks.alice.named("order"),
      sdks.alice.named("send shop"),
      sdks.bob.named("handle shop"),
      sdks.bob.named("send stock"),
      sdks.carol.named("handle stock"),
    ];
    expect(new Set(spans.map(traceId)).size).toBe(1);
    expect(spans.slice(1).map(parentOf)).toEqual(spans.slice(0, -1).map(spanId));
    expect(spans.slice(1).map(({ kind }) => kind)).toEqual(
      [SpanKind.CLIENT, SpanKind.SERVER, SpanKind.CLIENT, SpanKind.SERVER], // One asks, the other answers.
    );
    expect(spans[2]!.attributes).toMatchObject({ "fireflies.peer.id": alice.id, "fireflies.service": "shop" });
  });

  it("says how a message failed, at both ends", async () => {
    const failing = () => {
      throw new Error("no");
    };
    bob.serve("shop", failing, { signal: ending.signal });
    expect(await codeOf(alice.sendToId(bob.id, text("x"), { service: "shop" }))).toBe("handler-failed");
    for (const span of [sdks.alice.named("send shop"), sdks.bob.named("handle shop")])
      expect(span.status).toEqual({ code: SpanStatusCode.ERROR, message: "handler-failed" });
    expect(traceId(sdks.bob.named("handle shop"))).toBe(traceId(sdks.alice.named("send shop")));
  });

  it.each([
    ["a stream", alice0, bob0, {}],
    ["a stream of who was dialled", bob0, alice0, {}],
    ["a stream that outlives connections", alice0, bob0, { reconnect: true }],
    ["a stream that is waited for", alice0, bob0, { accepted: true }],
  ])("goes on in the handler of %s, and both spans end with it", async (_, from, to, options) => {
    const [opener, taker] = [from(), to()];
    const inside: (string | undefined)[] = [];
    taker.client.handle(
      "/trace/1",
      async (stream) => {
        inside.push(trace.getActiveSpan()?.spanContext().traceId);
        for await (const message of stream) stream.write(message);
        stream.end();
      },
      { signal: ending.signal },
    );
    const stream = await opener.client.openStream(taker.client.id, { protocol: "/trace/1", ...options });
    stream.write(text("hello"));
    await once(stream, "data");
    expect([...opener.sdk.spans, ...taker.sdk.spans]).toEqual([]); // Neither has ended.
    stream.end();
    stream.resume();
    await once(stream, "close");
    const asks = opener.sdk.named("open stream /trace/1");
    await ended(taker.sdk, "take stream /trace/1");
    const answers = taker.sdk.named("take stream /trace/1");
    expect([traceId(answers), parentOf(answers), inside[0]]).toEqual([traceId(asks), spanId(asks), traceId(asks)]);
  });

  it("goes on in a call of gRPC, by the metadata that other libraries use too", async () => {
    const stub = await alice.stub(bob.id, EchoClient);
    expect(String(await asked((done) => stub.once(Buffer.from("hi"), done)))).toBe("hi");
    const [asks, answers] = [sdks.alice.named("test.Echo/once"), sdks.bob.named("test.Echo/once")];
    expect([traceId(answers), parentOf(answers)]).toEqual([traceId(asks), spanId(asks)]);
    expect(answers.events.map(({ name }) => name)).toEqual(["handled"]);
    expect(asks.attributes).toMatchObject({ "rpc.system": "grpc", "rpc.service": "test.Echo", "rpc.method": "once" });
    await asked((done) => stub.missing(Buffer.from("x"), done)).catch(() => {});
    expect(sdks.alice.named("test.Echo/missing").status.message).toBe("unimplemented");
  });

  it("begins anew where the word of who asks is not taken", async () => {
    instrumented[1] = instrument(bob, { tracer: sdks.bob.tracer, meter: false, accepts: (id) => id !== alice.id });
    bob.serve("shop", () => undefined, { signal: ending.signal });
    await alice.sendToId(bob.id, text("x"), { service: "shop" });
    expect(parentOf(sdks.bob.named("handle shop"))).toBeUndefined();
    expect(traceId(sdks.bob.named("handle shop"))).not.toBe(traceId(sdks.alice.named("send shop")));
  });

  it("is followed by nobody after close, and messages go on", async () => {
    for (const each of instrumented) each.close();
    bob.serve("shop", (data) => data, { signal: ending.signal });
    expect(read(await alice.sendToId(bob.id, text("x"), { service: "shop" }))).toBe("x");
    expect([...sdks.alice.spans, ...sdks.bob.spans]).toEqual([]);
  });
});

function alice0() {
  return { client: alice, sdk: sdks.alice };
}

function bob0() {
  return { client: bob, sdk: sdks.bob };
}

/** Its end comes in a later turn of the other side. */
async function ended(sdk: Sdk, name: string): Promise<void> {
  for (let turns = 0; turns < 1_000 && !sdk.spans.some((span) => span.name === name); turns++)
    await new Promise((resolve) => setImmediate(resolve));
}

describe("what a peer says of a trace", () => {
  const good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

  it.each([
    ["nothing", ""],
    ["another version", good.replace("00-", "01-")],
    ["capitals", good.toUpperCase()],
    ["no trace", good.replace("0af7651916cd43dd8448eb211c80319c", "0".repeat(32))],
    ["no parent", good.replace("b7ad6b7169203331", "0".repeat(16))],
    ["one character less", good.slice(0, -1)],
    ["one more", `${good}0`],
    ["an empty state", `${good} `],
    ["two lines", `${good} a=1\nb=2`],
    ["a state that is too long", `${good} a=${"x".repeat(512)}`],
  ])("is ignored when it is no place in a trace: %s", (_, said) => {
    expect(traceIn(said)).toBeUndefined();
    expect(traceOf([{ type: 3, data: Buffer.from(said) }])).toBeUndefined();
  });

  it("is read as it was written", () => {
    for (const tracestate of [undefined, "a=1", "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7", "x".repeat(512)]) {
      const written = traceText({ traceparent: good, tracestate });
      expect(traceIn(written)).toEqual({ traceparent: good, ...(tracestate && { tracestate }) });
      expect(traceOf([traceExtension(written)])).toEqual(traceIn(written));
    }
    expect(traceText({ traceparent: good, tracestate: "x".repeat(513) })).toBe(good);
    expect(traceText({ traceparent: "anything" })).toBe("");
  });

  it("never throws, whatever the bytes are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 700 }), (data) => {
        const found = traceOf([{ type: 3, data }]);
        return found === undefined || traceText(found).startsWith("00-");
      }),
    );
  });

  it("is signed with the message: who looks at the operation sees it, and a message without one is none", async () => {
    const seen: Operation[] = [];
    bob.follow((operation) => {
      seen.push(operation);
      return undefined;
    });
    bob.serve("shop", () => undefined, { signal: ending.signal });
    await alice.sendToId(bob.id, text("x"), { service: "shop" });
    alice.follow(undefined);
    await alice.sendToId(bob.id, text("x"), { service: "shop" });
    expect(seen.map((operation) => operation.context)).toEqual([
      { traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/) },
      undefined,
    ]);
  });
});

describe("metrics by the same API", () => {
  it("have the values of a page, and durations of what has ended", async () => {
    for (const each of instrumented) each.close();
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
    const provider = new MeterProvider({ readers: [reader] });
    const made = instrument(alice, { tracer: false, meter: provider.getMeter("test") });
    bob.serve("shop", () => undefined, { signal: ending.signal });
    await alice.sendToId(bob.id, text("x"), { service: "shop" });
    await provider.forceFlush();
    const found = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
    const pointsOf = (name: string) => found.find(({ descriptor }) => descriptor.name === name)?.dataPoints ?? [];
    expect(pointsOf("fireflies_members")).toMatchObject([{ value: 2 }]);
    const sent = pointsOf("fireflies_messages_sent").filter(({ attributes }) => attributes.service === "shop");
    expect(sent).toContainEqual(expect.objectContaining({ attributes: { service: "shop", code: "ok" } }));
    expect(pointsOf("fireflies_message_duration")).toMatchObject([
      { attributes: { service: "shop" }, value: { count: 1, buckets: { boundaries: [...alice.traffic().bounds] } } },
    ]);
    made.close();
    await provider.shutdown();
  });

  it("have names from which an exporter makes those of the page again", () => {
    const units: Readonly<Record<string, string>> = { By: "_bytes", s: "_seconds", 1: "" };
    for (const { name, kind } of MEMBER_DEFINITIONS) {
      const { name: instrumented, unit } = instrumentOf(name);
      expect(`${instrumented}${units[unit]}${kind === "counter" ? "_total" : ""}`).toBe(name);
    }
  });

  it("do nothing where the program has no SDK", async () => {
    const made = instrument(alice);
    bob.serve("shop", (data) => data, { signal: ending.signal });
    expect(read(await alice.sendToId(bob.id, text("x"), { service: "shop" }))).toBe("x");
    made.close();
    expect(metrics.getMeterProvider()).toBeDefined();
    expect(context.active() as Context).toBe(ROOT_CONTEXT);
  });
});
