/** `jose`, loaded when the first JWT comes: most authorities take none. */
import { loadOptional } from "../../identity/index.js";

export function loadJose(): Promise<typeof import("jose")> {
  return loadOptional("jose", "An authority that takes JWTs", () => import("jose"));
}
