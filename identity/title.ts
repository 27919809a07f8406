/** How a member is called in a sentence. */
import type { MemberId } from "../rings/index.js";

/** "bob (3fa9...)", with all digits of its id; the id alone when its certificate has no name. */
export function titleOf({ id, name }: { readonly id: MemberId; readonly name: string | undefined }): string {
  return name === undefined ? id : `${name} (${id})`;
}
