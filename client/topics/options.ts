/** What a program says of a message or a subscription, with what it left out; and what it may get wrong, said at once. */
import { FirefliesError, outOfRange, wrongType } from "../../identity/index.js";
import {
  groupProblem,
  MESSAGE_BYTES_MAX,
  NAME_ADVICE,
  type NameProblem,
  patternProblem,
  topicProblem,
} from "../../topics/index.js";
import { tooLarge } from "../messages/requester.js";
import { requireBytes, requireHandler, requireText, requireTimeout } from "../talk/misuse.js";
import type { AckLevel, PublishOptions, SubscribeOptions } from "./types.js";

/** Milliseconds for `publish` to be as safe as was asked for. */
export const PUBLISH_TIMEOUT_MS = 10_000;
/** Milliseconds from handing out a message to its acknowledgement. */
export const HANDLER_TIMEOUT_MS = 30_000;
/** A message that failed so often will fail again. */
const ATTEMPTS = 5;
/** Of a loop: what is done with each takes longer than the next one to come. */
const LOOP_IN_FLIGHT = 256;
const IN_FLIGHT = { min: 1, max: 65_536 };
const ATTEMPTS_RANGE = { min: 1, max: 1_000 };
/** Characters of a name that are shown. */
const SHOWN_MAX = 100;
const LEVELS: readonly AckLevel[] = ["none", "some", "all"];

/** Throws "topic-invalid", "message-too-large", "cancelled", or what a program without a type checker may get wrong. */
export function requirePublish(topic: string, data: Uint8Array, options: PublishOptions): void {
  const { ack = "some", timeout, signal, whenFull = "wait" } = options;
  requireText(topic, "A topic");
  requireBytes(data);
  if (data.length > MESSAGE_BYTES_MAX) throw tooLarge(data.length, MESSAGE_BYTES_MAX);
  if (!LEVELS.includes(ack)) throw wrongType(`ack is "none", "some" or "all", not ${shown(ack)}.`);
  if (whenFull !== "wait" && whenFull !== "reject") throw wrongType(`whenFull is "wait" or "reject".`);
  requireTimeout(timeout);
  if (signal?.aborted) throw new FirefliesError("cancelled");
}

/** The machine found that it is none. */
export function noTopic(topic: string): FirefliesError {
  return invalid("topic", topic, topicProblem(topic) ?? "malformed");
}

export interface CheckedSubscribe extends Omit<SubscribeOptions, "maxInFlight" | "handlerTimeout" | "attempts"> {
  readonly maxInFlight: number;
  readonly handlerTimeout: number;
  readonly attempts: number;
}

/** Throws "topic-invalid", "name-invalid", "cancelled", a TypeError or a RangeError. */
export function checkedSubscribe(pattern: string, options: SubscribeOptions): CheckedSubscribe {
  const { handler, durable, queue, signal, deadLetter, onEvent } = options;
  requirePattern(pattern);
  if (durable !== undefined) requireTokenName("durable", durable);
  if (queue !== undefined) requireTokenName("queue", queue);
  for (const each of [handler, deadLetter, onEvent]) if (each !== undefined) requireHandler(each);
  if (signal?.aborted) throw new FirefliesError("cancelled");
  const maxInFlight = options.maxInFlight ?? (handler === undefined ? LOOP_IN_FLIGHT : 1);
  const attempts = options.attempts ?? ATTEMPTS;
  const handlerTimeout = options.handlerTimeout ?? HANDLER_TIMEOUT_MS;
  requireTimeout(handlerTimeout);
  requireWithin("maxInFlight", maxInFlight, IN_FLIGHT);
  requireWithin("attempts", attempts, ATTEMPTS_RANGE);
  return { ...options, maxInFlight, attempts, handlerTimeout };
}

/** Throws "topic-invalid", or a TypeError for what is no text. */
export function requireTopic(topic: string): void {
  requireText(topic, "A topic");
  const problem = topicProblem(topic);
  if (problem !== undefined) throw invalid("topic", topic, problem);
}

/** Throws "topic-invalid", or a TypeError for what is no text. */
export function requirePattern(pattern: string): void {
  requireText(pattern, "A topic");
  const problem = patternProblem(pattern);
  if (problem !== undefined) throw invalid("topic or pattern", pattern, problem);
}

/** Of a queue, or of a durable subscription. Throws "name-invalid", or a TypeError for what is no text. */
export function requireTokenName(what: string, name: string): void {
  requireText(name, `The ${what} name`);
  const problem = groupProblem(name);
  if (problem === undefined) return;
  throw new FirefliesError("name-invalid", `The ${what} name ${shown(name)} ${NAME_ADVICE[problem]}.`);
}

function requireWithin(
  what: string,
  value: number,
  { min, max }: { readonly min: number; readonly max: number },
): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw outOfRange(`${what} is a whole number from ${min} to ${max}, not ${value}.`);
}

function invalid(what: string, name: string, problem: NameProblem): FirefliesError {
  return new FirefliesError("topic-invalid", `The ${what} ${shown(name)} ${NAME_ADVICE[problem]}.`);
}

function shown(name: string): string {
  return JSON.stringify(name.length > SHOWN_MAX ? `${name.slice(0, SHOWN_MAX)}...` : name);
}
