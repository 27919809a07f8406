/** Whole members in one process, without sockets and without a file: what an end-to-end test of a program starts with. */
import { Client, type ClientOptions } from "../client/index.js";
import type { IdentityPem } from "../identity/index.js";
import { type MemoryHost, type MemoryLan, MemoryNetwork, type PathOptions } from "../net/index.js";
import { TestAuthority } from "./authority.js";

/** Few rings and a short Delta: a member that crashes is out of all views within seconds. */
const RING_COUNT = 5;
const DELTA_MS = 500;
const MEMBERS = 3;

/** Of a network for tests. */
export interface TestNetworkOptions {
  /** How many start with it. Default 3. */
  readonly members?: number | undefined;
  /** What lies between the members of the first LAN: `{ latencyMs: 20, loss: 0.01 }`. Default: nothing. */
  readonly path?: PathOptions | undefined;
  /** Of each member, beside identity and network; `preset: "local"` and no configuration file by default. */
  readonly client?: ClientOptions | undefined;
  /** Registers what a member handles, before it starts. */
  readonly prepare?: ((client: Client) => void) | undefined;
  /** As the authority of a real network fixes them. Defaults: 5 rings, a Delta of 500 ms. */
  readonly ringCount?: number | undefined;
  readonly deltaMs?: number | undefined;
}

/** Of one member that comes later. */
export interface TestMemberOptions extends ClientOptions {
  /** Where it stands; the first LAN by default. */
  readonly lan?: MemoryLan | undefined;
}

/** What a member is made from, and made again from. */
interface Making {
  readonly host: MemoryHost;
  readonly identity: IdentityPem;
  readonly options: ClientOptions;
}

/** A running network. Ends with `await network.stop()`, or as `await using network = ...`. */
export class TestNetwork implements AsyncDisposable {
  /** What lies between the members: LANs, links, partitions. */
  readonly network = new MemoryNetwork();
  /** Where members stand when nothing else is said. */
  readonly lan: MemoryLan;
  /** Those that were made and not killed, in that order: "member-1" is the first. */
  readonly members: Client[] = [];
  readonly #making = new WeakMap<Client, Making>();
  readonly #options: TestNetworkOptions;
  readonly #authority: TestAuthority;
  #made = 0;

  private constructor(options: TestNetworkOptions, authority: TestAuthority) {
    this.#options = options;
    this.#authority = authority;
    this.lan = this.network.lan(options.path);
  }

  /** Resolves when all members see each other. */
  static async start(options: TestNetworkOptions = {}): Promise<TestNetwork> {
    const { members = MEMBERS, ringCount = RING_COUNT, deltaMs = DELTA_MS } = options;
    if (!Number.isInteger(members) || members < 1) throw new RangeError("A network for tests has 1 member or more.");
    const made = new TestNetwork(options, await TestAuthority.create({ ringCount, deltaMs }));
    try {
      await made.add();
      await Promise.all(Array.from({ length: members - 1 }, () => made.add()));
      await made.whole();
      return made;
    } catch (error) {
      await made.stop();
      throw error;
    }
  }

  /** A member that has not started: register handlers, then `client.start()`. */
  async member({ lan = this.lan, ...options }: TestMemberOptions = {}): Promise<Client> {
    this.#made += 1;
    const name = options.name ?? `member-${this.#made}`;
    const identity = await this.identity(name);
    const client = this.#make({ host: lan.host(name), identity, options });
    this.members.push(client);
    return client;
  }

  /** A member that has started. */
  async add(options: TestMemberOptions = {}): Promise<Client> {
    const client = await this.member(options);
    await client.start();
    return client;
  }

  /** An identity that this network admits, for a Client of your own. */
  identity(name: string): Promise<IdentityPem> {
    return this.#authority.admit(name);
  }

  /**
   * Ends a member as a crash of its process does: without a word to the others, who accuse it and remove it within seconds. It is
   * taken out of `members`. Throws a RangeError for a client that this network has not made.
   */
  async kill(client: Client): Promise<void> {
    const host = this.hostOf(client);
    const index = this.members.indexOf(client);
    if (index >= 0) this.members.splice(index, 1);
    this.network.unplug(host);
    await client.stop({ drain: 0 });
    this.network.plug(host);
  }

  /**
   * The same member in a new process, started: with the identity, the name and the host of `client`, which is killed first if it
   * runs. What programs have registered is not taken over: see `prepare`. It becomes the last of `members`.
   */
  async restart(client: Client): Promise<Client> {
    const making = this.#makingOf(client);
    await this.kill(client);
    const again = this.#make(making);
    this.members.push(again);
    await again.start();
    return again;
  }

  /** Where a member stands: what `network.cut` and the others take. Throws a RangeError for a client that this network has not made. */
  hostOf(client: Client): MemoryHost {
    return this.#makingOf(client).host;
  }

  /** Cuts members from others until `heal`: from all that are there now, unless `others` says from whom. */
  partition(left: readonly Client[], others?: readonly Client[]): void {
    const right = others ?? this.#running().filter((client) => !left.includes(client));
    const hosts = (clients: readonly Client[]) => clients.map((client) => this.hostOf(client));
    this.network.partition(hosts(left), hosts(right));
  }

  /** Undoes every partition, cut and silence. */
  heal(): void {
    this.network.healAll();
  }

  /**
   * Resolves when none of `clients`, all others that run by default, has this member in its view any more. Rejects with the signal's
   * reason.
   */
  async gone(
    client: Client,
    clients: readonly Client[] = this.#running().filter((other) => other !== client),
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    const { id } = client;
    await Promise.all(clients.map((other) => until(other, () => other.member(id) === undefined, signal)));
  }

  #running(): readonly Client[] {
    return this.members.filter(({ stopping }) => !stopping.aborted);
  }

  #make(making: Making): Client {
    const { host, identity, options } = making;
    const entryAddrs = this.#running().flatMap(addressOf).slice(0, 1);
    const client = new Client({
      ...{ config: false, preset: "local", entryAddrs, network: host, identity },
      ...this.#options.client,
      ...options,
    });
    this.#making.set(client, making);
    this.#options.prepare?.(client);
    return client;
  }

  #makingOf(client: Client): Making {
    const making = this.#making.get(client);
    if (making === undefined) throw new RangeError("This network has not made that client.");
    return making;
  }

  /** Resolves when each of `clients`, all that run by default, sees all the others. Rejects with "cancelled". */
  async whole(
    clients: readonly Client[] = this.#running(),
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    await Promise.all(clients.map((client) => client.waitForMembers(clients.length - 1, options)));
  }

  /** Stops all members at once. */
  async stop(): Promise<void> {
    await Promise.all(this.members.map((client) => client.stop({ drain: 0 })));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Starts members of a new network in memory, and resolves when all see each other: `startTestNetwork({ members: 5 })`. */
export function startTestNetwork(options: TestNetworkOptions = {}): Promise<TestNetwork> {
  return TestNetwork.start(options);
}

async function until(client: Client, isSo: () => boolean, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  if (isSo()) return;
  for await (const _ of client.changes(signal ? { signal } : {})) if (isSo()) return;
  signal?.throwIfAborted();
}

/** None before it has started. */
function addressOf(client: Client): string[] {
  try {
    return [client.address];
  } catch {
    return [];
  }
}
