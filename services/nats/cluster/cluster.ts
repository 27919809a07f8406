/**
 * A NATS cluster over the overlay. Each member of it runs a nats-server on loopback; routes between servers and connections of
 * clients are streams between members, so no port is open to the outside, and a route is a proven member's. The servers'
 * configuration is written from the view and read again when members come and go.
 */
import { randomBytes } from "node:crypto";
import type { Client } from "../../../client/client.js";
import type { Member } from "../../../client/types.js";
import { FirefliesError } from "../../../identity/index.js";
import { isAllowed } from "../../access.js";
import type { TrafficFigures } from "../../forward/carrying/traffic.js";
import { inTurn } from "../../forward/carrying/whom.js";
import { offering } from "../../offering.js";
import type { Refused } from "../../refusals.js";
import { requireServiceAddress } from "../../service-address.js";
import { loadNats } from "../connection/load.js";
import { dialLoopback, Gate } from "./gate.js";
import { greetClient, greetRoute, infoOf } from "./greet.js";
import type { Fields } from "./greeting.js";
import { serverName } from "./names.js";
import { LOOPBACK, NatsDoor } from "./nats-door.js";
import { type NatsClusterSettings, type Plan, planCluster } from "./plan.js";
import { ACCOUNT, type Standing, standingOf } from "./roles.js";
import { NatsServer } from "./server.js";
import { NATS_LOG_LEVELS, NOWHERE, ROUTE_USER, serverConfig } from "./server-config.js";
import type { LogLine } from "./server-log.js";
import { Users } from "./users.js";

/** What a running part of the cluster tells. */
export interface NatsClusterHooks {
  readonly onLog?: ((line: LogLine) => void) | undefined;
  readonly onRefused?: ((refused: Refused) => void) | undefined;
  /** The server has ended by itself, or does not take its configuration: close, and start again. */
  readonly onFailed?: ((error: FirefliesError) => void) | undefined;
}

/** A route to each: NATS means clusters of tens of servers. */
const SERVERS_MAX = 64;
const SECRET_BYTES = 24;

/**
 * Begins this member's part of a cluster. Rejects with "package-missing", "nats-server-missing", "nats-server-failed",
 * "address-in-use", "name-taken", and as `planCluster`.
 */
export async function startNatsCluster(
  client: Client,
  settings: NatsClusterSettings = {},
  hooks: NatsClusterHooks = {},
): Promise<NatsCluster> {
  const cluster = new NatsCluster(client, planCluster(settings), hooks);
  try {
    await cluster.begin();
    return cluster;
  } catch (error) {
    await cluster.close();
    throw error;
  }
}

/** What a route of the own server comes in by, on its way to another member. */
interface Route {
  readonly door: NatsDoor;
  readonly secret: string;
}

export class NatsCluster {
  readonly #client: Client;
  readonly #plan: Plan;
  readonly #hooks: NatsClusterHooks;
  readonly #closing = new AbortController();
  readonly #routeSecret = randomBytes(SECRET_BYTES).toString("hex");
  readonly #routes = new Map<string, Route>();
  #users: Users | undefined;
  #server: NatsServer | undefined;
  #gates: readonly Gate[] = [];
  #door: NatsDoor | undefined;
  #waiting: Promise<void> | undefined;
  #turn = 0;

  constructor(client: Client, plan: Plan, hooks: NatsClusterHooks) {
    this.#client = client;
    this.#plan = plan;
    this.#hooks = hooks;
  }

  get clusterName(): string {
    return this.#plan.cluster;
  }

  /** "host:port" for programs of this machine: they need no credentials there, and are this member. */
  get address(): string {
    return this.#door?.address ?? "";
  }

  /** Ids of the members whose servers this one's has a route to or is to have; without a server none. */
  get servers(): readonly string[] {
    return this.#server === undefined ? [] : this.#others().map(({ id }) => id);
  }

