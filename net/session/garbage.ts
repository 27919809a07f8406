/**
 * Collects young garbage early while buffers come in bulk. Each message is a buffer of its own, and V8 drops those that are
 * done with when 32 MiB of them have come together. It counts them as part of the heap meanwhile, and in a heap of less than
 * about 33 MB that is past the point where it begins to mark and sweep all of it: two such collections for each 32 MiB cost
 * four times what moving the bytes does. Whether they begin is chance, and once they have they go on. A young collection of few
 * objects takes a fifth of a millisecond.
 *
 * Bytes that are kept are no young garbage: topics hold 64 MiB of messages by default, and replace them while they flow. V8 sizes its
 * next whole collection by how fast the heap itself is filled, and buffers do not count there. So a small heap may grow by as much
 * as V8 ever lets it, while bulk flows: to the fourfold. That was a third of the work of a subscriber.
 */
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Bytes of buffers between two collections. What the last one found is given back with the next, so twice as many may wait. */
const BYTES_MAX = 4 * 1024 * 1024;

/** A heap of more bytes than this has room for what V8 lets wait, and a young collection of it may take longer. */
const HEAP_BYTES_MAX = 64 * 1024 * 1024;

/** What V8 lets a heap grow by at most before it is collected whole, in percent: the fourfold (`MaxGrowingFactor`). */
const GROWTH_PERCENT = 300;
/** For so long after bulk has ended, milliseconds. */
const GROWTH_MS = 5_000;

type Collect = (options: { readonly type: "minor" }) => void;

let waiting = 0;
let collect: Collect | undefined;
/** Runs while the heap may grow. */
let growing: NodeJS.Timeout | undefined;

/** So many bytes were put into buffers that somebody else lets go of. */
export function handedOut(bytes: number): void {
  waiting += bytes;
  if (waiting < BYTES_MAX) return;
  waiting = 0;
  const isSmall = getHeapStatistics().used_heap_size <= HEAP_BYTES_MAX;
  setGrowth(isSmall);
  if (!isSmall) return;
  collect ??= collector();
  collect({ type: "minor" });
}

/** A program that sets the flag itself gets V8's own growth back. */
function setGrowth(isBulk: boolean): void {
  if (isBulk && growing !== undefined) growing.refresh();
  else if (isBulk) {
    setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
    growing = setTimeout(() => setGrowth(false), GROWTH_MS).unref();
  } else if (growing !== undefined) {
    clearTimeout(growing);
    growing = undefined;
    setFlagsFromString("--heap-growing-percent=0");
  }
}

/** So many of those that were handed out were given back by hand (release.ts). */
export function givenBack(bytes: number): void {
  waiting = Math.max(0, waiting - bytes);
}

/** V8's own function, which it shows to contexts that begin while the flag is set. Where there is none nothing is collected early. */
function collector(): Collect {
  if (globalThis.gc !== undefined) return globalThis.gc as Collect;
  try {
    setFlagsFromString("--expose-gc");
    return runInNewContext("gc") as Collect;
  } catch {
    return () => {};
  } finally {
    setFlagsFromString("--no-expose-gc");
  }
}
