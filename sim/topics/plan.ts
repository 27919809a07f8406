/** A run with topics as plain data: the network and its faults, who publishes and subscribes, and what liars do. */
import type { Settings } from "../../topics/index.js";
import type { Plan } from "../run/plan.js";
import type { Program } from "./liars/program.js";

/** Who publishes what, and who listens. */
export interface Work {
  /** Topics: "work.0", "work.1" and so on; publishers take them by turns. */
  readonly topics: number;
  /** Correct members that publish. */
  readonly publishers: number;
  /** Members that subscribe, liars among them as chance has it; each to one topic, or to all with a wildcard. */
  readonly subscribers: number;
  /** Messages a second of each publisher, and the bytes of each. */
  readonly perSecond: number;
  readonly bytes: number;
  readonly level: "none" | "some" | "all";
  /** Milliseconds that a handler takes. */
  readonly handlerMs: number;
  /** A share of handlers' first attempts that fail, 0 to below 1. */
  readonly failing: number;
  /** Of the subscribers so many whose handler never resolves. */
  readonly stuck: number;
  /** Of the other subscribers so many are one queue group. Default 0. */
  readonly workers?: number;
  /** Of all subscribers so many are durable: each of their lives goes on where the one before was. Default 0. */
  readonly durable?: number;
  /** Each so many milliseconds a correct member that does not publish crashes, and is back after as many again; null: none. */
  readonly churnMs: number | null;
  /** The first publisher crashes in the middle. */
  readonly isPublisherKilled: boolean;
  /** Seconds of publishing; the plan's own faults happen within them. */
  readonly seconds: number;
}

export interface TopicsPlan {
  /** Its seconds and adversaries are those of the simulation around. */
  readonly plan: Plan;
  readonly work: Work;
  /** Beside the preset LAN of topics/. */
  readonly topics?: Partial<Settings>;
  readonly program?: Program;
}
