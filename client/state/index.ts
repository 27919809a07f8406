/** The member's directory, besides the files of its identity. */
export { StateDirectory } from "./directory.js";
export type { Restored } from "./sealed.js";
