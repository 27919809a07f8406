/** All sources of one member: those of its configuration, and those that its program brought along. */
import { FirefliesError } from "../../identity/index.js";
import { formatHostPort } from "../../net/index.js";
import { type Discovery, type DiscoveryInfo, type DiscoverySelf, SOURCES_MAX } from "./discovery.js";
import { dnsDiscovery, srvDiscovery } from "./dns.js";
import { fileDiscovery } from "./file.js";
import { kubernetesDiscovery } from "./kubernetes.js";
import { mdnsDiscovery } from "./mdns.js";
import { addressesAmong, readPlace, type SourcePlace } from "./place.js";
import { type CheckEntry, Source } from "./source.js";

/** What a configuration says of them. */
export interface SourcesConfig {
  /** Addresses, and sources by their names: "dns:members.example:7000". */
  readonly entryAddrs: readonly string[];
  readonly mdns: boolean;
}

export interface SourcesOptions {
  readonly config: SourcesConfig;
  /** Those of the program. */
  readonly discovery: readonly Discovery[];
  /** Is it an address that can be contacted? */
  readonly check: CheckEntry;
  readonly isMine: (entry: string) => boolean;
  /** Who is announced; undefined while there are no addresses. */
  readonly self: () => DiscoverySelf;
  /** Live members, with me. */
  readonly members: () => number;
  /** An answer, and which of it is new: see `Source`. */
  readonly take: (entries: readonly string[], fresh: ReadonlySet<string>) => void;
  /** A call of a source has ended, whichever way. */
  readonly onEnded: () => void;
  readonly onAlarm: (alarm: FirefliesError) => void;
  readonly random: () => number;
}

export class Sources {
  readonly #options: SourcesOptions;
  readonly #ofProgram: readonly Held[];
  /** By the name in the configuration. */
  #configured = new Map<string, Held>();
  #list: Held | undefined;
  #isStarted = false;

  constructor(options: SourcesOptions) {
    this.#options = options;
    for (const { name } of options.discovery)
      if (!NAME.test(name))
        throw new FirefliesError("config-bad-value", "The name of a source is one line of 1 to 128 characters.");
    if (options.discovery.length > SOURCES_MAX)
      throw new FirefliesError(
        "config-bad-value",
        `There may be ${SOURCES_MAX} sources of a program, not ${options.discovery.length}.`,
      );
    this.#ofProgram = options.discovery.map((discovery) => this.#hold(discovery));
    this.use(options.config);
  }

  get infos(): readonly DiscoveryInfo[] {
    return this.#all.map(({ source }) => source.info);
  }

  /** Somebody may come by one of them: it has not answered yet, it failed, or it named somebody. Addresses in a list do not count. */
  get isPromising(): boolean {
    return this.#asked.some(({ source }) => source.isPromising);
  }

  start(): void {
    this.#isStarted = true;
    for (const each of this.#all) this.#begin(each);
  }

  /** The member is alone. */
  hurry(): void {
    for (const { source } of this.#all) source.hurry();
  }

  /** My addresses have changed. */
  moved(): void {
    for (const each of this.#all) this.#announce(each);
  }

  /** From now on these are asked, besides those of the program. Those that stay are not disturbed. */
  use({ entryAddrs, mdns }: SourcesConfig): void {
    const before = this.#configured;
    const places = new Map(entryAddrs.flatMap((text) => placeIn(text) ?? []));
    this.#configured = new Map();
    for (const [name, place] of places) this.#configured.set(name, before.get(name) ?? this.#hold(sourceAt(place)));
    if (mdns) this.#configured.set(MDNS, before.get(MDNS) ?? this.#hold(mdnsDiscovery()));
    const gone = [...before].flatMap(([name, held]) => (this.#configured.has(name) ? [] : [held]));
    const list = addressesAmong(entryAddrs);
    if (this.#list !== undefined) gone.push(this.#list);
    this.#list = list.length === 0 ? undefined : this.#hold({ name: "list", contacts: async () => list });
    for (const { source } of gone) void source.stop();
    if (!this.#isStarted) return;
    const kept = new Set([...before.values(), ...this.#ofProgram]);
    for (const each of this.#all) if (!kept.has(each)) this.#begin(each);
  }

  /** Never rejects. */
  async stop(): Promise<void> {
    await Promise.all(this.#all.map(({ source }) => source.stop()));
  }

  get #asked(): readonly Held[] {
    return [...this.#ofProgram, ...this.#configured.values()];
  }

  get #all(): readonly Held[] {
    return this.#list === undefined ? this.#asked : [this.#list, ...this.#asked];
  }

  #hold(discovery: Discovery): Held {
    const { check, isMine, members, take, onEnded, onAlarm, random } = this.#options;
    const clocks = { now: () => performance.now(), wall: Date.now };
    const source = new Source({ discovery, check, isMine, members, take, onEnded, onAlarm, random, ...clocks });
    return { discovery, source };
  }

  #begin(held: Held): void {
    this.#announce(held);
    held.source.start();
  }

  #announce({ discovery }: Held): void {
    if (!this.#isStarted) return;
    try {
      discovery.announce?.(this.#options.self());
    } catch {
      // What is wrong with it, `contacts` says.
    }
  }
}

interface Held {
  readonly discovery: Discovery;
  readonly source: Source;
}

const MDNS = "mdns";
/** As `Discovery.name` says: it stands in alarms. */
const NAME = /^\P{Cc}{1,128}$/u;

function placeIn(text: string): [string, SourcePlace][] | undefined {
  const read = readPlace(text);
  return read?.ok ? [[text, read.place]] : undefined;
}

function sourceAt(place: SourcePlace): Discovery {
  switch (place.kind) {
    case "dns":
      return dnsDiscovery(formatHostPort(place.host, place.port), serversOf(place));
    case "srv":
      return srvDiscovery(place.service, serversOf(place));
    case "file":
      return fileDiscovery(place.path);
    case "kubernetes":
      return kubernetesDiscovery(place);
  }
}

function serversOf({ server }: { readonly server: string | undefined }) {
  return server === undefined ? {} : { servers: [server] };
}
