/** What V8 is told in a process that lives long and has little to do. */
import { setFlagsFromString } from "node:v8";

/** V8's compilers: to machine code as it stands, and better. Without them it interprets. */
const COMPILERS = ["sparkplug", "maglev", "opt"];
/** How often the time that the process takes is looked at, milliseconds. */
export const LOOK_MS = 1_000;
/** Of one core, between two looks. An agent of ten takes a hundredth when nothing happens. */
export const BUSY_SHARE = 0.25;

/**
 * Has V8 collect garbage before the heap has grown much beyond what is in use, 3 MiB of an idle agent: more often, and of
 * little. Only for as long as there is little to do.
 */
const SMALL_HEAP = "optimize-for-size";

/** To be called before anything else is loaded: what has grown then does not shrink. */
export function beginFrugally(): void {
  keepNurserySmall();
  setFlagsFromString(`--${SMALL_HEAP}`);
  for (const compiler of COMPILERS) setFlagsFromString(`--no-${compiler}`);
}

/**
 * Keeps the room for new objects at two halves of 1 MiB. V8 doubles it, up to 16 MiB and later more, whenever much of it
 * survives, as it does while a program is loaded, and gives it back late: 10 MiB of an idle agent. The smaller one is
 * collected more often, in less time each.
 */
function keepNurserySmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}

export interface Process {
  /** Microseconds of CPU that it has taken. */
  readonly cpu: () => number;
  readonly setFlags: (flags: string) => void;
}

const THIS_PROCESS: Process = {
  cpu: () => {
    const { user, system } = process.cpuUsage();
    return user + system;
  },
  setFlags: setFlagsFromString,
};

/**
 * Gives V8 its compilers, and room, when the process is busy for the first time. A start runs much code a few times, and V8 compiles
 * what it takes for hot. An idle process gains nothing of that, and holds 6 MiB for it: the code, what it was made of, and
 * the pages of the compilers, which nobody has touched before. Interpreted code is four times slower, for a second or two.
 * V8 reads these switches each time that it would compile.
 */
export function compileWhenBusy({ cpu, setFlags }: Process = THIS_PROCESS): void {
  let before = cpu();
  const timer = setInterval(() => {
    const now = cpu();
    const share = (now - before) / (LOOK_MS * 1_000);
    before = now;
    if (share <= BUSY_SHARE) return;
    clearInterval(timer);
    for (const compiler of COMPILERS) setFlags(`--${compiler}`);
    setFlags(`--no-${SMALL_HEAP}`);
  }, LOOK_MS);
  timer.unref();
}
