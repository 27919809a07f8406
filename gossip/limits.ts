/**
 * What peers can make the machine hold, send or compute, bounded in one place: what is counted, in which unit, and why
 * this much. A peer that goes over one of them loses the excess, never the connection of others.
 */

/** Bytes of a note's body, metadata, addresses and extensions included (protocol 5a). */
export const NOTE_BYTES_MAX = 8 * 1024;
/** Bytes of the metadata inside a note (protocol 5a). */
export const METADATA_BYTES_MAX = 4 * 1024;
/** Addresses in one note: a few interfaces and transports, and the relays of a member that nobody can dial. */
export const ADDRESSES_MAX = 24;
/** Bytes of them together, as they stand in the note: ten of the longest, or 24 of common length. */
export const ADDRESSES_BYTES_MAX = 2_816;
/** ASCII characters of one address: a DNS name (253), a colon and a port. */
export const ADDRESS_CHARS_MAX = 259;
/** Bytes of what a member subscribes to (rule R22): 256 topics of 255 bytes, 64 KiB, and what stands around each. */
export const INTEREST_BYTES_MAX = 66 * 1024;
/** Bytes of all interests that are held: of a thousand members with the largest, or of every member that we plan for with 600 bytes. */
export const INTERESTS_BYTES_MAX = 64 * 1024 * 1024;
/** Rule R22: bytes of interests of one member that are admitted at once: the largest, or 66 small changes ... */
export const INTEREST_BURST_BYTES = 68 * 1024;
/** ... and per gossip interval after that: half of what its notes may have. */
export const INTEREST_BYTES_PER_INTERVAL = 4 * 1024;
/** What the smallest counts for, bytes: its signature is checked and it is pushed on like any other. */
export const INTEREST_COST_MIN = 1024;
/** Bytes of interests that one packet asks a partner for (rule R22): most of the packet that brings them. */
export const INTERESTS_PER_EXCHANGE_BYTES = 192 * 1024;
/** Interests that wait for their time, over all members. Each is as large as one may be, at most. */
export const INTERESTS_WAITING_MAX = 256;
/** Bytes of one DER certificate. Ours have about 600; a long principal name still fits. */
export const CERTIFICATE_BYTES_MAX = 4 * 1024;
/** Certificates held per member id: the current one, the next one, and two re-keys in between. */
export const CERTIFICATES_PER_MEMBER_MAX = 4;
/** Bytes of a revocation list: about 31,000 entries. */
export const REVOCATION_BYTES_MAX = 1024 * 1024;
/** Member ids held; beyond it new certificates are refused. Ten times the largest network we plan for. */
export const MEMBERS_MAX = 100_000;

/** W of rule R3: how far before the accused, in static ring order, an accuser may sit. */
export const ACCUSER_WINDOW = 16;
/** Rule R3: accusations held per accused, epoch and ring: the closest ones. */
export const ACCUSATIONS_PER_RING_MAX = 4;
/** Rule R10: nobody signs or accepts a higher epoch. */
export const EPOCH_MAX = 2n ** 63n - 1n;
/** Rule R10: epochs are saved ahead in blocks, so that a rebuttal never waits for a disk. */
export const EPOCH_BLOCK = 1000n;
/** Rule R9: accusations remembered until the note that answers them; those beyond are answered by it as well. */
export const UNANSWERED_MAX = 1024;
/** Rule R20: members counted for one note of mine. Memory, not correctness. */
export const TELLERS_MAX = 4096;
/** Rule R20: members whose summons my next note answers first-hand. The others hear it by gossip, or call again. */
export const AWAITING_MAX = 256;
/**
 * Rule R20: summoning calls under way at once. Each ends after Delta / 2. With more accused members who all hold their calls,
 * some are called late: a third of liars are so many in networks of 1,500 members.
 */
export const HEARINGS_MAX = 512;
/** Rule R15: accusations that the accused is offered in one packet, each with its accuser's certificate. */
export const CHARGES_MAX = 64;
/** Rule R20: accusations that a neighbour's summons bears, with their certificates: each has 1.5 KB, and none is needed to answer. */
export const SUMMONS_CHARGES_MAX = 4;

