/** The members that offer a service, by their word. */
import type { Member } from "../client/types.js";
import type { MemberClient } from "./member-client.js";

/** Their ids, in an order that is the same for all who ask. */
export function offering(client: Pick<MemberClient, "members">, service: string): readonly string[] {
  const all: readonly (Member & { readonly services?: readonly string[] })[] = client.members();
  const found = all.filter(({ services }) => services?.includes(service));
  return found.map(({ id }) => id).toSorted();
}
