/** What services need of a member: a part of the public `Client`. */
import type { Client } from "../client/client.js";

export type MemberClient = Pick<
  Client,
  "id" | "self" | "member" | "members" | "handle" | "openStream" | "stopping" | "ping"
>;
