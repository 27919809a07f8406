/** Calls of gRPC as they are counted: by the service's full name, and by how they ended. */
import type { Metadata } from "@grpc/grpc-js";
import type { Followed } from "../traffic/following.js";
import type { Tallies } from "../traffic/tallies.js";
import { OK, type Tally } from "../traffic/tally.js";
import { type TraceContext, traceIn, traceText } from "../traffic/trace-context.js";

/** By number: https://github.com/grpc/grpc/blob/master/doc/statuscodes.md. */
const CODES = [
  ...[OK, "cancelled", "unknown", "invalid-argument", "deadline-exceeded", "not-found", "already-exists"],
  ...["permission-denied", "resource-exhausted", "failed-precondition", "aborted", "out-of-range"],
  ...["unimplemented", "internal", "unavailable", "data-loss", "unauthenticated"],
];
const UNKNOWN = "unknown";

/** Of a path: "/package.Service/Method". */
export function serviceIn(path: string): string {
  return path.split("/")[1] ?? "";
}

export function statusName(code: number): string {
  return CODES[code] ?? UNKNOWN;
}

/** One call, from its begin to its status. */
export class CallCount {
  readonly tally: Tally;
  /** Set where somebody follows it. */
  followed: Followed | undefined;
  readonly #since = performance.now();
  #isOver = false;

  constructor(tally: Tally, followed?: Followed) {
    this.tally = tally;
    this.followed = followed;
    tally.begun += 1;
  }

  /** What is done for it. */
  run(work: () => void): void {
    if (this.followed) this.followed.run(work);
    else work();
  }

  /** With the number of a status; it counts once. */
  end(code: number): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const name = statusName(code);
    this.tally.ended(name, performance.now() - this.#since);
    this.followed?.end(name);
  }
}

/** The fields of a trace in the metadata of a call, as https://www.w3.org/TR/trace-context/ names them. */
const TRACEPARENT = "traceparent";
const TRACESTATE = "tracestate";

/** What a program, or another library, has put there stays. */
export function writeTrace(metadata: Metadata, context: TraceContext | undefined): void {
  const trace = traceIn(traceText(context));
  if (trace === undefined || metadata.get(TRACEPARENT).length > 0) return;
  metadata.set(TRACEPARENT, trace.traceparent);
  if (trace.tracestate !== undefined) metadata.set(TRACESTATE, trace.tracestate);
}

/** Undefined for what is no place in a trace. */
export function traceOfCall(metadata: Metadata): TraceContext | undefined {
  const [traceparent, tracestate] = [metadata.get(TRACEPARENT)[0], metadata.get(TRACESTATE)[0]];
  if (typeof traceparent !== "string") return undefined;
  return traceIn(traceText({ traceparent, tracestate: typeof tracestate === "string" ? tracestate : undefined }));
}

/** What counts calls, both ways. */
export interface RpcTraffic {
  readonly asked: Pick<Tallies, "own">;
  readonly answered: Pick<Tallies, "own" | "of">;
}
