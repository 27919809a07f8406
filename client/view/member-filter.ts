/** Which members a program or an operator asks for: by a pattern of their names, and by what their metadata say. */

import { isDeepStrictEqual } from "node:util";
import { wrongType } from "../../identity/index.js";
import { matchesPattern } from "../../rings/index.js";
import type { Member } from "../types.js";

/** Which members are wanted; all that it says must hold. */
export interface MemberFilter {
  /** A name, in which "*" stands for any characters and "?" for one. Case matters. */
  readonly name?: string;
  /** Facts that the metadata hold, equal as JSON values. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** A protocol or service that the member offers: one of `Member.services`. */
  readonly service?: string;
}

export interface Matcher {
  readonly isNamed: (name: string | undefined) => boolean;
  readonly isOffering: (services: readonly string[]) => boolean;
  /** Whether the metadata have the facts that are asked for. */
  readonly isWanted: (member: Pick<Member, "metadata">) => boolean;
}

/** Throws a TypeError for what is no filter. */
export function matcherOf({ name, metadata, service }: MemberFilter): Matcher {
  if (name !== undefined && typeof name !== "string") throw wrongType("A filter's name is a string.");
  if (metadata !== undefined && (typeof metadata !== "object" || metadata === null)) {
    throw wrongType("A filter's metadata are an object of JSON values.");
  }
  if (service !== undefined && typeof service !== "string") throw wrongType("A filter's service is a string.");
  const facts = Object.entries(metadata ?? {});
  return {
    isNamed: (text) => name === undefined || matchesPattern(text ?? "", name),
    isOffering: (services) => service === undefined || services.includes(service),
    isWanted: ({ metadata: held }) =>
      facts.every(([key, value]) => Object.hasOwn(held, key) && isDeepStrictEqual(held[key], value)),
  };
}
