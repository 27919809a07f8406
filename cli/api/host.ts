/** What the API needs of an agent: its members, and what it tells. */
import type { AgentClient } from "../agent-client.js";
import type { LogFeed } from "../log/log-feed.js";
import type { AgentProcess } from "./status.js";

/** One of the agent's members. */
export interface Hosted {
  readonly client: AgentClient;
  readonly agent: AgentProcess;
  /** Leaves the network once everything open has ended, at most `drainMs` milliseconds from now. Resolves when it has left. */
  readonly leave: (drainMs: number) => Promise<void>;
}

export interface AgentHost {
  /** The member that is meant: by its name or directory, or without one the agent's first. Throws "identity-unknown". */
  readonly member: (as: string | undefined) => Hosted;
  /** What the agent tells from now on. */
  readonly log: LogFeed;
  /** Tells something that operators should see: an event's name, its facts, and a line. */
  readonly tell?: ((event: string, facts: object, text: string) => void) | undefined;
}
