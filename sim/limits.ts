/** How large a simulation may be. Imports nothing, so that a command line can name these without loading the simulator. */

/** Members at the beginning: ten times what has been simulated, and as many as a machine holds (gossip/limits.ts). */
export const MEMBERS_MAX = 100_000;
/** Seeds are whole numbers of 32 bits. */
export const SEED_MAX = 4_294_967_295;
/** Seconds of virtual time of one run: a month. */
export const SECONDS_MAX = 31 * 24 * 3_600;
/** Bytes per second of a member's line: more than any network card has; without a limit there is none at all. */
export const BYTES_PER_SECOND_MAX = 1e12;
