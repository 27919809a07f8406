/** Which members a word means that a program says for a host: an id, a name, a service, or the beginning of an id. */
import type { MemberClient } from "./member-client.js";
import { offering } from "./offering.js";

type Names = Pick<MemberClient, "self" | "member" | "members">;

/** The beginning of an id, as long as members are told apart by it. */
const BEGINNING = /^[0-9a-f]{6,63}$/;

/** A member of this id or name, in any case as names of hosts are; or else all that offer a service of this name; or none. */
export function membersCalled(client: Names, word: string): readonly string[] {
  const named = memberCalled(client, word);
  if (named !== undefined) return [named];
  const found = offering(client, word);
  return found.length > 0 ? found : beginning(client, word.toLowerCase());
}

/** The id of the member that has this id or name. */
export function memberCalled(client: Names, word: string): string | undefined {
  return (client.member(word) ?? likeNamed(client, word))?.id;
}

/** Of two that begin alike none is meant. */
function beginning(client: Names, digits: string): readonly string[] {
  const found = BEGINNING.test(digits) ? client.members().filter(({ id }) => id.startsWith(digits)) : [];
  return found.length === 1 ? found.map(({ id }) => id) : [];
}

function likeNamed(client: Names, word: string): { readonly id: string } | undefined {
  const lower = word.toLowerCase();
  const found = [client.self, ...client.members()].filter(({ name }) => name?.toLowerCase() === lower);
  return found.length === 1 ? found[0] : undefined;
}
