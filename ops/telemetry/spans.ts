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
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import type { Followed, Operation, TraceContext } from "./source.js";

const OK = "ok";
/** "00-", 32 hex digits, "-", 16, "-", 2: what a member hands on has been checked. */
const [TRACE_ID_AT, TRACE_ID_END] = [3, 35] as const;
const [SPAN_ID_AT, SPAN_ID_END] = [36, 52] as const;
const FLAGS_AT = 53;

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
    return new FollowedSpan(span, parent);
  }

  /** What answers begins in no context of this process: the connection that brought it may have been made in one. */
  #parentOf({ side, member = "", context: told }: Operation): Context {
    if (side === "asks") return context.active();
    return told === undefined || !this.#accepts(member) ? ROOT_CONTEXT : remote(told);
  }
}

class FollowedSpan implements Followed {
  readonly #span: Span;
  readonly #parent: Context;

  constructor(span: Span, parent: Context) {
    this.#span = span;
    this.#parent = parent;
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
    return context.with(trace.setSpan(this.#parent, this.#span), work);
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
  const spanContext: SpanContext = {
    traceId: traceparent.slice(TRACE_ID_AT, TRACE_ID_END),
    spanId: traceparent.slice(SPAN_ID_AT, SPAN_ID_END),
    traceFlags: Number.parseInt(traceparent.slice(FLAGS_AT), 16),
    isRemote: true,
  };
  if (tracestate !== undefined) spanContext.traceState = createTraceState(tracestate);
  return trace.setSpanContext(ROOT_CONTEXT, spanContext);
}

const VERBS = {
  asks: { message: "send", gossip: "gossip", stream: "open", rpc: "" },
  answers: { message: "handle", gossip: "take gossip", stream: "take", rpc: "" },
} as const;

/** "send kv", "handle kv", "open stream /chat/1.0", "package.Service/Method". */
function nameOf({ kind, side, name }: Operation): string {
  const verb = VERBS[side][kind];
  if (kind === "rpc") return name.slice(1);
  if (kind === "stream") return name === "" ? `${verb} stream` : `${verb} stream ${name}`;
  return name === "" ? verb : `${verb} ${name}`;
}

/** Set one by one: most spans are not kept, and for those this is most of the work. */
function attributesOf({ kind, name, member, bytes }: Operation): Attributes {
  const attributes: Attributes = { "fireflies.kind": kind };
  if (member !== undefined) attributes["fireflies.peer.id"] = member;
  if (bytes !== undefined) attributes["fireflies.bytes"] = bytes;
  if (kind === "message" && name !== "") attributes["fireflies.service"] = name;
  if (kind === "stream" && name !== "") attributes["fireflies.protocol"] = name;
  if (kind === "rpc") {
    const [, service = "", method = ""] = name.split("/");
    attributes["rpc.system"] = "grpc";
    attributes["rpc.service"] = service;
    attributes["rpc.method"] = method;
  }
  return attributes;
}
