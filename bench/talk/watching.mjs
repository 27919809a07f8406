/** A member of a bench that is watched: by a collector of metrics, or by OpenTelemetry with its SDK. */

/** From one page to the next, milliseconds: collectors ask every fifteen seconds. */
const PAGE_MS = 1_000;

export async function scrape(client) {
  const { MemberMetrics } = await import("../../dist/ops/index.js");
  const metrics = new MemberMetrics(client, { ofProcess: true });
  setInterval(() => void metrics.page(), PAGE_MS).unref();
}

/** This share of messages is kept, and their spans go to an exporter in batches, which drops them. */
export async function trace(client, share) {
  const [{ context }, { AsyncLocalStorageContextManager }, sdk, { instrument }] = await Promise.all([
    import("@opentelemetry/api"),
    import("@opentelemetry/context-async-hooks"),
    import("@opentelemetry/sdk-trace-base"),
    import("../../dist/ops/telemetry/index.js"),
  ]);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const exporter = { export: (_, done) => done({ code: 0 }), shutdown: async () => {} };
  const sampler = new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(share) });
  const provider = new sdk.BasicTracerProvider({ sampler, spanProcessors: [new sdk.BatchSpanProcessor(exporter)] });
  instrument(client, { tracer: provider.getTracer("bench"), meter: false });
}
