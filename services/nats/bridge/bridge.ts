/**
 * A bridge between topics of the overlay and subjects of NATS. Any number of them may run: who brings a topic to NATS is decided
 * by rendezvous hashing over those in the view that the operator's rules name. The others stand by: they acknowledge what they
 * see in NATS, and bring what they do not see. What comes from NATS is shared by its own means.
 */
import type { Client } from "../../../client/client.js";
import type { Subscription, TopicMessage } from "../../../client/topics/types.js";
import { FirefliesError, messageOf, titleOf } from "../../../identity/index.js";
import { pause } from "../../../net/index.js";
import { isWildcard, matches, tokensOf } from "../../../topics/index.js";
import { connectNats, natsError } from "../connection/connect.js";
import { flushed } from "../connection/flush.js";
import { Bridges } from "./bridges.js";
import { Exporter, type Leaving } from "./exporter.js";
import { type HistoryOptions, HistoryReader } from "./history.js";
import { Importer, type ImporterFigures } from "./importer.js";
import { keptBatches } from "./kept-batches.js";
import { Leavings } from "./leaving.js";
import { NatsSide } from "./nats-side.js";
import { answerMember, answerNats, REQUEST_SERVICE } from "./requests.js";
import { Retries } from "./retries.js";
import { type BridgePlan, type NatsBridgeOptions, planBridge } from "./settings.js";
import { Standby } from "./standby.js";
import { consumerName } from "./streams.js";
import { requirePatterns, serviceSubject, subjectOf } from "./subjects.js";
import { Troubles } from "./troubles.js";

/** What a bridge needs of a member. */
export type BridgeClient = Pick<
  Client,
  | "useTopicHistory"
  | "id"
  | "info"
  | "publish"
  | "subscribe"
  | "members"
  | "serve"
  | "sendToAny"
  | "changes"
  | "stopping"
>;

export interface NatsBridgeFigures extends ImporterFigures {
  readonly connected: boolean;
  /** Brought to NATS, which holds them. */
  readonly exported: number;
  /** On their way to NATS. */
  readonly waiting: number;
  /** Held until another bridge has brought them. */
  readonly standing: number;
  readonly bytesOut: number;
}

/** Milliseconds after the first failure to connect, and at most. */
const PAUSE_MS = { least: 500, most: 60_000 };
/** Milliseconds that a subscription waits for NATS, to get what is kept there. */
const REACHED_MS = 30_000;
/** What came to the stream shortly before a place was saved may not be acknowledged: retention, and two clocks. Milliseconds. */
const KEPT_MARGIN_MS = 10 * 60_000;
/** Messages of one pattern that NATS does not hold yet; more wait in the overlay. */
const IN_FLIGHT = 4_096;
/** Milliseconds until the overlay hands out a message again that NATS does not hold: it is here, and waits. */
const HANDLED_MS = 3_600_000;
const ATTEMPTS = 1_000;
/** Milliseconds for others to hold what has come from NATS. */
const PUBLISHING = { timeout: 20_000 };
/** Bytes that are not in NATS yet, of all patterns; more wait in the overlay. */
const HELD_BYTES_MAX = 32 * 1024 * 1024;
/** Milliseconds between two looks at what other bridges have not brought. */
const LOOK_MS = 1_000;

export class NatsBridge {
  readonly #client: BridgeClient;
  readonly #options: NatsBridgeOptions;
  readonly #closing = new AbortController();
  readonly #subscriptions: Subscription[] = [];
  readonly #histories: { readonly durable: string; readonly filter: string; readonly reader: HistoryReader }[] = [];
  readonly #standby = new Standby(() => performance.now());
  readonly #troubles: Troubles;
  readonly #retries = new Retries(later);
  /** Of durable consumers: see `NatsSideOptions`. */
  readonly #places = new Map<string, number>();
  readonly #exporter: Exporter;
  #plan!: BridgePlan;
  #leavings!: Leavings;
  #bridges!: Bridges;
  #importer!: Importer;
  #side: NatsSide | undefined;
  #isUp = false;
  #exported = 0;
  #bytesOut = 0;
  #heldBytes = 0;
  /** Messages that wait for room, in order: so many as a subscription has in flight. */
  readonly #blocked: (() => void)[] = [];
  #look: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  /** The client reads nothing from here any more. */
  #forget: () => void = () => {};

