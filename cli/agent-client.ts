/** What the control server needs of a Client: so that it can be tested without a network. */
import type { Client } from "../client/client.js";

export type AgentClient = Pick<
  Client,
  | "id"
  | "self"
  | "member"
  | "members"
  | "departed"
  | "changes"
  | "history"
  | "explain"
  | "evidence"
  | "join"
  | "ping"
  | "info"
  | "doctor"
  | "rings"
  | "paths"
  | "connections"
  | "renew"
  | "sendToId"
  | "openStream"
  | "handle"
  | "publish"
  | "subscribe"
  | "subscribers"
  | "topics"
  | "traffic"
  | "stopping"
  | "identify"
  | "setGossipContent"
>;