/** Bytes of one packet in either direction; also what one partner may make me send per call. */
export const PACKET_BYTES_MAX = 256 * 1024;
/** Statements in one packet: bounds the work before the first signature check. */
export const PACKET_STATEMENTS_MAX = 1024;
/** Record digests that one packet lists or wants. */
export const PACKET_DIGESTS_MAX = 4096;
/** Interests that one packet offers (rule R22), 60 bytes each. */
export const PACKET_INTERESTS_MAX = 1024;
/** Ranges that one packet compares. */
export const PACKET_RANGES_MAX = 256;
/** Calls that one exchange may take until it must wait for the next interval (depth of the tree plus transfers). */
export const EXCHANGE_ROUNDS_MAX = 24;
/** Exchanges under way at once, over all partners: sockets and memory, not correctness. */
export const EXCHANGES_MAX = 64;
/** Exchanges under way that others' fingerprints began: half, so that liars' pings cannot take those that I begin myself. */
export const EXCHANGES_CAUSED_MAX = 32;
/**
 * Pushes under way at once: to all neighbours on 128 rings. Liars among them hold each push until its deadline, and the
 * others' must not wait for it: with fewer, a third of 210 neighbours kept a rebuttal back.
 */
export const PUSHES_MAX = 256;
/** Pushes of interests under way at once: beside those of what membership needs, which wait for none of these. */
export const INTEREST_PUSHES_MAX = 64;
/** Packets that one partner may send at once ... */
export const PARTNER_PACKETS_BURST = 48;
/** ... and per gossip interval after that. */
export const PARTNER_PACKETS_PER_INTERVAL = 24;
/** Summonses that one partner is heard with per gossip interval though its packets are used up, and as many at once (rule R20). */
export const PARTNER_SUMMONSES_PER_INTERVAL = 8;
/**
 * Statements that one partner may send in requests at once, before any of them is looked at: four full packets. Each costs
 * two digests and a look-up, 10 to 20 us, also when all of it is held already or worth nothing ...
 */
export const PARTNER_STATEMENTS_BURST = 4 * PACKET_STATEMENTS_MAX;
/** ... and per gossip interval after that: more than anyone has to tell, less than 3 % of a core. */
export const PARTNER_STATEMENTS_PER_INTERVAL = 2 * PACKET_STATEMENTS_MAX;
/** Packets of its budget that a partner loses for each false signature or malformed statement ... */
export const PACKETS_PER_LIE = 4;
/** ... and how far into debt that may bring it: ten intervals without a hearing, after any number of lies. */
export const PARTNER_DEBT_MAX = 10 * PARTNER_PACKETS_PER_INTERVAL;
/** Rule R16: bytes of statements that a partner who is not my neighbour may pull per gossip interval. */
export const STRANGER_BYTES_PER_INTERVAL = 128 * 1024;
/** Verification batches under way at once, over all partners. */
export const BATCHES_MAX = 64;
/** Verification batches under way per partner: one being checked, and others, so that it need not wait for a round trip. */
export const BATCHES_PER_PARTNER_MAX = 4;
/**
 * Checks of one batch under way at once: enough to keep all threads busy, and all that a packet of lies can cost. Else a
 * few dozen liars with full packets would keep every place among the batches taken, and answers to accusations out.
 */
export const BATCH_CHECKS_MAX = 128;
/** Partners whose packets are counted; the longest silent ones are forgotten first. */
export const PARTNERS_MAX = 4096;

/** A request with more statements is a transfer and no news: what it brings is not pushed on. */
export const NEWS_STATEMENTS_MAX = 64;
/** Fresh statements waiting for one push; what does not fit is left to reconciliation. */
export const FRESH_MAX = 4096;
/** Bytes of one push. */
export const PUSH_BYTES_MAX = 64 * 1024;
/** Outputs in one drain beyond which a driver has clearly stopped draining: a programmer's error. */
export const OUTPUTS_MAX = 1_000_000;

/** Members whose word on what became of me is remembered: with 105 rings a member has twice as many neighbours. */
export const WORDS_MAX = 256;
