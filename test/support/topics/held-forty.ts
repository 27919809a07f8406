/** A log of which forty messages are held, in batches of five: what a cursor asks of it. */
import type { HeldLog } from "../../../topics/holding/held-log.js";
import type { Batch } from "../../../topics/records/batch.js";

export const COUNT = 40;

export const log = {
  held: COUNT,
  find: (number: number) =>
    number >= 1 && number <= COUNT ? ({ last: Math.ceil(number / 5) * 5 } as Batch) : undefined,
} as unknown as HeldLog;
