/** `jose`, loaded when the first JWT comes: most authorities take none. */
import { missing } from "../../identity/index.js";

export function loadJose(): Promise<typeof import("jose")> {
  return import("jose").catch(missing("jose", "An authority that takes JWTs"));
}
