/**
 * Collects young garbage early while buffers come in bulk. Each message is a buffer of its own, and V8 drops those that are
 * done with when 32 MiB of them have come together. It counts them as part of the heap meanwhile, and in a heap of less than
 * about 33 MB that is past the point where it begins to mark and sweep all of it: two such collections for each 32 MiB cost
 * four times what moving the bytes does. Whether they begin is chance, and once they have they go on. A young collection of few
 * objects takes a fifth of a millisecond.
 */
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Bytes of buffers between two collections. What the last one found is given back with the next, so twice as many may wait. */
const BYTES_MAX = 4 * 1024 * 1024;

/** A heap of more bytes than this has room for what V8 lets wait, and a young collection of it may take longer. */
const HEAP_BYTES_MAX = 64 * 1024 * 1024;

type Collect = (options: { readonly type: "minor" }) => void;

let waiting = 0;
let collect: Collect | undefined;

/** So many bytes were put into buffers that somebody else lets go of. */
export function handedOut(bytes: number): void {
  waiting += bytes;
  if (waiting < BYTES_MAX) return;
  waiting = 0;
  if (getHeapStatistics().used_heap_size > HEAP_BYTES_MAX) return;
  collect ??= collector();
  collect({ type: "minor" });
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
