/** Memory in use, after the garbage is gone: node needs no flag for it. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");

/** Bytes of { heapUsed, external, arrayBuffers, rss } after a full collection. */
export function memoryAfterCollection() {
  // Twice: what finalizers let go of counts as well.
  collect();
  collect();
  const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage();
  return { heapUsed, external, arrayBuffers, rss };
}
