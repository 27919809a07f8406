/**
 * Whole clients for tests: a network with or without an authority, over real sockets on loopback or over wires in
 * memory, with directories of its own. All waits end with an event or with the deadline; all that was opened is closed.
 */
import { randomUUID } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AuthorityServer, CertificateAuthority, serveAuthority } from "../../ca/index.js";
import { Client } from "../../client/client.js";
import type { ClientOptions } from "../../client/config/index.js";
import { FirefliesError, type Identity, type JwtPolicy, saveIdentity } from "../../identity/index.js";
import type { HostNetwork, MemoryNetwork } from "../../net/index.js";
import { TestNetwork } from "./test-network.js";

/** For whatever a test waits for, milliseconds: far above what it takes, for machines that are busy. */
export const DEADLINE_MS = 30_000;
/** Of the networks here: removals take 2 Delta. */
export const DELTA_MS = 500;
const RING_COUNT = 9;
/** Quick, on loopback, no file and no environment. */
const DEFAULTS = { config: false, preset: "local", listen: "127.0.0.1:0" } as const satisfies ClientOptions;

/** A client with the alarms that it raised. */
export class TestClient extends Client {
  readonly alarms: FirefliesError[] = [];
  readonly everyAlarm: FirefliesError[] = [];

  constructor(options: ClientOptions, network: HostNetwork = {}) {
    super({ ...DEFAULTS, ...options, network });
    this.registerAlarmHandler((alarm) => {
      this.everyAlarm.push(alarm);
      if (alarm.code !== "loopback-only") this.alarms.push(alarm); // All members here advertise loopback.
    });
  }

  get ids(): string[] {
    return this.members().map(({ id }) => id);
  }
}

/** What a test opens. Closed in reverse order, whatever happens. */
export class Stage implements AsyncDisposable {
  readonly #closers: (() => Promise<unknown> | unknown)[] = [];
  #root: string | undefined;

  closing<T>(opened: T, close: (opened: T) => Promise<unknown> | unknown): T {
    this.#closers.push(() => close(opened));
    return opened;
  }

