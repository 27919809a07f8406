/** What a handler is told of a request, beside its bytes. */
import type { MemberCertificate } from "../../identity/index.js";
import type { TraceContext } from "../traffic/trace-context.js";

export interface RequestContext {
  readonly from: MemberCertificate;
  /** That is asked; undefined for the nameless one, empty for one that has no proper name. */
  readonly service: string | undefined;
  /** Where the one who asks has it in a trace, if that one says so: unproven, and anything that it likes to say. */
  readonly trace?: TraceContext | undefined;
  /** Fires when the answer is no longer wanted: cancelled, too late, or the link is gone. */
  readonly signal: AbortSignal;
  /** Has `listener` called, once, when its time is over before it has answered. */
  readonly whenLate: (listener: () => void) => void;
  /** What shows this request to others (verify-message.ts). Throws "proof-unavailable" when it is no longer open. */
  readonly prove: () => Uint8Array;
}
