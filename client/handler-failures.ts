/**
 * What the program's handlers throw, and that they do not answer. The other side gets what was thrown for it (`ReplyError`); of anything else a code and a
 * general sentence, and this program gets the rest as an alarm: an error's text may hold what nobody else should read.
 */
import { FirefliesError, isReplyCode, ReplyError, titleOf } from "../identity/index.js";
import { errorText, type PeerError } from "../net/index.js";
import { type Bucket, type BucketRate, fullBucket, spend } from "../rings/index.js";
import type { Sender } from "./types.js";

export type HandlerKind = "message" | "gossip" | "response" | "stream" | "datagram" | "service" | "missing" | "topic";

/** Alarms at once, and how soon the next one: a peer whose messages make a handler throw cannot fill the log. */
const ALARMS: BucketRate = { burst: 20, refillMs: 1_000 };

export class HandlerFailures {
  readonly #raise: (alarm: FirefliesError) => void;
  readonly #now: () => number;
  #bucket: Bucket;
  /** Failures that no alarm has told yet. */
  #untold = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(raise: (alarm: FirefliesError) => void, now = () => performance.now()) {
    this.#raise = raise;
    this.#now = now;
    this.#bucket = fullBucket(ALARMS, now());
  }

  /** What the other side is told. */
  answer(kind: HandlerKind, error: unknown, from: Sender): PeerError {
    const reply = replyIn(error);
    if (reply !== undefined) return reply;
    this.tell(kind, error, from);
    return new FirefliesError("handler-failed");
  }

  /** As an alarm, whose `cause` is what was thrown, with its stack; or as one of a number, when there are too many. */
  tell(kind: HandlerKind, error: unknown, from: Sender): void {
    const what = errorText(error) || "what it threw has no text";
    const text = `The ${kind} handler failed for ${titleOf(from)}: ${what}`;
    this.#tell(new FirefliesError("handler-failed", text, { cause: error }));
  }

  /** Nobody waits for its answer any more, and the handler still runs. */
  late(kind: HandlerKind, from: Sender): void {
    const text = `The ${kind} handler has not answered ${titleOf(from)} in time, and runs on.`;
    this.#tell(new FirefliesError("handler-timeout", text));
  }

  #tell(alarm: FirefliesError): void {
    const bucket = spend(this.#bucket, ALARMS, this.#now());
    if (bucket === undefined) {
      this.#untold += 1;
      this.#timer ??= setTimeout(() => this.#tellRest(), ALARMS.refillMs).unref();
      return;
    }
    this.#bucket = bucket;
    this.#raise(alarm);
  }

  #tellRest(): void {
    this.#timer = undefined;
    const count = this.#untold;
    this.#untold = 0;
    const text = `Handlers failed ${count} more times, which are not told one by one.`;
    this.#raise(new FirefliesError("handler-failed", text));
  }
}

/**
 * What was thrown for the other side, as it travels: a class of the program's own may give text and code any form. Undefined for
 * everything else. Never throws.
 */
function replyIn(error: unknown): ReplyError | undefined {
  try {
    if (!(error instanceof ReplyError)) return undefined;
    const { code, cause } = error;
    return new ReplyError(errorText(error), { code: isReplyCode(code) ? code : undefined, cause });
  } catch {
    return undefined;
  }
}
