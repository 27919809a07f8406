/** A whole overlay in one thread, from a seed: `import { Simulation } from "fireflies/sim"`. */
export type { Actor, Behaviour, Identity, Seat, SimEvent, StatementKind, TrafficKind, Watcher } from "./actor.js";
export { TURN_MS } from "./actor.js";
export {
  ADVERSARIES,
  type Adversary,
  adversary,
  EVERY_ADVERSARY,
  PLOTS,
  RELAY_ADVERSARIES,
} from "./adversaries/index.js";
export type { Reply, ReplyProblem } from "./calls/applications.js";
export { Chance } from "./chance.js";
export type { Credentials, Dates, SimCrypto } from "./crypto/crypto.js";
export { fakeCrypto } from "./crypto/fake-crypto.js";
export { sha256 } from "./crypto/sha256.js";
export type { Incoming, MessageHandler, ResponseHandler } from "./handlers.js";
export { Invariants, type InvariantsOptions, invariants } from "./invariants/invariants.js";
export type { InvariantName, Violation } from "./invariants/violation.js";
export { MEMBERS_MAX } from "./limits.js";
export { egressLoss, type Fault, flipFlop, ingressLoss, oneWay, partition } from "./network/fault.js";
export { LAN_LATENCY, type Latency, WAN_LATENCY } from "./network/latency.js";
export type { Network, NetworkOptions } from "./network/network.js";
export type { SimulationOptions } from "./options.js";
export { plot } from "./puppets/plot.js";
export type * from "./puppets/program.js";
export { Puppet } from "./puppets/puppet.js";
export { Script } from "./puppets/script.js";
export { Plot, Troupe } from "./puppets/troupe.js";
export type { Change, ChangeKind } from "./run/changes.js";
export { type Choice, choosePlan } from "./run/choose.js";
export { drawPlan, type PlanSize } from "./run/draw.js";
export type { Sample } from "./run/history.js";
export { parsePlan } from "./run/parse.js";
export {
  type CryptoName,
  FAULT_KINDS,
  type FaultKind,
  LATENCIES,
  type LatencyName,
  type Plan,
  type PlannedFault,
  PRESETS,
} from "./run/plan.js";
export type { Quantiles } from "./run/quantiles.js";
export type { Measured, MemberFigures, Result } from "./run/result.js";
export { type Progress, Run, type RunOptions, simulate } from "./run/run.js";
export { type Shrunk, shrink } from "./run/shrink.js";
export { type AdversaryTally, DEEDS, type Deed, type Rejection } from "./run/tally.js";
export type { TraceLine } from "./run/trace.js";
export { type Attack, type Nearness, type Outcome, scoreOf, type Tried } from "./search/attack.js";
export { type Finding, finding, knownKind, tried } from "./search/found.js";
export { attackOf, SEEDS_PER_GENERATION } from "./search/generation.js";
export type { Kind } from "./search/kind.js";
export { parseAttack } from "./search/parse-attack.js";
export { play } from "./search/play.js";
export { survivors } from "./search/population.js";
export { attackLines } from "./search/words.js";
export { type JoinOptions, type MessageOptions, Simulation } from "./simulation.js";
export type { HandlerOptions } from "./topics/hosts/handler.js";
export type { Host } from "./topics/hosts/host.js";
export type { Deed as TopicDeed, Program as TopicProgram, Rule as TopicRule } from "./topics/liars/program.js";
export { PROGRAMS as TOPIC_ADVERSARIES } from "./topics/liars/programs.js";
export { type TopicsOptions, TopicsOverlay } from "./topics/overlay.js";
export type { TopicsPlan, Work } from "./topics/plan.js";
export { type Played, playTopics } from "./topics/play.js";
export type { History, Published, Subscribed, Told } from "./topics/record/history.js";
export type { TopicFiguresOfRun } from "./topics/record/measure.js";
export { drawTopicsPlan } from "./topics/search/draw.js";
