/** Applications on a simulation: whole messages with an answer, and gossip that is handed to ring neighbours. */
import type { Output } from "../../gossip/index.js";
import type { Member } from "../members/member.js";
import { Call, reach } from "./calls.js";

/** How a message ended: with its answer, or why not. */
export type Reply =
  | { readonly ok: true; readonly data: Uint8Array }
  | { readonly ok: false; readonly reason: ReplyProblem };

/**
 * "member-unknown": not in my view. "unreachable": the host is there, nobody listens. "timeout": no answer in time.
 * "refused": the other one does not hold me as a member. "no-handler", "handler-failed": by the other one's application.
 */
export type ReplyProblem = "member-unknown" | "unreachable" | "timeout" | "refused" | "no-handler" | "handler-failed";

/** Milliseconds that a message has for its answer, unless told otherwise: as in the client. */
const MESSAGE_TIMEOUT_MS = 10_000;
/** Bytes of a message's frame beside its content: ids, nonce, counter, salt, digest, signature. */
export const FRAME_BYTES = 200;

/** Sends a message of one member's application to another. One that is down or stands still sends nothing. */
export function sendMessage(from: Member, to: Member, data: Uint8Array, options: SendOptions): void {
  if (from.state !== "up") return;
  if (!from.machine.member(to.id)) {
    options.onReply?.({ ok: false, reason: "member-unknown" });
    return;
  }
  new Message(from, to, "message", options).begin(framed(CONTENT, data));
}

export interface SendOptions {
  readonly onReply?: (reply: Reply) => void;
  /** Milliseconds that the answer may take. Default MESSAGE_TIMEOUT_MS. */
  readonly timeoutMs?: number;
}

/** Hands gossip to a neighbour, as its machine asks. */
export function sendGossip(from: Member, { to, content }: Extract<Output, { kind: "gossip" }>): void {
  const target = reach(from, to);
  if (!target) return;
  const onReply = (reply: Reply) => {
    if (reply.ok) from.handlers.response?.(reply.data, target);
  };
  new Message(from, target, "gossip", { onReply }).begin(framed(CONTENT, content));
}

/** The first byte of what is under way: content, or why there is none. */
const CONTENT = 0;
const PROBLEMS: readonly ReplyProblem[] = ["refused", "no-handler", "handler-failed"];

class Message extends Call {
  override readonly requestKind;
  override readonly answerKind;
  readonly #onReply: ((reply: Reply) => void) | undefined;
  #isAnswered = false;

  constructor(from: Member, to: Member, kind: "message" | "gossip", { onReply, timeoutMs }: SendOptions) {
    super(from, to, timeoutMs ?? MESSAGE_TIMEOUT_MS);
    this.requestKind = kind;
    this.answerKind = kind;
    this.#onReply = onReply;
  }

  receive(target: Member, frame: Uint8Array): Uint8Array | undefined {
    const handler = this.requestKind === "gossip" ? target.handlers.gossip : target.handlers.message;
    if (!target.machine.member(this.caller.id)) return this.#problem("refused");
    if (!handler) return this.#problem("no-handler");
    const message = { from: this.caller, to: target, data: contentOf(frame), reply: this.#replyOf(target) };
    try {
      const answer = handler(message);
      if (answer) message.reply(answer);
    } catch {
      return this.#problem("handler-failed");
    }
    if (!this.#isAnswered) this.fail(this.deadline, false);
    return undefined;
  }

  finish(_caller: Member, frame: Uint8Array): void {
    const problem = PROBLEMS[frame[0]! - 1];
    this.#onReply?.(problem ? { ok: false, reason: problem } : { ok: true, data: contentOf(frame) });
  }

  giveUp(_caller: Member, isRefused: boolean): void {
    this.#onReply?.({ ok: false, reason: isRefused ? "unreachable" : "timeout" });
  }

  #problem(problem: ReplyProblem): Uint8Array | undefined {
    if (this.#isAnswered) return undefined;
    this.#isAnswered = true;
    return framed(PROBLEMS.indexOf(problem) + 1, new Uint8Array(0));
  }

  /** For this life of the target; a handler that waits too long answers nobody. */
  #replyOf(target: Member): (data: Uint8Array) => void {
    const { life } = target;
    return (data) => {
      if (this.#isAnswered || target.life !== life || target.state !== "up") return;
      this.#isAnswered = true;
      this.answer(framed(CONTENT, data));
    };
  }
}

function framed(first: number, data: Uint8Array): Uint8Array {
  const frame = new Uint8Array(FRAME_BYTES + data.length);
  frame[0] = first;
  frame.set(data, FRAME_BYTES);
  return frame;
}

function contentOf(frame: Uint8Array): Uint8Array {
  return frame.subarray(FRAME_BYTES);
}
