/** One member of an agent: its client, its alarms, and its services. */
import { optionsOf } from "../../client/config/options-of.js";
import type { MemberConfig } from "../../client/config/resolve.js";
import type { ServiceEntry } from "../../client/config/service-entries.js";
import { Client } from "../../client/index.js";
import { containedLogger, type FirefliesError, type Logger } from "../../identity/index.js";
import type { HostNetwork } from "../../net/index.js";
import type { PlannedService } from "../../services/controllers/plan.js";
import type { Feed } from "../api/feed/feed.js";
import type { Hosted } from "../api/host.js";
import { RecentAlarms } from "../api/recent-alarms.js";
import { memberTitle } from "../output.js";
import { VERSION } from "../version.js";
import type { AgentLog } from "./agent-log.js";
import type { ServicesFile } from "./config-file.js";
import { registerHandlers, tellChanges } from "./handlers.js";
import { MemberServices, plannedOf } from "./member-services.js";

export interface MountOptions {
  /** How the agent calls it; undefined for its own member, which is called by its principal. */
  readonly as: string | undefined;
  readonly config: MemberConfig;
  /** Absolute. */
  readonly dir: string;
  readonly services: readonly ServiceEntry[];
  readonly log: AgentLog;
  readonly debug: Logger["debug"];
  readonly reply: string | undefined;
  readonly file: ServicesFile;
  /** Ways beside those of every member. */
  readonly network: HostNetwork;
  /** Keeps the events of the last hour from its start on, for the admin port. */
  readonly records: boolean;
  /** Ends the member, as the call `leave` does. */
  readonly leave: (drainMs: number) => Promise<void>;
}

export class MountedMember {
  readonly client: Client;
  readonly services: MemberServices;
  readonly #options: MountOptions;
  readonly #startedAt = Date.now();
  readonly #alarms = new RecentAlarms();
  /** Loaded for the admin port, or when somebody asks. */
  #feed: Promise<Feed> | undefined;
  /** Once it has started; it outlives the client. */
  #self: { readonly id: string; readonly name: string | undefined } = { id: "", name: undefined };
  /** Ends with the client; why it was isolated then, if it was. */
  #changes: Promise<string | undefined> = Promise.resolve(undefined);

  /** Nothing is opened yet. Rejects with what is wrong with its services: "config-...". */
  static async of(options: MountOptions): Promise<MountedMember> {
    const plans = await plannedOf(options.services);
    return new MountedMember(options, plans);
  }

  private constructor(options: MountOptions, plans: readonly PlannedService[]) {
    this.#options = options;
    const { config, log, debug, reply, network } = options;
    const { waitMs = Number.POSITIVE_INFINITY } = config;
    // The rest the agent tells itself, with more of what it knows.
    const logger = { ...containedLogger(undefined), debug };
    this.services = new MemberServices({ plans, log, file: options.file, client: () => this.client });
    this.client = new Client({ ...optionsOf({ ...config, waitMs }), logger, network });
    registerHandlers(this.client, log, reply);
    this.client.registerAlarmHandler((alarm) => this.alarmed(alarm));
  }

  get as(): string | undefined {
    return this.#options.as;
  }

  get dir(): string {
    return this.#options.dir;
  }

  get config(): MemberConfig {
    return this.#options.config;
  }

  get hosted(): Hosted {
    const { client, dir } = this;
    const agent = { version: VERSION, dir, startedAt: this.#startedAt, alarms: () => this.#alarms.list() };
    return {
      as: this.name,
      client,
      agent,
      leave: this.#options.leave,
      services: this.services,
      feed: () => this.feed(),
    };
  }

  /** By which `--as` finds it. */
  get name(): string {
    const { as, dir } = this.#options;
    return as ?? this.#self.name ?? dir;
  }

  /** Rejects as `Client.start`. Its services begin once it is in. */
  async start(signal: AbortSignal): Promise<void> {
    await this.client.start({ signal });
    const { id, name } = this.client.self;
    this.#self = { id, name };
    if (this.#options.records) (await this.feed()).begin();
    this.#changes = tellChanges(this.client, this.#options.log);
  }

  feed(): Promise<Feed> {
    this.#feed ??= import("../api/feed/feed.js").then(
      ({ Feed }) => new Feed(this.client, Date.now, (alarm) => this.alarmed(alarm)),
    );
    // Its file may not be read for the moment: whoever asks again tries again.
    this.#feed.catch(() => {
      this.#feed = undefined;
    });
    return this.#feed;
  }

  /** To be called when its start has been told. */
  async begin(): Promise<void> {
    await this.services.begin();
  }

  alarmed(alarm: FirefliesError): void {
    this.#alarms.add(alarm, Date.now());
    // Who asked for the feed was told that it failed.
    this.#feed?.then(
      (feed) => feed.alarm(alarm),
      () => {},
    );
    this.#options.log.alarm(alarm);
  }

  /** Is it meant by what was typed: its name, its id or the beginning of that, its directory? */
  isMeant(word: string): boolean {
    if (word === this.name || word === this.dir || word === this.#self.name) return true;
    return word.length >= ID_DIGITS_MIN && this.#self.id.startsWith(word.toLowerCase());
  }

  /** The client has been told to stop. Tells that it has left, and why it was isolated then, if it was. */
  async left(): Promise<void> {
    const { id, name } = this.#self;
    const isolated = await this.#changes;
    await this.services.close();
    const wasOut = isolated && `; it was isolated (${isolated})`;
    this.#options.log.event(
      "stopped",
      { id, name, ...(isolated && { isolated }) },
      `${memberTitle({ id, name })} has left${wasOut ?? ""}`,
    );
  }
}

/** Fewer digits of an id would mean too many. */
const ID_DIGITS_MIN = 4;
