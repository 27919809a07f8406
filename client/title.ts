/** How a member is called in a sentence. Apart, so that a command may say it without loading a client. */
import type { Sender } from "./types.js";

/** "bob (3fa9...)", with all digits of its id; the id alone when its certificate has no name. */
export function titleOf({ id, name }: Pick<Sender, "id" | "name">): string {
  return name === undefined ? id : `${name} (${id})`;
}
