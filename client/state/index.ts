/** The member's directory, besides the files of its identity. */
export { claimControlPath, findControlPath, releaseControlPath } from "./control-path.js";
export { StateDirectory } from "./directory.js";
export { STATEMENT_BYTES_MAX, STATEMENTS_MAX } from "./known-members.js";
export type { Restored } from "./sealed.js";
