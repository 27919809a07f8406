/** The called end of measurements: one at a time, by members that are allowed to, for a time that has a bound. */
import type { Client } from "../../client/client.js";
import type { MessageStream, OpenedContext, Sender } from "../../client/types.js";
import { FirefliesError, ReplyError } from "../../identity/index.js";
import { type AccessRule, isAllowed, parseAccess } from "../access.js";
import type { MemberClient } from "../member-client.js";
import { type Refused, refusalsOf } from "../refusals.js";
import { Conversation } from "./conversation.js";
import { BENCH_NAME, BYTES, IN_FLIGHT, PARTS, SECONDS } from "./wire.js";

/** What one part may take longer than it says, milliseconds: its first byte, and its last word. */
const SLACK_MS = 5_000;
/** From the opening of the stream to its first word, milliseconds. */
const BEGIN_MS = 5_000;
/** One that is over may still be closing when the next is opened. */
const STREAMS_PER_PEER = 2;

export interface BenchSettings {
  /** Who may measure, as `parseAccess` reads it; every member of the network by default. */
  readonly allow?: readonly string[] | undefined;
  readonly onRefused?: ((refused: Refused) => void) | undefined;
}

export interface BenchFigures {
  /** Measurements under way: one, or none. */
  readonly streams: number;
  /** Bytes of streams, since the start. */
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** A measurement that is served. */
export interface ServedBench {
  figures(): BenchFigures;
  /** Takes no more, and ends what is under way. */
  close(): Promise<void>;
}

type BenchClient = MemberClient & Pick<Client, "serve">;

/**
 * Lets members measure what they reach with this one: `serveBench(client, { allow: ["ops-*"] })`, as `measure` asks for it. It
 * answers messages with what they carry, takes bytes and sends some, for one member at a time; the next gets "overloaded".
 * Others than those allowed get "peer-refused". Throws "access-invalid" and "name-taken".
 */
export function serveBench(client: BenchClient, { allow = ["*"], onRefused }: BenchSettings = {}): ServedBench {
  const serving = new Serving(client, parseAccess(allow), onRefused ?? (() => {}));
  const { signal } = serving;
  client.handle(BENCH_NAME, (stream, context) => serving.take(stream, context), {
    streamsPerPeer: STREAMS_PER_PEER,
    acceptsLater: true,
    signal,
  });
  const answer = (data: Uint8Array, { from }: { readonly from: Sender }) => serving.answer(data, from);
  client.serve(BENCH_NAME, answer, { messagesPerPeer: IN_FLIGHT.max, signal });
  return serving;
}

class Serving implements ServedBench {
  readonly #client: BenchClient;
  readonly #rules: readonly AccessRule[];
  readonly #onRefused: (refused: Refused) => void;
  readonly #closing = new AbortController();
  #guest: Guest | undefined;
  #bytesIn = 0;
  #bytesOut = 0;

  constructor(client: BenchClient, rules: readonly AccessRule[], onRefused: (refused: Refused) => void) {
    this.#client = client;
    this.#rules = rules;
    this.#onRefused = onRefused;
  }

  get signal(): AbortSignal {
    return this.#closing.signal;
  }

  figures(): BenchFigures {
    const { bytesIn = 0, bytesOut = 0 } = this.#guest?.conversation ?? {};
    return {
      streams: Number(this.#guest !== undefined),
      bytesIn: this.#bytesIn + bytesIn,
      bytesOut: this.#bytesOut + bytesOut,
    };
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#guest?.end(new FirefliesError("link-closed", "Measuring is over here."));
  }

  /** Of the member that measures now, and nobody else. */
  answer(data: Uint8Array, { id }: Sender): Uint8Array {
    if (id !== this.#guest?.id) throw new ReplyError("It measures with another member.", { code: "bench-not-begun" });
    if (data.length > BYTES.max)
      throw new ReplyError(`A message has at most ${BYTES.max} bytes.`, { code: "bench-malformed" });
    return data;
  }

  async take(stream: MessageStream, context: OpenedContext): Promise<void> {
    const { from } = context;
    const problem = this.#problemOf(from);
    if (problem !== undefined) return void stream.destroy(problem);
    context.accept();
    const guest = new Guest(from.id, stream);
    this.#guest = guest;
    try {
      await guest.serve();
    } finally {
      this.#guest = undefined;
      this.#bytesIn += guest.conversation.bytesIn;
      this.#bytesOut += guest.conversation.bytesOut;
    }
  }

  /** Why this member may not measure, or not now. */
  #problemOf({ id, name }: Sender): FirefliesError | undefined {
    const member = this.#client.member(id);
    if (member === undefined || !isAllowed(this.#rules, member)) {
      const attempt = { member: id, name, protocol: BENCH_NAME, code: "peer-refused" };
      refusalsOf(this.#client).add(attempt, this.#onRefused);
      return new FirefliesError("peer-refused", "Measuring is not open to this member.", {
        advice: "Ask the other member's operator to allow it.",
      });
    }
    if (this.#guest === undefined) return undefined;
    return new FirefliesError("overloaded", "It measures with another member, and with one at a time.", {
      advice: `Try again in a while; a measurement takes at most ${PARTS * SECONDS.max} s.`,
    });
  }
}

/** The member that measures now. */
class Guest {
  readonly id: string;
  readonly conversation: Conversation;
  readonly #stream: MessageStream;
  readonly #over = new AbortController();
  #deadline: NodeJS.Timeout;

  constructor(id: string, stream: MessageStream) {
    this.id = id;
    this.#stream = stream;
    this.conversation = new Conversation(stream);
    this.#deadline = this.#endAfter(BEGIN_MS);
  }

  end(error: FirefliesError): void {
    this.#over.abort(error);
    this.#stream.destroy(error);
  }

  /** Until the caller ends, or its time is over. What breaks the stream is the caller's, and nobody's to see here. */
  async serve(): Promise<void> {
    try {
      const { word } = await this.conversation.expect("begin");
      clearTimeout(this.#deadline);
      this.#deadline = this.#endAfter(PARTS * (word.seconds * 1_000 + SLACK_MS));
      await this.conversation.say({ say: "ready" }, this.#over.signal);
      while (await this.#serveNext());
      this.conversation.end();
    } catch (error) {
      if (error instanceof ReplyError) throw error;
      if (error instanceof FirefliesError && error.code === "bad-frame") throw malformed(error);
      this.#stream.destroy();
    } finally {
      clearTimeout(this.#deadline);
      this.#over.abort();
    }
  }

  /** False: it has ended. */
  async #serveNext(): Promise<boolean> {
    const heard = await this.conversation.hear();
    if (heard === undefined) return false;
    const { word, bytes, ms } = heard;
    const { signal } = this.#over;
    if (word.say === "end") await this.conversation.say({ say: "counted", bytes, ms }, signal);
    if (word.say === "down") {
      const sent = await this.conversation.fill(word.seconds, signal);
      await this.conversation.say({ say: "counted", ...sent }, signal);
    }
    return true;
  }

  #endAfter(ms: number): NodeJS.Timeout {
    const late = () => this.end(new FirefliesError("timeout", "The time of this measurement is over."));
    return setTimeout(late, ms).unref();
  }
}

function malformed({ message }: FirefliesError): ReplyError {
  return new ReplyError(message, { code: "bench-malformed" });
}