  figures(): TrafficFigures {
    const doors = this.#door === undefined ? [] : [this.#door];
    const each = [...this.#gates, ...doors, ...[...this.#routes.values()].map(({ door }) => door)].map((one) =>
      one.figures(),
    );
    const sum = (of: (figures: TrafficFigures) => number) => each.reduce((total, figures) => total + of(figures), 0);
    return {
      streams: sum(({ streams }) => streams),
      total: sum(({ total }) => total),
      refused: sum(({ refused }) => refused),
      failed: sum(({ failed }) => failed),
      bytesIn: sum(({ bytesIn }) => bytesIn),
      bytesOut: sum(({ bytesOut }) => bytesOut),
      lastError: each.flatMap(({ lastError }) => lastError ?? []).toSorted((a, b) => b.at - a.at)[0],
    };
  }

  /** Only once, by `startNatsCluster`. */
  async begin(): Promise<void> {
    const { settings, names } = this.#plan;
    if (settings.server !== false) await this.#beginServer(settings.server);
    this.#door = await NatsDoor.open(this.#client, {
      listen: settings.listen === undefined ? LOOPBACK : requireServiceAddress(settings.listen),
      protocol: names.client,
      members: () => this.#nearest(),
    });
    if (this.#server !== undefined) void this.#follow();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#server?.stop(); // It tells its clients and its routes.
    for (const gate of this.#gates) gate.close();
    await Promise.all([this.#door?.close(), ...[...this.#routes.values()].map(({ door }) => door.close())]);
  }

  async #beginServer(program: string | undefined): Promise<void> {
    const { settings, names } = this.#plan;
    this.#users = new Users(await loadNats());
    // With one user from the start: a server without any asks nobody for a key, and says no nonce to sign.
    this.#users.put(this.#client.id, this.#standingOf(this.#client.id) ?? this.#nothing());
    this.#server = await NatsServer.start(this.#config(), {
      ...{ program, directory: settings.dir },
      onLog: (line) => this.#log(line),
      onEnd: (error) => this.#failed(error),
    });
    const onRefused = this.#hooks.onRefused ?? (() => {});
    const { clientPort, routePort } = this.#server;
    const info = await infoOf(() => dialLoopback(clientPort, this.#closing.signal));
    this.#gates = [
      new Gate(this.#client, {
        ...{ protocol: names.client, port: clientPort, onRefused },
        refusal: (id) => (this.#standingOf(id) === undefined ? refused(USE) : undefined),
        greet: greetClient({
          info,
          known: (id) => this.#known(id),
          prove: (id, nonce) => this.#prove(id, nonce),
          undisturbed: (run) => this.#undisturbed(run),
        }),
      }),
      new Gate(this.#client, {
        ...{ protocol: names.route, port: routePort, onRefused },
        refusal: (id) => (this.#mayServe(id) ? undefined : refused("run a server of this NATS cluster")),
        greet: greetRoute({ user: ROUTE_USER, pass: this.#routeSecret }),
      }),
    ];
  }

  /** Routes to those that come, and none to those that went. */
  async #follow(): Promise<void> {
    try {
      await this.#adjust();
      for await (const _ of this.#client.changes({ signal: this.#closing.signal })) await this.#adjust();
    } catch (error) {
      if (!this.#closing.signal.aborted) this.#failed(error as FirefliesError);
    }
  }

  async #adjust(): Promise<void> {
    const wanted = new Set(this.#dialled());
    let isChanged = this.#users?.keep((id) => this.#client.member(id) !== undefined) === true;
    for (const [id, { door }] of this.#routes) {
      if (wanted.has(id)) continue;
      this.#routes.delete(id);
      isChanged = true;
      await door.close();
    }
    for (const id of wanted) {
      if (this.#routes.has(id)) continue;
      this.#routes.set(id, await this.#routeTo(id));
      isChanged = true;
    }
    if (isChanged) await this.#changed();
  }

  async #routeTo(id: string): Promise<Route> {
    const secret = randomBytes(SECRET_BYTES).toString("hex");
    const { route: protocol } = this.#plan.names;
    const door = await NatsDoor.open(this.#client, { listen: LOOPBACK, protocol, members: () => [id], secret });
    if (this.#closing.signal.aborted) await door.close();
    return { door, secret };
  }

  /** One route for two servers: the one with the smaller id dials. */
  #dialled(): readonly string[] {
    const { id } = this.#client;
    return this.#others()
      .map((other) => other.id)
      .filter((other) => id < other);
  }

  #others(): readonly Member[] {
    const { servers, names } = this.#plan;
    const found = this.#client.members({ service: names.route }).filter((member) => isAllowed(servers, member));
    return found.toSorted((a, b) => (a.id < b.id ? -1 : 1)).slice(0, SERVERS_MAX - 1);
  }

  /** The own server, or all others in turn. */
  #nearest(): readonly string[] {
    const { id } = this.#client;
    const { servers, names } = this.#plan;
    const others = offering(this.#client, names.client).filter((other) => {
      const member = other === id ? undefined : this.#client.member(other);
      return member !== undefined && isAllowed(servers, member);
    });
    const turned = others.length === 0 ? [] : inTurn(others, this.#turn++);
    return this.#server === undefined ? turned : [id, ...turned];
  }

  #mayServe(id: string): boolean {
    const member = this.#client.member(id);
    return member !== undefined && id !== this.#client.id && isAllowed(this.#plan.servers, member);
  }

  #standingOf(id: string): Standing | undefined {
    const member = this.#client.member(id);
    return member === undefined ? undefined : standingOf(this.#plan.roles, member);
  }

  #nothing(): Standing {
    return { account: this.#plan.roles[0]?.account ?? ACCOUNT, publish: [], subscribe: [] };
  }

  /** Resolves when the server knows the member. */
  async #known(id: string): Promise<void> {
    const standing = this.#standingOf(id);
    if (standing === undefined) throw refused(USE);
    if (this.#users?.put(id, standing)) await this.#changed();
    else await this.#waiting;
  }

  #prove(id: string, nonce: unknown): Fields {
    const proof = this.#users?.prove(id, nonce);
    if (proof === undefined) throw refused(USE);
    return proof;
  }

  async #undisturbed(run: () => Promise<void>): Promise<void> {
    await this.#server?.undisturbed(run);
  }

  /** Resolves when the server has read what is now so. Changes that come together are one. */
  #changed(): Promise<void> {
    const server = this.#server;
    if (server === undefined || this.#closing.signal.aborted) return Promise.resolve();
    this.#waiting ??= server
      .reload(() => {
        this.#waiting = undefined;
        return this.#config();
      })
      .catch((error: FirefliesError) => {
        this.#failed(error);
        throw error;
      });
    return this.#waiting;
  }

  #config(): string {
    const { cluster, roles, settings } = this.#plan;
    const { dir, jetStream = false, storeBytes, logLevel = "warn" } = settings;
    return serverConfig({
      ...{ name: serverName(this.#client.self), clusterName: cluster, logLevel, routeSecret: this.#routeSecret },
      routes: [...this.#routes.values()].map(({ door, secret }) => ({ port: door.port, secret })),
      users: this.#users?.entries ?? [],
      accounts: [...new Set(roles.map(({ account }) => account))],
      store: jetStream && dir !== undefined ? { directory: dir, fileBytes: storeBytes } : undefined,
    });
  }

  #log(line: LogLine): void {
    const { logLevel = "warn" } = this.#plan.settings;
    if (line.text.includes(NOWHERE)) return; // Servers tell each other of addresses, and try each once.
    if (NATS_LOG_LEVELS.indexOf(line.level) <= NATS_LOG_LEVELS.indexOf(logLevel)) this.#hooks.onLog?.(line);
  }

  #failed(error: FirefliesError): void {
    if (!this.#closing.signal.aborted) this.#hooks.onFailed?.(error);
  }
}

const USE = "use this NATS cluster";

function refused(what: string): FirefliesError {
  return new FirefliesError("peer-refused", `This member may not ${what}.`, {
    advice: "Ask the other member's operator to allow it.",
  });
}
