/** What telemetry needs of a member. A `Client` is one; this room imports nothing of it. */
import type { MemberSource } from "../metrics/member-source.js";

/** As the fields of the same names of https://www.w3.org/TR/trace-context/. */
export interface TraceContext {
  readonly traceparent: string;
  readonly tracestate?: string | undefined;
}

/** As `Operation` of a client. */
export interface Operation {
  readonly kind: "message" | "gossip" | "stream" | "rpc";
  readonly side: "asks" | "answers";
  readonly name: string;
  readonly member: string | undefined;
  readonly bytes: number | undefined;
  readonly context: TraceContext | undefined;
}

/** As `Followed` of a client. */
export interface Followed {
  readonly context: TraceContext | undefined;
  run<T>(work: () => T): T;
  end(code: string): void;
}

export interface Telemetered extends MemberSource {
  follow(follow: ((operation: Operation) => Followed | undefined) | undefined): void;
}