  /** Nothing happens before `start`. */
  constructor(client: BridgeClient, options: NatsBridgeOptions) {
    this.#client = client;
    this.#options = options;
    this.#troubles = new Troubles((error) => options.onTrouble?.(error), later);
    this.#exporter = new Exporter({
      send: (leaving) => this.#send(leaving),
      onSent: ({ data }) => {
        this.#exported += 1;
        this.#bytesOut += data.length;
      },
      onTrouble: (error) => this.#tell(error),
      later,
      random: Math.random,
    });
  }

  /**
   * Subscribes to what goes to NATS, and begins to connect: NATS may be away, then it is tried again after growing pauses, and
   * told (`onTrouble`). Rejects for settings that cannot be: "name-invalid", "topic-invalid", "access-invalid",
   * "config-bad-value", "config-unreadable", "name-taken"; and as `client.subscribe`.
   */
  async start(): Promise<void> {
    const { network } = this.#client.info();
    this.#plan = planBridge(this.#options, network);
    this.#leavings = new Leavings(this.#plan);
    this.#importer = new Importer({
      ...{ prefix: this.#plan.prefix, network: this.#plan.network, system: this.#plan.system, roots: this.#plan.roots },
      publish: (topic, data) => this.#client.publish(topic, data, PUBLISHING),
      troubles: this.#troubles,
      now: Date.now,
    });
    this.#bridges = new Bridges({
      ...{ me: this.#client.id, rules: this.#plan.bridges },
      offering: () => this.#client.members({ service: this.#service }),
      onRefused: (member) => this.#tell(new FirefliesError("peer-refused", refusal(titleOf(member)), REFUSAL_ADVICE)),
    });
    if (this.#plan.isRetaining) {
      this.#forget = this.#client.useTopicHistory({
        topics: this.#plan.toNats,
        read: (...wanted) => this.#kept(...wanted),
      });
    }
    this.#serve();
    this.#look = setInterval(() => this.#bringOverdue(), LOOK_MS).unref();
    try {
      for (const pattern of this.#plan.toNats) await this.#subscribe(pattern);
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.#running = this.#keepConnected();
    void this.#watch();
  }

  /** What it did, and whether NATS is there. */
  figures(): NatsBridgeFigures {
    return {
      ...(this.#importer?.figures() ?? { imported: 0, refused: 0, lost: 0, loops: 0, bytesIn: 0 }),
      ...{ connected: this.#isConnected, exported: this.#exported, waiting: this.#exporter.size },
      standing: this.#standby.size,
      bytesOut: this.#bytesOut,
    };
  }

  /**
   * Reads topics from the stream, from its beginning or from where this name was last: for what the overlay keeps no more. Goes
   * on by itself when NATS was away. Authors are checked against `rootFiles`. Rejects with "topic-invalid", "name-invalid", and
   * "config-bad-value" for a bridge without JetStream or without `rootFiles`.
   */
  async subscribe(pattern: string, { durable, handler }: HistoryOptions): Promise<void> {
    requirePatterns([pattern]);
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(durable))
      throw new FirefliesError(
        "name-invalid",
        `${JSON.stringify(durable.slice(0, 64))} is no name of a place in a stream.`,
      );
    if (this.#plan.stream === undefined || this.#plan.roots.length === 0)
      throw new FirefliesError("config-bad-value", "Topics are read from a stream with jetStream and rootFiles.");
    const { prefix, roots } = this.#plan;
    const onTrouble = (error: FirefliesError) => this.#tell(error);
    const reader = new HistoryReader({ prefix, roots, now: Date.now, handler, onTrouble });
    const filter = subjectOf(prefix, pattern);
    const history = { durable: consumerName(`ff-${durable}`, filter), filter, reader };
    this.#histories.push(history);
    await this.#side?.follow(history.durable, filter, (message) => reader.take(message));
  }

  /** Ends it: what NATS does not hold yet is not acknowledged, and comes again to who goes on. */
  async stop(): Promise<void> {
    this.#closing.abort();
    this.#forget();
    clearInterval(this.#look);
    this.#blocked.length = 0;
    this.#exporter.pause();
    await Promise.all(this.#subscriptions.map((each) => each.unsubscribe()));
    await this.#side?.close();
    await this.#running;
    this.#importer?.giveUp(this.#retries.close());
    this.#troubles.close();
  }

  /** What the stream has kept, for a subscription that is owed what members let go of. */
  async *#kept(pattern: string, since: number, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    const { prefix, roots } = this.#plan;
    const side = await this.#reached(signal);
    const messages = side.replay(subjectOf(prefix, pattern), since - KEPT_MARGIN_MS, signal);
    yield* keptBatches(messages, { prefix, roots, now: Date.now });
  }

  /** NATS may come back soon. */
  async #reached(signal: AbortSignal): Promise<NatsSide> {
    const until = performance.now() + REACHED_MS;
    while (this.#side === undefined || !this.#isUp) {
      if (signal.aborted || performance.now() > until) throw new FirefliesError("nats-unreachable");
      await pause(PAUSE_MS.least, signal);
    }
    return this.#side;
  }

  get #isConnected(): boolean {
    return this.#side !== undefined && this.#isUp;
  }

  get #service(): string {
    return `/nats/bridge/${this.#plan.system}`;
  }

  /** Others see by it who bridges; and members ask NATS by way of it. */
  #serve(): void {
    const { signal } = this.#closing;
    this.#client.serve(this.#service, () => Buffer.from(JSON.stringify(this.figures())), { signal });
    const { requests } = this.#plan;
    if (requests.length === 0) return;
    const isAllowed = (subject: string) => isPlain(subject) && requests.some((pattern) => matches(pattern, subject));
    this.#client.serve(REQUEST_SERVICE, (data) => answerMember(this.#side?.nats, isAllowed, data), { signal });
  }

  async #subscribe(pattern: string): Promise<void> {
    const { durable } = this.#options;
    const subscription = await this.#client.subscribe(pattern, {
      handler: (message) => this.#take(message),
      ...{ maxInFlight: IN_FLIGHT, handlerTimeout: HANDLED_MS, attempts: ATTEMPTS },
      ...(durable !== undefined && { durable: consumerName(durable, pattern) }),
      onEvent: (event) => {
        if (event.kind !== "lost") return;
        const { count, topic, from } = event;
        const text = `${count} messages of ${from.id} on ${topic} did not come to NATS before their retention ended.`;
        this.#tell(new FirefliesError("messages-lost", text));
      },
    });
    this.#subscriptions.push(subscription);
  }

  /** Resolves when NATS holds it, or at once for what is not to go there. */
  #take(message: TopicMessage): Promise<void> | void {
    if (this.#blocked.length === 0 && this.#heldBytes < HELD_BYTES_MAX) return this.#leave(message);
    return new Promise((resolve) => {
      this.#blocked.push(() => {
        const left = this.#leave(message);
        if (left === undefined) resolve();
        else void left.then(resolve);
      });
    });
  }

  #leave(message: TopicMessage): Promise<void> | undefined {
    let resolve = () => {};
    let length = 0;
    const leaving = this.#leavings.of(message, () => {
      this.#heldBytes -= length;
      resolve();
      this.#roomMade();
    });
    if (leaving === undefined) return undefined;
    // Its bytes count until NATS holds it.
    length = leaving.data.length;
    this.#heldBytes += length;
    return new Promise<void>((done) => {
      resolve = done;
      if (this.#bridges.isMine(leaving.topic)) this.#exporter.add(leaving);
      else this.#standby.keep(leaving);
    });
  }

  #roomMade(): void {
    while (this.#blocked.length > 0 && this.#heldBytes < HELD_BYTES_MAX) this.#blocked.shift()?.();
  }

  /** What another bridge has not brought in time: it is slow, or has lost its NATS, or swallows. */
  #bringOverdue(): void {
    if (!this.#isConnected) return;
    for (const leaving of this.#standby.overdue()) this.#exporter.add(leaving);
  }

  /** Who comes or goes changes who brings what; what a dead one may not have brought is brought again. */
  async #watch(): Promise<void> {
    try {
      for await (const _ of this.#client.changes({ signal: this.#closing.signal })) {
        this.#bridges.changed();
        for (const leaving of this.#standby.take((topic) => this.#bridges.isMine(topic))) this.#exporter.add(leaving);
      }
    } catch (cause) {
      if (!this.#closing.signal.aborted) this.#tell(asError(cause));
    }
  }

  #send(leaving: Leaving): Promise<void> {
    return this.#side?.send(leaving) ?? Promise.reject(new FirefliesError("nats-unreachable"));
  }

  async #keepConnected(): Promise<void> {
    const { signal } = this.#closing;
    for (let failures = 0; !signal.aborted; ) {
      try {
        await this.#connect();
        failures = 0;
        await this.#side?.nats.closed();
      } catch (cause) {
        this.#tell(asError(cause));
        failures += 1;
      }
      this.#isUp = false;
      this.#exporter.pause();
      await this.#side?.close().catch(() => {});
      this.#side = undefined;
      const doublings = Math.min(Math.max(failures - 1, 0), 16);
      await pause(Math.min(PAUSE_MS.least * 2 ** doublings, PAUSE_MS.most), signal);
    }
  }

  async #connect(): Promise<void> {
    const nats = await connectNats(this.#options);
    try {
      const onGone = (error: FirefliesError) => {
        this.#tell(error);
        void nats.close(); // The next connection makes it anew.
      };
      const side = await NatsSide.of(nats, { plan: this.#plan, places: this.#places, onGone });
      this.#side = side;
      void this.#listen(side);
      await side.read(
        (message) => this.#importer.take(message),
        () => this.#importer.hasRoom(),
        this.#retries,
      );
      if (this.#plan.bridges.length > 0) await side.watch((message) => this.#standby.saw(message));
      this.#standby.restart();
      for (const { durable, filter, reader } of this.#histories)
        await side.follow(durable, filter, (message) => reader.take(message));
      for (const service of this.#plan.services)
        nats.subscribe(serviceSubject(this.#plan.network, service), {
          queue: service,
          callback: (error, message) =>
            void (error ?? answerNats(this.#client, service, message, (...status) => side.headers(...status))),
        });
      await flushed(nats);
      if (this.#closing.signal.aborted) await side.close();
      this.#isUp = !nats.isClosed();
      if (this.#isUp) this.#exporter.begin();
    } catch (cause) {
      if (!nats.isClosed()) await nats.close();
      throw cause;
    }
  }

  /** What the connection says of itself. */
  async #listen(side: NatsSide): Promise<void> {
    for await (const status of side.nats.status()) {
      if (status.type === "disconnect") {
        this.#isUp = false;
        this.#exporter.pause();
        if (!this.#closing.signal.aborted) this.#tell(new FirefliesError("nats-unreachable"));
      } else if (status.type === "reconnect") {
        this.#isUp = true;
        this.#standby.restart();
        this.#exporter.begin();
      } else if (status.type === "error") this.#tell(natsError(status.error));
    }
  }

  #tell(error: FirefliesError): void {
    this.#troubles.tell(error);
  }
}

function later(run: () => void, ms: number): () => void {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
}

const REFUSAL_ADVICE = { advice: "Name it in the rules `bridges` of this bridge, if it is one of yours." };

function refusal(title: string): string {
  return `${title} says that it bridges to this NATS, and no rule names it: it is not believed to bring anything.`;
}

/** A subject to send to: no wildcards, no empty tokens, no blanks. */
function isPlain(subject: string): boolean {
  return !/\s/.test(subject) && tokensOf(subject).every((token) => token !== "" && !isWildcard(token));
}

function asError(cause: unknown): FirefliesError {
  return cause instanceof FirefliesError ? cause : new FirefliesError("nats-unreachable", messageOf(cause), { cause });
}
