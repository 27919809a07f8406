/** A member followed by OpenTelemetry: spans, and metrics for who has no Prometheus. */
import { type Meter, metrics, type Tracer, trace } from "@opentelemetry/api";
import { MemberStates } from "../metrics/member-states.js";
import { Durations, observe } from "./instruments.js";
import type { Followed, Operation, Telemetered } from "./source.js";
import { Spans } from "./spans.js";

/** Of tracers and meters that are not given. */
const SCOPE = "fireflies";

export interface TelemetryOptions {
  /** By default the global one, which does nothing while the program has no SDK. False: no spans. */
  readonly tracer?: Tracer | false;
  /** Likewise. False: no metrics. */
  readonly meter?: Meter | false;
  /**
   * Whose word on traces is taken, by the member's id: that of all members by default. A member can say that its request belongs to
   * any trace, and is to be kept. The spans of others begin traces of their own.
   */
  readonly accepts?: (member: string) => boolean;
}

export interface Instrumented {
  /** Nothing is followed any more. Spans that are open end with what they are of. */
  close(): void;
}

/**
 * Has each message, stream and call of gRPC of a member's program be a span, and each that its handlers answer be another one
 * below it, wherever the two run; and has the SDK read the member's metrics. `member`: a `Client` that has started. Its context goes
 * along inside what the member signs. Another `client.follow` takes the place of this one.
 */
export function instrument(member: Telemetered, options: TelemetryOptions = {}): Instrumented {
  const { tracer = trace.getTracer(SCOPE), meter = metrics.getMeter(SCOPE), accepts = () => true } = options;
  const spans = tracer === false ? undefined : new Spans(tracer, accepts);
  const states = meter === false ? undefined : new MemberStates(member);
  const durations = meter === false ? undefined : new Durations(meter, member.traffic().bounds);
  const unobserve = meter !== false && states ? observe(meter, () => states.now) : () => {};
  member.follow((operation) => followed(operation, spans?.begin(operation), durations));
  return {
    close: () => {
      member.follow(undefined);
      unobserve();
      states?.close();
    },
  };
}

function followed(
  operation: Operation,
  span: Followed | undefined,
  durations: Durations | undefined,
): Followed | undefined {
  if (durations === undefined) return span;
  const since = performance.now();
  return {
    context: span?.context,
    run: (work) => (span ? span.run(work) : work()),
    end: (code) => {
      durations.record(operation, (performance.now() - since) / 1_000);
      span?.end(code);
    },
  };
}
