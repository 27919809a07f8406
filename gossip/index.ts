/** The protocol as a machine without I/O: bring your own transport, clock, keys and randomness. */

export { CLOCK_TOLERANCE_MS, PROOF_REACH_MS, TrustedClock } from "./clock.js";
export { type PathEnd, type TryOutcome, verdictOf } from "./detection/verdict.js";
export {
  ADDRESSES_BYTES_MAX,
  ADDRESSES_MAX,
  EPOCH_MAX,
  INTEREST_BYTES_MAX,
  METADATA_BYTES_MAX,
  NOTE_BYTES_MAX,
  PACKET_BYTES_MAX,
  REVOCATION_BYTES_MAX,
} from "./limits.js";
export { Machine } from "./machine.js";
export type { MachineOptions } from "./machine-options.js";
export type { Attempt, Notice } from "./notice.js";
export type { IsolationReason, Output, Peer, Recipient, Standing } from "./outputs.js";
export type { Ports, Random } from "./ports.js";
export { type Accusation, encodeAccusation, parseAccusation, type SignedAccusation } from "./records/accusation.js";
export type { CertificateChain, CertificateFacts } from "./records/certificate.js";
export { encodeInterest, type Interest, parseInterest, type SignedInterest } from "./records/interest.js";
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
} from "./records/note.js";
export { encodePacket, type Item, PACKET_VERSION, parsePacket } from "./records/packet.js";
export {
  encodeRevocationList,
  parseRevocationList,
  type RevocationList,
  type SignedRevocationList,
} from "./records/revocation.js";
export {
  type Claim,
  encodeStatement,
  KIND_REVOCATION,
  parseStatement,
  type ReadStatement,
  type StatementKind,
  type StatementReader,
  statementReader,
} from "./records/statement.js";
export type { Check, SignedType, Verdict, Verified } from "./records/verified.js";
export { checkSettings, LAN, LOCAL, noteMs, type Settings, WAN } from "./settings.js";
export { CALL_TIMEOUT_MS } from "./spreading/courier.js";
export type { Inspected, InspectedAccusation } from "./view/inspection.js";
export { SharedView, type SharedViewOptions } from "./view/shared-view.js";