  /** A directory that does not exist yet, below one that is removed. */
  directory(name: string = randomUUID()): string {
    this.#root ??= mkdtempSync(join(tmpdir(), "fireflies-client-"));
    return join(this.#root, name);
  }

  client(options: ClientOptions = {}, network: HostNetwork = {}): TestClient {
    return this.closing(new TestClient(options, network), (client) => client.stop({ drain: 0 }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // All at once: each tells the others that it leaves.
    await Promise.all(this.#closers.splice(0).map((close) => close()));
    if (this.#root) await rm(this.#root, { recursive: true, force: true });
  }
}

/** Members whose identities were signed offline: they find each other by entry_addrs. */
export class OfflineNetwork extends Stage {
  #made = 0;

  private constructor(
    readonly authority: TestNetwork,
    private readonly wires: MemoryNetwork | undefined,
  ) {
    super();
  }

  static async create({ wires, deltaMs = DELTA_MS }: { wires?: MemoryNetwork; deltaMs?: number } = {}) {
    return new OfflineNetwork(await TestNetwork.create({ ringCount: RING_COUNT, deltaMs }), wires);
  }

  /** A network of `count` started clients that all see each other. */
  static async of(count: number, options: { wires?: MemoryNetwork; deltaMs?: number } = {}) {
    const network = await OfflineNetwork.create(options);
    const clients = await network.startMany(count);
    return { network, clients, [Symbol.asyncDispose]: () => network[Symbol.asyncDispose]() };
  }

  async member(options: ClientOptions = {}, identity?: Identity, more: HostNetwork = {}): Promise<TestClient> {
    const dir = options.dir ?? this.directory();
    const { wires } = this;
    // Its place among the wires, by which a test cuts it off: m0, m1, ...
    const parts: HostNetwork = wires ? { transports: [wires.transport(`m${this.#made++}`, "tcp")] } : {};
    await saveIdentity(dir, identity ?? (await this.authority.member()));
    return this.client({ dir, useCa: false, ...options }, { ...parts, ...more });
  }

  async start(options: ClientOptions = {}, identity?: Identity): Promise<TestClient> {
    const client = await this.member(options, identity);
    await client.start();
    return client;
  }

  async startMany(count: number, options: ClientOptions = {}): Promise<TestClient[]> {
    const first = await this.start(options);
    const entryAddrs = [first.address];
    const others = Array.from({ length: count - 1 }, () => this.start({ ...options, entryAddrs }));
    const clients = [first, ...(await Promise.all(others))];
    await whole(clients);
    return clients;
  }
}

/** An authority over HTTPS, and members that enrol with it. */
export class OnlineNetwork extends Stage {
  readonly directoryOfAuthority = this.directory("authority");
  authority!: CertificateAuthority;
  #server: AuthorityServer | undefined;
  #serves = false;
  /** How far the authority's clock is behind, milliseconds. */
  behindMs = 0;

  /** Whose JWTs admit members. */
  jwt: readonly JwtPolicy[] = [];

  static async create({ behindMs = 0, jwt = [] as readonly JwtPolicy[] } = {}): Promise<OnlineNetwork> {
    const network = new OnlineNetwork();
    network.behindMs = behindMs;
    network.jwt = jwt;
    network.closing(network, () => network.pause());
    await network.resume();
    return network;
  }

  /** Starts the authority, again on the same port after `pause`. */
  async resume(): Promise<void> {
    const directory = this.directoryOfAuthority;
    const port = this.#server?.port ?? 0;
    const now = () => Date.now() - this.behindMs;
    const options = { directory, numRings: RING_COUNT, deltaMs: DELTA_MS, open: true, now, jwt: this.jwt };
    this.authority = await CertificateAuthority.open(options);
    this.#server = await serveAuthority(this.authority, { port });
    this.#serves = true;
  }

  /** The authority goes away. */
  async pause(): Promise<void> {
    if (!this.#serves) return;
    this.#serves = false;
    await this.#server?.close();
    await this.authority.close();
  }

  get url(): string {
    return this.#server!.urls[0]!;
  }

  /** Options to enrol under a free name. */
  named(name: string): ClientOptions {
    return { ca: this.url, caFingerprint: this.authority.fingerprint, name };
  }

  async start(options: ClientOptions): Promise<TestClient> {
    const client = this.client(options);
    await client.start();
    return client;
  }
}

/** Resolves when the condition holds; looked at after every change of the client's view. */
export async function until(client: Client, condition: () => boolean, what = `${condition}`): Promise<void> {
  const changes = client.changes({ signal: AbortSignal.timeout(DEADLINE_MS) });
  try {
    if (condition()) return;
    for await (const _ of changes) if (condition()) return;
  } finally {
    await changes.return?.();
  }
  throw new Error(`not within ${DEADLINE_MS} ms: ${what}`);
}

/** All see all others, and nobody else. */
export async function whole(clients: readonly TestClient[]): Promise<void> {
  for (const client of clients) {
    const others = clients.filter((other) => other !== client).map(({ id }) => id);
    const isWhole = () => client.ids.length === others.length && others.every((id) => client.ids.includes(id));
    await until(client, isWhole, `${client.id} sees ${others.length} others`);
  }
}

/** The next change of this kind about this member. Subscribes at once; call it before what causes the change. */
export async function nextChange(client: Client, kind: string, id?: string): Promise<void> {
  const changes = client.changes({ signal: AbortSignal.timeout(DEADLINE_MS) });
  for await (const change of changes) {
    if (change.kind === kind && (id === undefined || ("member" in change && change.member.id === id))) return;
  }
  throw new Error(`not within ${DEADLINE_MS} ms: ${kind} ${id ?? ""}`);
}

/** The code that a promise rejects with, or "none". */
export function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "none",
    (error: unknown) => (error instanceof FirefliesError ? error.code : String(error)),
  );
}

export const text = (value: string): Uint8Array => new TextEncoder().encode(value);
export const read = (value: Uint8Array): string => new TextDecoder().decode(value);

/** A promise that the test settles. */
export function deferred<T = void>() {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}
