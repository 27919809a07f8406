/** A forward: streams that members open for a protocol go to a program on this machine, or near it. */
import type { Duplex } from "node:stream";
import type { MessageStream, OpenedContext, Sender } from "../../client/types.js";
import { FirefliesError } from "../../identity/index.js";
import { isAllowed } from "../access.js";
import type { MemberClient } from "../member-client.js";
import { pulseOf } from "../pulse.js";
import { type Refused, refusalsOf } from "../refusals.js";
import { formatServiceAddress } from "../service-address.js";
import { asError, Conduit } from "./carrying/conduit.js";
import { dialTarget } from "./carrying/local.js";
import type { Forward } from "./carrying/running.js";
import { type ForwardPlan, type ForwardSettings, planForward } from "./carrying/settings.js";
import { Traffic, type TrafficFigures } from "./carrying/traffic.js";
import { carryFlow } from "./udp/udp-forward.js";

/**
 * Has streams of a protocol go to a program: `forward(client, { protocol: "/x/http", target: "127.0.0.1:8000" })`. Members that
 * may not use it get "peer-refused"; they get "target-unreachable" when the program does not accept. An end of one
 * direction is passed on, a reset is a reset. Throws "address-invalid", "access-invalid", "name-invalid", "name-taken", and a
 * RangeError for a number.
 */
export function forward(client: MemberClient, settings: ForwardSettings): Forward {
  const plan = planForward(settings);
  const running = new Forwarding(client, plan, settings.onRefused);
  const options = { streamsPerPeer: plan.connectionsPerPeer, signal: running.closing };
  if (plan.target.kind === "udp")
    client.handle(plan.protocol, (stream, { from }) => running.takeFlow(stream, from), options);
  else
    client.handle(plan.protocol, (stream, context) => running.take(stream, context), {
      ...options,
      acceptsLater: true,
    });
  return running;
}

class Forwarding implements Forward {
  readonly #client: MemberClient;
  readonly #plan: ForwardPlan;
  readonly #onRefused: (refused: Refused) => void;
  readonly #traffic = new Traffic(Date.now);
  readonly #closing = new AbortController();
  readonly #open = new Set<(error: FirefliesError) => void>();

  constructor(client: MemberClient, plan: ForwardPlan, onRefused: ForwardSettings["onRefused"]) {
    this.#client = client;
    this.#plan = plan;
    this.#onRefused = onRefused ?? (() => {});
  }

  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  get protocol(): string {
    return this.#plan.protocol;
  }

  get target(): string {
    return formatServiceAddress(this.#plan.target);
  }

  figures(): TrafficFigures {
    return this.#traffic.figures();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const end of [...this.#open]) end(new FirefliesError("link-closed", "The forward was closed."));
  }

  async take(stream: Duplex, context: OpenedContext): Promise<void> {
    const { from } = context;
    if (this.#isRefused(stream, from)) return;
    this.#traffic.began();
    if (from.id !== this.#client.id) pulseOf(this.#client).watch(from.id, stream);
    await this.#carry(stream, context);
  }

  async takeFlow(stream: MessageStream, from: Sender): Promise<void> {
    if (this.#isRefused(stream, from)) return;
    const { target, idleMs } = this.#plan;
    const end = (error: FirefliesError) => void stream.destroy(error);
    this.#open.add(end);
    if (target.kind === "udp") await carryFlow(stream, { target, idleMs, traffic: this.#traffic });
    this.#open.delete(end);
  }

  /** Tells the member why, if it may not. */
  #isRefused(stream: Duplex, from: Sender): boolean {
    const problem = this.#problemOf(from.id);
    if (problem !== undefined) {
      this.#traffic.refused(problem);
      if (problem.code === "peer-refused") {
        const attempt = { member: from.id, name: from.name, protocol: this.protocol, code: problem.code };
        refusalsOf(this.#client).add(attempt, this.#onRefused);
      }
      stream.destroy(problem);
    }
    return problem !== undefined;
  }

  /** The stream is taken when the program has accepted. */
  async #carry(stream: Duplex, context: OpenedContext): Promise<void> {
    const { target, dialMs, idleMs } = this.#plan;
    const dialling = AbortSignal.any([context.signal, this.closing]);
    try {
      const socket = await dialTarget(target, dialMs, dialling);
      const end = (error: FirefliesError) => conduit.fail(error);
      context.accept();
      const conduit = new Conduit(socket, stream, {
        ...{ idleMs, traffic: this.#traffic },
        onEnd: (error) => {
          this.#open.delete(end);
          this.#traffic.ended(error);
        },
      });
      this.#open.add(end);
    } catch (cause) {
      const error = asError(cause);
      stream.destroy(error);
      this.#traffic.ended(error);
    }
  }

  /** Why this member gets nothing. */
  #problemOf(id: string): FirefliesError | undefined {
    const { rules, connections } = this.#plan;
    const member = this.#client.member(id);
    if (member === undefined || !isAllowed(rules, member)) {
      return new FirefliesError("peer-refused", "The forward is not open to this member.", {
        advice: "Ask the other member's operator to allow it.",
      });
    }
    if (this.#traffic.streams < connections) return undefined;
    return new FirefliesError("overloaded", `The forward has ${connections} connections open.`);
  }
}
