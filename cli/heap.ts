/** The heap of a process that lives long and has little to do. */
import { setFlagsFromString } from "node:v8";

/**
 * Keeps the room for new objects at two halves of 1 MiB. V8 doubles it, up to 16 MiB and later more, whenever much of it
 * survives, as it does while a program is loaded, and gives it back late: 10 MiB of an idle agent. The smaller one is
 * collected more often, in less time each. To be called before much is loaded: it does not shrink what has grown.
 */
export function keepNurserySmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}
