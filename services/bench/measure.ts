/** The calling end of a measurement: what this member and another one reach between them, part by part. */
import type { Client } from "../../client/client.js";
import type { MemberPath } from "../../client/types.js";
import { FirefliesError, ReplyError } from "../../identity/index.js";
import { Conversation } from "./conversation.js";
import { Latencies } from "./latencies.js";
import { BENCH_NAME, BYTES, IN_FLIGHT, PARTS, SECONDS } from "./wire.js";

/** To open the stream, and for an answer, beside the time of a part, milliseconds. */
const SLACK_MS = 15_000;

export interface MeasureOptions {
  /** For each of four parts, seconds: 0.1 to 60, 3 by default. */
  readonly seconds?: number | undefined;
  /** Of a message: 0 to 65,536, 100 by default. */
  readonly bytes?: number | undefined;
  /** Messages that wait for their answers in the second part: 1 to 256, 50 by default. */
  readonly inFlight?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface MessagesMeasured {
  readonly event: "messages";
  readonly inFlight: number;
  /** Of a message, and of its answer. */
  readonly bytes: number;
  /** Messages that were answered. */
  readonly messages: number;
  readonly perSecond: number;
  /** From the call to the answer, milliseconds, to one per cent; undefined when none was answered in time. */
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
}

export interface StreamMeasured {
  readonly event: "stream";
  /** "up": to the other member. */
  readonly direction: "up" | "down";
  readonly bytes: number;
  readonly bytesPerSecond: number;
}

/** The way that all of it went. */
export interface PathMeasured extends Pick<MemberPath, "path" | "via" | "address" | "rttMs"> {
  readonly event: "path";
}

export type Measured = PathMeasured | MessagesMeasured | StreamMeasured;

type Measuring = Pick<Client, "openStream" | "sendToId" | "paths">;

/**
 * Measures with a member that serves it (`serveBench`): signed messages one at a time, then many at once, then a stream to it and one
 * from it; each part is yielded when it is over, the path last. Throws a RangeError for an option out of its range. Rejects as a
 * stream to the member does ("peer-unknown", "peer-unreachable", "handler-missing", "peer-refused", "overloaded", ...) and with
 * "cancelled" when the signal fires.
 */
export async function* measure(
  client: Measuring,
  id: string,
  options: MeasureOptions = {},
): AsyncGenerator<Measured, void> {
  const { seconds = SECONDS.usual, bytes = BYTES.usual, inFlight = IN_FLIGHT.usual } = options;
  requireIn("seconds", seconds, SECONDS);
  requireIn("bytes", bytes, BYTES);
  requireIn("inFlight", inFlight, IN_FLIGHT);
  const late = AbortSignal.timeout(PARTS * seconds * 1_000 + SLACK_MS);
  const signal = options.signal === undefined ? late : AbortSignal.any([options.signal, late]);
  const stream = await client.openStream(id, { protocol: BENCH_NAME, accepted: true, signal });
  const conversation = new Conversation(stream);
  try {
    await conversation.say({ say: "begin", seconds }, signal);
    await conversation.expect("ready");
    const send = () => client.sendToId(id, new Uint8Array(bytes), { service: BENCH_NAME, signal });
    for (const count of new Set([1, inFlight])) yield { ...(await messages(send, count, seconds)), bytes };
    yield await up(conversation, seconds, signal);
    yield await down(conversation, seconds, signal);
    yield pathTo(client, id);
    stream.end();
  } catch (error) {
    if (options.signal?.aborted) throw new FirefliesError("cancelled");
    throw told(error, late.aborted);
  } finally {
    stream.destroy();
  }
}

async function messages(
  send: () => Promise<unknown>,
  inFlight: number,
  seconds: number,
): Promise<Omit<MessagesMeasured, "bytes">> {
  const latencies = new Latencies();
  const began = performance.now();
  const until = began + seconds * 1_000;
  const one = async () => {
    for (let since = performance.now(); since < until; ) {
      await send();
      const now = performance.now();
      latencies.add(now - since);
      since = now;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, one));
  const perSecond = (1_000 * latencies.total) / (performance.now() - began);
  const [p50Ms, p99Ms] = [latencies.quantile(0.5), latencies.quantile(0.99)];
  return { event: "messages", inFlight, messages: latencies.total, perSecond, p50Ms, p99Ms };
}

/** As the other member counts them: from its first byte to the last. */
async function up(conversation: Conversation, seconds: number, signal: AbortSignal): Promise<StreamMeasured> {
  await conversation.say({ say: "up" }, signal);
  await conversation.fill(seconds, signal);
  await conversation.say({ say: "end" }, signal);
  const { word } = await conversation.expect("counted");
  return streamed("up", word.bytes, word.ms);
}

async function down(conversation: Conversation, seconds: number, signal: AbortSignal): Promise<StreamMeasured> {
  await conversation.say({ say: "down", seconds }, signal);
  const { bytes, ms } = await conversation.expect("counted");
  return streamed("down", bytes, ms);
}

function streamed(direction: StreamMeasured["direction"], bytes: number, ms: number): StreamMeasured {
  return { event: "stream", direction, bytes, bytesPerSecond: ms === 0 ? 0 : (1_000 * bytes) / ms };
}

function pathTo(client: Measuring, id: string): PathMeasured {
  const { path, via = [], address, rttMs } = client.paths().find((each) => each.id === id) ?? {};
  return { event: "path", path, via, address, rttMs };
}

/** In words of who measures. */
function told(error: unknown, isLate: boolean): unknown {
  if (isLate) return new FirefliesError("timeout", "The other member did not answer in time.");
  if (error instanceof ReplyError) return new FirefliesError("bad-frame", `The other member: ${error.message}`);
  return error;
}

function requireIn(name: string, value: number, { min, max }: { readonly min: number; readonly max: number }): void {
  const isGood = value >= min && value <= max && (name === "seconds" || Number.isInteger(value));
  if (!isGood) throw new RangeError(`${name} is from ${min} to ${max}, not ${value}`);
}
