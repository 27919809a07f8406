/** Whole members in one process, without sockets and without a file: what an end-to-end test of a program starts with. */
import { Client, type ClientOptions } from "../client/index.js";
import type { IdentityPem } from "../identity/index.js";
import { type MemoryLan, MemoryNetwork, type PathOptions } from "../net/index.js";
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

/** A running network. Ends with `await network.stop()`, or as `await using network = ...`. */
export class TestNetwork implements AsyncDisposable {
  /** What lies between the members: LANs, links, partitions. */
  readonly network = new MemoryNetwork();
  /** Where members stand when nothing else is said. */
  readonly lan: MemoryLan;
  /** Those that were made, in that order: "member-1" is the first. */
  readonly members: Client[] = [];
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
    const [first] = this.members;
    const entryAddrs = first === undefined ? [] : [first.address];
    const client = new Client({
      ...{ config: false, preset: "local", entryAddrs, network: lan.host(name), identity },
      ...this.#options.client,
      ...options,
    });
    this.#options.prepare?.(client);
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

  /** Resolves when each of `clients`, all that were made by default, sees all the others. Rejects with "cancelled". */
  async whole(
    clients: readonly Client[] = this.members,
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
