/** The clocks and the chance of a process: what pure rooms are given. */
import { randomBytes } from "node:crypto";
import type { Random } from "../../gossip/index.js";

export const random: Random = {
  number: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
  nonce: () => randomBytes(8).readBigUInt64BE(0),
};
/** Milliseconds that never step. */
export const monotonic = (): number => performance.now();
/** Unix milliseconds. */
export const wall = (): number => Date.now();
