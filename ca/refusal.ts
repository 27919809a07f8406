/** How the authority refuses state that it cannot use: what is wrong, and what to do. */
import { type ErrorCode, FirefliesError } from "../identity/index.js";

export function refusal(code: ErrorCode, directory: string, what: string, cause?: unknown): FirefliesError {
  const remedy = "Restore the whole directory from one backup; starting over would hand out ids twice.";
  return new FirefliesError(code, `The authority's state in ${directory} cannot be used: ${what}. ${remedy}`, {
    cause,
  });
}
