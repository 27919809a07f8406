/** What the API needs of an agent: its members, what can be done to them, and what it tells. */
import type { ControllerFigures } from "../../services/controllers/kind.js";
import type { ServiceState } from "../../services/controllers/runner.js";
import type { AgentClient } from "../agent-client.js";
import type { LogFeed } from "../log/log-feed.js";
import type { Feed } from "./feed/feed.js";
import type { AgentProcess } from "./status.js";

/** A service as a call says it. */
export interface SaidService {
  /** Undefined: the agent chooses one. */
  readonly id: string | undefined;
  readonly kind: string;
  readonly settings: Readonly<Record<string, unknown>>;
}

/** The services of one member. */
export interface HostedServices {
  states(): Promise<readonly ServiceState[]>;
  /** Resolves when it runs. With `saves` it is in the agent's configuration file from then on. */
  add(said: SaidService, saves: boolean): Promise<ServiceState>;
  remove(id: string, saves: boolean): Promise<void>;
  /** Shows what runs for a command, among the services, until what is returned is called. */
  hold(held: Held): () => void;
}

/** What the agent carries for as long as a command runs. */
export interface Held {
  readonly kind: string;
  readonly at: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly figures: () => ControllerFigures;
  /** Ends it, and with it the command. */
  readonly end: () => void;
}

/** One of the agent's members. */
export interface Hosted {
  /** How `--as` calls it. */
  readonly as: string;
  readonly client: AgentClient;
  readonly agent: AgentProcess;
  /** Leaves the network once everything open has ended, at most `drainMs` milliseconds from now. Resolves when it has left. */
  readonly leave: (drainMs: number) => Promise<void>;
  readonly services: HostedServices;
  /** What its readers are told. */
  readonly feed: () => Promise<Feed>;
}

export interface IdentityState {
  readonly as: string;
  readonly dir: string;
  readonly state: "starting" | "running" | "failed";
  /** The agent's own member, which ends with it. */
  readonly own: boolean;
  readonly id?: string | undefined;
  readonly name?: string | undefined;
  readonly address?: string | undefined;
  /** Why it does not run. */
  readonly error?: { readonly code: string; readonly message: string };
}

/** A member to mount. */
export interface MountWish {
  readonly name: string;
  /** Absolute. */
  readonly dir: string;
  /** Keys of a member, as a file has them. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

export interface ReloadReport {
  readonly services: {
    readonly started: readonly string[];
    readonly stopped: readonly string[];
    readonly kept: readonly string[];
  };
  readonly identities: {
    readonly mounted: readonly string[];
    readonly unmounted: readonly string[];
    readonly kept: readonly string[];
  };
  /** Keys whose change waits for the agent's next start. */
  readonly nextStart: readonly string[];
}

export interface AgentHost {
  /** The member that is meant: by its name, id or directory, or without one the agent's own. Throws "identity-unknown". */
  readonly member: (as: string | undefined) => Hosted;
  readonly members: () => readonly IdentityState[];
  readonly mount: (wish: MountWish) => Promise<IdentityState>;
  readonly unmount: (as: string, drainMs: number) => Promise<void>;
  readonly reload: () => Promise<ReloadReport>;
  /** What the agent tells from now on. */
  readonly log: LogFeed;
  /** The address of the admin port; undefined while there is none. */
  readonly admin?: (() => string | undefined) | undefined;
  /** Tells something that operators should see: an event's name, its facts, and a line. */
  readonly tell?: ((event: string, facts: object, text: string) => void) | undefined;
}
