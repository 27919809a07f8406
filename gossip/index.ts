/** The protocol as a machine without I/O: bring your own transport, clock, keys and randomness. */
export { type Accusation, encodeAccusation, parseAccusation, type SignedAccusation } from "./accusation.js";
export type { CertificateChain, CertificateFacts } from "./certificate.js";
export { TrustedClock } from "./clock.js";
export { CALL_TIMEOUT_MS } from "./courier.js";
export type { TryOutcome } from "./detector.js";
export { CLOCK_TOLERANCE_MS } from "./evidence.js";
export type { Standing } from "./judgement.js";
export { EPOCH_MAX, METADATA_BYTES_MAX, NOTE_BYTES_MAX, PACKET_BYTES_MAX, REVOCATION_BYTES_MAX } from "./limits.js";
export { Machine } from "./machine.js";
export type { MachineOptions } from "./machine-options.js";
export {
  type Address,
  addressesOf,
  encodeNote,
  type Note,
  noteSignatureType,
  parseNote,
  type SignedNote,
  TRANSPORT_GRPC,
  TRANSPORT_PING,
} from "./note.js";
export type { Output, Peer, Recipient } from "./outputs.js";
export { encodePacket, type Item, PACKET_VERSION, parsePacket } from "./packet.js";
export type { Ports, Random } from "./ports.js";
export { type ReadStatement, type StatementReader, statementReader } from "./reader.js";
export {
  encodeRevocationList,
  parseRevocationList,
  type RevocationList,
  type SignedRevocationList,
} from "./revocation.js";
export { checkSettings, LAN, LOCAL, type Settings, WAN } from "./settings.js";
export { SharedView, type SharedViewOptions } from "./shared-view.js";
export { type Claim, encodeStatement, parseStatement, type StatementKind } from "./statement.js";
export type { Check, Verdict, Verified } from "./verified.js";
