/**
 * Who follows what this program asks of others, and does for them: as spans of OpenTelemetry (fireflies/telemetry), or in a way of
 * its own. By default nobody does, and nothing is done for it.
 */
import type { MemberId } from "../../rings/index.js";
import { codeOf, OK } from "./tally.js";
import type { TraceContext } from "./trace-context.js";

/** Something that begins. */
export interface Operation {
  readonly kind: "message" | "gossip" | "stream" | "rpc";
  /** This program "asks" another member, or its handler "answers" one. */
  readonly side: "asks" | "answers";
  /** Of the service or the protocol, empty for none; of a call of gRPC its path, "/package.Service/Method". */
  readonly name: string;
  /** The other one; undefined for a message to an address whose member is not known yet. */
  readonly member: MemberId | undefined;
  /** Of a request. */
  readonly bytes: number | undefined;
  /** Where the one who asks has it in a trace, if that one says so: anything that it likes to say. */
  readonly context: TraceContext | undefined;
}

/** How one of them is followed. No method may throw. */
export interface Followed {
  /** Goes along, for the other side's handler. */
  readonly context: TraceContext | undefined;
  /** What is done for it runs in here: `work` is to be called once, at once, and its result returned. */
  run<T>(work: () => T): T;
  /** It has ended: "ok", the code of an error, or "reply" for an error of the program's own. Of gRPC its codes: "unavailable". */
  end(code: string): void;
}

/** Undefined for what is not followed. Must not throw. */
export type Follow = (operation: Operation) => Followed | undefined;

/** The one that is in force. */
export class Following {
  follow: Follow | undefined;

  begin(kind: Operation["kind"], about: Omit<Operation, "kind">): Followed | undefined {
    return this.follow?.({ kind, ...about });
  }
}

/** What a handler does, at once or later; it ends with its answer. */
export function whileHandling<T>(followed: Followed, work: () => Promise<T> | T): Promise<T> | T {
  try {
    const answer = followed.run(work);
    if (typeof (answer as Partial<Promise<T>> | undefined)?.then === "function")
      return whileAnswering(followed, () => answer as Promise<T>);
    followed.end(OK);
    return answer;
  } catch (error) {
    followed.end(codeOf(error));
    throw error;
  }
}

/** Has it end when the answer is there. */
export function whileAnswering<T>(followed: Followed, work: () => Promise<T>): Promise<T> {
  const answer = followed.run(work);
  answer.then(
    () => followed.end(OK),
    (error: unknown) => followed.end(codeOf(error)),
  );
  return answer;
}
