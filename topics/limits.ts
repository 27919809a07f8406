/**
 * What members can make each other hold, send or compute for topics, bounded in one place: what is counted, in which
 * unit, and why this much. Who goes over one of them loses the excess, never the messages of others.
 */

/** Bytes of one message: as NATS has it by default. More belongs on a stream. */
export const MESSAGE_BYTES_MAX = 1024 * 1024;
/**
 * Bytes of the messages of one batch, beyond which it is sealed within its turn: a lost one costs so much again, and each one its
 * signature, its checks and a wake-up of every subscriber (row topic-10: 1.2 times the messages of 64 KiB).
 */
export const BATCH_BYTES = 256 * 1024;
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

/** Rings that topics use, at most: the repair of a log has neighbours on each, in both directions. */
export const TOPIC_RINGS_MAX = 8;
/** Topics whose subscribers are kept at hand; those of others are looked for anew. */
export const TOPICS_CACHED_MAX = 4096;
/** Subscriptions of one member; others hold one interest for those that are alike. */
export const SUBSCRIPTIONS_MAX = 1024;
/** Topics that a member publishes on in one life: each has a log and a state for each subscriber. */
export const OWN_TOPICS_MAX = 4096;
/** Logs of which batches were held, over all publishers ... */
export const LOGS_MAX = 65_536;
/** ... and of one publisher: as many as it may publish on, and those of an earlier life. Its longest unchanged one goes first. */
export const LOGS_PER_PUBLISHER_MAX = 8192;
/** ... and of one publisher on one topic: one for each life. More lives within a retention are a crash loop, or made up. */
export const LIVES_PER_TOPIC_MAX = 16;
/**
 * Logs of which nothing but word came (a start, a head): these cost their publisher little, and me two kilobytes each. So they
 * have a place of their own, and make room for each other only. What is forgotten is asked for again when a batch comes ...
 */
export const BARE_LOGS_MAX = 16_384;
/** ... and of one publisher: as many as it may publish on. A new subscriber to all is told of each. */
export const BARE_LOGS_PER_PUBLISHER_MAX = OWN_TOPICS_MAX;
/** Logs that one publisher may begin here at once; then twenty a second. A life that begins anew begins all of them. */
export const LOGS_BURST = OWN_TOPICS_MAX;
export const LOG_REFILL_MS = 50;
/** Names of logs that are remembered from their bytes, checked or not: one that was forgotten costs a digest, two microseconds. */
export const NAMES_MAX = 8192;
/** Bytes under way to one receiver of a log that it has not confirmed: what a second of a gigabit link carries is 30 of them. */
export const WINDOW_BYTES = 4 * 1024 * 1024;
/** Bytes of one log that this member holds and that no subscription of it has settled: more is not taken, and waits at others. */
export const BACKLOG_BYTES_MAX = 16 * 1024 * 1024;
/** Signature checks under way ... */
export const CHECKS_MAX = 1024;
/** ... and of what one member sent: a flood of one leaves room for others. */
export const CHECKS_PER_MEMBER_MAX = 256;
/** ... and of each member, however many others cause: a few that flood together keep out nobody. */
export const CHECKS_RESERVED = 8;
/** Bytes of batches whose signatures are being checked: no room is made for them before ... */
export const CHECKED_BYTES_MAX = 16 * 1024 * 1024;
/** ... and of what one member sent: three of the largest. */
export const CHECKED_BYTES_PER_MEMBER_MAX = 4 * 1024 * 1024;
/** ... and of each member, however much others send: one batch of a usual length. */
export const CHECKED_BYTES_RESERVED = 64 * 1024;
/** Milliseconds for which no batch is looked at after one was checked for which no room could be made. */
export const FULL_MS = 100;
/** Bytes that one pull is answered with; who pulled asks again. */
export const PULL_BYTES_MAX = 1024 * 1024;
/** Pull times that one pull may take in all, however often something of it comes: then the next holder is asked. */
export const PULL_TIMES_MAX = 20;
/** Pulls for what is missing of a log that its publisher has forked: then it is lost, for what others hold may never fit. */
export const FORK_PULLS_MAX = 3;
/** Milliseconds for which a member that refuses is believed to be busy, at most. */
export const REFUSED_MS_MAX = 10_000;
/** Bytes that one member is given at once when it pulls: half of a default retention ... */
export const SERVED_BURST_BYTES = 32 * 1024 * 1024;
/** ... and then in a second: more than a busy topic loses. */
export const SERVED_BYTES_PER_SECOND = 4 * 1024 * 1024;
/** ... and all together in a second, a quarter of a gigabit link. Beyond, each is given its fair share of as much, no more. */
export const SERVED_WINDOW_BYTES = 32 * 1024 * 1024;
/** Members that are remembered to have announced more of a log than I hold: twice as many as it has ring neighbours. */
export const CLAIMS_MAX = 32;
/** Members of whom it is remembered how often they did not answer a pull. */
export const FAILURES_MAX = 4096;
/** Logs of unknown names that were announced to me, and of which one batch is asked for to learn the name. */
export const STRANGE_LOGS_MAX = 4096;
/** ... and those that one member announced: who makes up names pushes out its own. */
export const STRANGE_LOGS_PER_MEMBER_MAX = 128;
/**
 * Proofs against publishers that are kept, one for each log. None makes room for another: a proof that was forgotten would be
 * news again, told again and passed on again, from member to member without end.
 */
export const PROOFS_MAX = 1024;
/** Of one publisher: one proves what it is, and a liar signs as many as it likes. */
export const PROOFS_PER_PUBLISHER_MAX = 8;
/** False signatures and broken batches that a member may send at once; then one every ten seconds. Others' are looked at on. */
export const LIES_BURST = 4;
export const LIE_REFILL_MS = 10_000;
/** Members that a new subscription asks for heads: among so many a correct one is found, in all but a few networks. */
export const ASKED_MAX = 8;
/** Logs that one question for heads is answered from, by turns: what is not told costs the asker older messages. */
export const LOGS_SCANNED_MAX = 4096;
/** Members of whom it is counted what they ask and begin; who has not been heard for longest is forgotten first. */
export const MEMBERS_COUNTED_MAX = 4096;
/** Questions for heads that a member may ask at once; then one a second. */
export const ASKS_BURST = 16;
export const ASK_REFILL_MS = 1000;

/**
 * Numbers of a log that a member of a queue group goes ahead of the first that nobody is known to have handled: there is an entry
 * for each. A member that is behind by more holds up its group.
 */
export const GROUP_SPAN_MAX = 4096;
/** What one member says to have handled of what is not held here yet, numbers over all logs. What is beyond is asked for again. */
export const GROUP_CLAIMS_MAX = 16_384;
/** Numbers of a log that one member has me look at for its group: at once, and then in each millisecond. Each is a hash a member. */
export const GROUP_LOOKS_BURST = 65_536;
export const GROUP_LOOK_REFILL_MS = 1 / 64;
/** Members that have left a group, of each log, and for how long what they say that they handled before still counts. */
export const GROUP_FORMER_MAX = 64;
export const GROUP_FORMER_MS = 30_000;
/** Ranges of one log that a subscription misses and looks for elsewhere: what is dropped together is one. */
export const MISSED_RANGES_MAX = 16;
/**
 * Pulls from others than the publisher of logs of which nothing ever came, or whose publisher lives: it says what it likes of how
 * long they are, and each such word would have all ask all. As many topics as a member usually has, then ten a second.
 */
export const HEARSAY_PULLS_BURST = 32;
export const HEARSAY_PULL_REFILL_MS = 100;
