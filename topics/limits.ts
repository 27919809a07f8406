/**
 * What members can make each other hold, send or compute for topics, bounded in one place: what is counted, in which
 * unit, and why this much. Who goes over one of them loses the excess, never the messages of others.
 */

/** Bytes of one message: as NATS has it by default. More belongs on a stream. */
export const MESSAGE_BYTES_MAX = 1024 * 1024;
/** Bytes of the messages of one batch, beyond which it is sealed within its turn: a lost one costs so much again. */
export const BATCH_BYTES = 64 * 1024;
/** Messages of one batch: their offsets are looked at before the signature is. */
export const BATCH_MESSAGES_MAX = 4096;
/** Bytes of the messages of one batch, each with its length: one that is as large as a message may be, or many small ones. */
export const PAYLOAD_BYTES_MAX = MESSAGE_BYTES_MAX + BATCH_BYTES;
/** Bytes of a batch's body: a log with the longest topic, numbers, two digests, and 1 KiB of extensions. */
export const BODY_BYTES_MAX = 1536;
/** Bytes of a packet: the largest batch with its head. */
export const PACKET_BYTES_MAX = PAYLOAD_BYTES_MAX + BODY_BYTES_MAX + 128;
/** The highest number of a message: 48 bits, exact in a double. A million messages a second reach it after nine years. */
export const NUMBER_MAX = 2 ** 48 - 1;

/** Logs that one announcement, pull, progress or refusal names: they are coalesced, and each costs a look-up. */
export const ENTRIES_MAX = 256;
/** Heads of logs in one packet: each costs a signature check, and has about 250 bytes. */
export const HEADS_MAX = 64;
/** Patterns that one question for heads names: all that a member may subscribe to. */
export const PATTERNS_MAX = 256;

/** Effects in one drain beyond which a driver has clearly stopped draining: a programmer's error. */
export const EFFECTS_MAX = 1_000_000;
