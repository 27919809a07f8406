/** Publish and subscribe as a machine without I/O: bring your own links, clock, keys and randomness. */

export type {
  Effect,
  Equivocation,
  Place,
  Safety,
  SubscriptionNumber,
} from "./effects.js";
export {
  encodeInterests,
  INTEREST_BODY_BYTES_MAX,
  INTERESTS_MAX,
  type Interest,
  type InterestProblem,
  parseInterests,
} from "./interest.js";
export { type KeepingRule, KeepingRules, type Kept } from "./keeping.js";
export { BODY_BYTES_MAX, MESSAGE_BYTES_MAX, PACKET_BYTES_MAX, PAYLOAD_BYTES_MAX } from "./limits.js";
export { Machine } from "./machine.js";
export type {
  Fullness,
  Holdings,
  Level,
  MachineOptions,
  Published,
  PublishOptions,
  Subscribed,
  SubscribeOptions,
  TopicFigures,
} from "./machine-options.js";
export { Matcher } from "./matcher.js";
export {
  ANY_REST,
  ANY_TOKEN,
  GROUP_BYTES_MAX,
  groupProblem,
  isWildcard,
  matches,
  NAME_ADVICE,
  type NameProblem,
  patternProblem,
  TOPIC_BYTES_MAX,
  tokensOf,
  topicProblem,
} from "./names.js";
export type { Ports } from "./ports.js";
export {
  type Batch,
  type BatchFacts,
  encodeBatch,
  encodeBody,
  encodePayload,
  FLAG_DURABLE,
  FLAG_URGENT,
  type Head,
  messageOf,
  NO_DIGEST,
  parseBatch,
  parseHead,
} from "./records/batch.js";
export { contradict } from "./records/equivocation.js";
export { FRAME_HEAD_BYTES, FrameCutter, frameOf } from "./records/frames.js";
export { type LogId, type LogName, LogReader, type LogTag, nameLog } from "./records/log.js";
export {
  encodePacket,
  type Packet,
  type PacketKind,
  type Progress,
  parsePacket,
  type Range,
} from "./records/packet.js";
export { checkSettings, LAN, type Settings, WAN } from "./settings.js";
export { topicRingCount } from "./spreading/audience.js";
