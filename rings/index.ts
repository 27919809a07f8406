/** The geometry of a network: member ids, their positions on the rings, neighbours, masks, and how many rings are needed. */
export {
  affordableAt,
  type Bucket,
  type BucketRate,
  Buckets,
  fullBucket,
  refilled,
  spend,
} from "./buckets.js";
export { compareBytes, concatBytes, equalBytes, fromHex, toHex, writeHex } from "./bytes.js";
export {
  decodeExtensions,
  EXTENSIONS_BYTES_MAX,
  EXTENSIONS_MAX,
  type Extension,
  encodeExtensions,
  extensionOf,
  extensionsBytes,
  NO_EXTENSIONS,
  putExtensions,
  readExtensions,
  writeExtensions,
} from "./extensions.js";
export { LayeredMap } from "./layered-map.js";
export { ByteReader, ByteWriter } from "./layout.js";
export { disabledRings, fullMask, isEnabled, type MaskProblem, maskBytes, maskProblem, withRing } from "./mask.js";
export { MEMBER_ID_BYTES, type MemberId, memberIdFromBytes, memberIdToBytes, parseMemberId } from "./member-id.js";
export { Nearest } from "./nearest.js";
export { matchesPattern } from "./pattern.js";
export {
  expectedExposed,
  exposureProbability,
  holdsFrom,
  type Need,
  type Network,
  RISK_DEFAULT,
  type RingPlan,
  ringsNeeded,
  SMALL_NETWORK_MEMBERS,
  type Supply,
  type Tolerated,
  tolerated,
} from "./plan.js";
export { POSITION_BYTES, position, type Sha256 } from "./position.js";
export {
  RELAY_RING,
  RELAYS_MAX,
  RELAYS_MIN,
  type RelayNeed,
  type RelayPosition,
  relayCount,
  relayPositions,
  relaysOf,
} from "./relays.js";
export { closest, type Seed, scoreOf, seedOf } from "./rendezvous.js";
export { RING_COUNT_MAX, tolerance } from "./ring-count.js";
export { Rings, type RingsOptions, type Skip } from "./rings.js";
export { Shares } from "./shares.js";
export { earliest, Timers } from "./timers.js";
export { utf8Decode, utf8Encode, utf8Length } from "./utf8.js";
