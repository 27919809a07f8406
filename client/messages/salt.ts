/** Salts for messages: without one a hash of the list would tell who guesses the message that it is right. */
import { randomFillSync } from "node:crypto";
import { SALT_BYTES } from "./frame.js";

/** Random bytes drawn at once. */
const SALT_POOL_BYTES = 16 * 1024;

const salts = new Uint8Array(SALT_POOL_BYTES);
let usedSalts = SALT_POOL_BYTES;

/** Writes a fresh salt to the beginning of the message. */
export function fillSalt(message: Uint8Array): void {
  if (usedSalts === SALT_POOL_BYTES) {
    randomFillSync(salts);
    usedSalts = 0;
  }
  for (let at = 0; at < SALT_BYTES; at++) message[at] = salts[usedSalts++]!;
}
