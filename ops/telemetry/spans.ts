/**
 * Spans of what a member asks of others and does for them. What asks is the parent of what answers, in another process as well: the
 * member carries the context along, and this makes of it the parent again. What a peer says of a trace decides no more than
 * where the span of its own request hangs, and whether a sampler that follows parents keeps it.
 */
import {
  type Attributes,
  type Context,
  context,
  createTraceState,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import type { Followed, Operation, TraceContext } from "./source.js";

const OK = "ok";
/** "00-", 32 hex digits, "-", 16, "-", 2: what a member hands on has been checked. */
const TRACE_ID = [3, 35] as const;
const SPAN_ID = [36, 52] as const;
const FLAGS = [53, 55] as const;

export class Spans {
  readonly #tracer: Tracer;
  readonly #accepts: (member: string) => boolean;

  /** `accepts`: of whom the contexts are taken. */
  constructor(tracer: Tracer, accepts: (member: string) => boolean) {
    this.#tracer = tracer;
    this.#accepts = accepts;
  }

  begin(operation: Operation): Followed {
    const parent = this.#parentOf(operation);
    const kind = operation.side === "asks" ? SpanKind.CLIENT : SpanKind.SERVER;
    const span = this.#tracer.startSpan(nameOf(operation), { kind, attributes: attributesOf(operation) }, parent);
    return new FollowedSpan(span, trace.setSpan(parent, span));
  }

  /** What answers begins in no context of this process: the connection that brought it may have been made in one. */
  #parentOf({ side, member = "", context: told }: Operation): Context {
    if (side === "asks") return context.active();
    return told === undefined || !this.#accepts(member) ? ROOT_CONTEXT : remote(told);
  }
}

class FollowedSpan implements Followed {
  readonly #span: Span;
  readonly #context: Context;

  constructor(span: Span, own: Context) {
    this.#span = span;
    this.#context = own;
  }

  get context(): TraceContext | undefined {
    const own = this.#span.spanContext();
    if (!isSpanContextValid(own)) return undefined;
    const flags = own.traceFlags.toString(16).padStart(2, "0");
    return {
      traceparent: `00-${own.traceId}-${own.spanId}-${flags}`,
      tracestate: own.traceState?.serialize() || undefined,
    };
  }

  run<T>(work: () => T): T {
    return context.with(this.#context, work);
  }

  end(code: string): void {
    if (code !== OK) {
      this.#span.setStatus({ code: SpanStatusCode.ERROR, message: code });
      this.#span.setAttribute("error.type", code);
    }
    this.#span.end();
  }
}

function remote({ traceparent, tracestate }: TraceContext): Context {
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId: traceparent.slice(...TRACE_ID),
    spanId: traceparent.slice(...SPAN_ID),
    traceFlags: Number.parseInt(traceparent.slice(...FLAGS), 16),
    isRemote: true,
    ...(tracestate !== undefined && { traceState: createTraceState(tracestate) }),
  });
}

const VERBS = {
  asks: { message: "send", gossip: "gossip", stream: "open", rpc: "" },
  answers: { message: "handle", gossip: "take gossip", stream: "take", rpc: "" },
} as const;

/** "send kv", "handle kv", "open /chat/1.0", "package.Service/Method". */
function nameOf({ kind, side, name }: Operation): string {
  const what = kind === "rpc" ? name.slice(1) : kind === "stream" ? `stream ${name}` : name;
  return `${VERBS[side][kind]} ${what}`.trim();
}

function attributesOf({ kind, name, member, bytes }: Operation): Attributes {
  const [, service = "", method = ""] = name.split("/");
  return {
    "fireflies.kind": kind,
    ...(member !== undefined && { "fireflies.peer.id": member }),
    ...(bytes !== undefined && { "fireflies.bytes": bytes }),
    ...(kind === "message" && name !== "" && { "fireflies.service": name }),
    ...(kind === "stream" && name !== "" && { "fireflies.protocol": name }),
    ...(kind === "rpc" && { "rpc.system": "grpc", "rpc.service": service, "rpc.method": method }),
  };
}
