/** The members that offer a service, by their word. */
import type { MemberClient } from "./member-client.js";

/** Their ids, in an order that is the same for all who ask. */
export function offering(client: Pick<MemberClient, "members">, service: string): readonly string[] {
  return client
    .members({ service })
    .map(({ id }) => id)
    .toSorted();
}
