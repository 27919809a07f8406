/** Which members a program or an operator asks for: by a pattern of their names, and by what their metadata say. */

import { isDeepStrictEqual } from "node:util";
import { wrongType } from "../identity/index.js";
import { matchesPattern } from "../rings/index.js";
import type { Member } from "./types.js";

/** Which members are wanted; all that it says must hold. */
export interface MemberFilter {
  /** A name, in which "*" stands for any characters and "?" for one. Case matters. */
  readonly name?: string;
  /** Facts that the metadata hold, equal as JSON values. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** Does the member have all that the filter asks for? Throws a TypeError for what is no filter. */
export function matcherOf({ name, metadata }: MemberFilter): (member: Member) => boolean {
  if (name !== undefined && typeof name !== "string") throw wrongType("A filter's name is a string.");
  if (metadata !== undefined && (typeof metadata !== "object" || metadata === null)) {
    throw wrongType("A filter's metadata are an object of JSON values.");
  }
  const facts = Object.entries(metadata ?? {});
  return (member) =>
    (name === undefined || matchesPattern(member.name ?? "", name)) &&
    facts.every(
      ([key, value]) => Object.hasOwn(member.metadata, key) && isDeepStrictEqual(member.metadata[key], value),
    );
}
