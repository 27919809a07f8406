/**
 * Topics of one member: what a program publishes and subscribes to, the machine that carries it (topics/), and the member that it
 * runs on. The promise is in docs/topics.md.
 */
import { join } from "node:path";
import { FirefliesError, type MemberCertificate, sha256, verify } from "../../identity/index.js";
import { asFirefliesError, type ByteDuplex, handedOut, onAbort } from "../../net/index.js";
import { ByteReader, equalBytes, type MemberId } from "../../rings/index.js";
import {
  type Batch,
  type Equivocation,
  encodeInterests,
  type Fullness,
  type Interest,
  LogReader,
  type Machine,
  matches,
  parseInterests,
  type Subscribed,
  type SubscriptionNumber,
} from "../../topics/index.js";
import { wall } from "../driver/surroundings.js";
import type { HandlerFailures } from "../handler-failures.js";
import type { SignatureChecks } from "../traffic/traffic.js";
import type { Sender } from "../types.js";
import { type EffectHandlers, TopicsDriver } from "./driver.js";
import { Recoveries } from "./history.js";
import { Lines, type LinesOptions } from "./lines.js";
import { type CheckedSubscribe, checkedSubscribe, noTopic, PUBLISH_TIMEOUT_MS, requirePublish } from "./options.js";
import { forkProof, messageProof } from "./proof.js";
import { Publishing } from "./publishing.js";
import { full, Room } from "./room.js";
import { STORE_FILE, TopicsStore } from "./store.js";
import { TopicSubscription } from "./subscription.js";
import type { Published, PublishOptions, SubscribeOptions, Subscriber, TopicHistory, TopicInfo } from "./types.js";

/**
 * Messages that the machine delivers ahead of a handler: the next batch is there when one is done. They are windows on what is
 * held anyway.
 */
const AHEAD = 4_096;
const NOBODY: readonly Interest[] = Object.freeze([]);

/** The member whose topics these are. */
export interface TopicsMember extends Pick<LinesOptions, "reach"> {
  readonly id: MemberId;
  readonly topics: Machine;
  /** The checked certificate of a member that is known, this one among them. */
  certificateOf(id: MemberId): MemberCertificate | undefined;
  nameOf(id: MemberId): string | undefined;
  /** Signs and spreads what this member subscribes to; `Topics.spread` is told when others have it. */
  declareInterest(body: Uint8Array): void;
  /** What it has signed last; undefined before the first. */
  declared(): Uint8Array | undefined;
}

export interface TopicsOptions {
  readonly sender: (id: MemberId) => Sender;
  readonly failures: Pick<HandlerFailures, "tell" | "late">;
  readonly onAlarm: (alarm: FirefliesError) => void;
  readonly onRejected: (what: string) => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Counts the signatures of batches. */
  readonly checks?: SignatureChecks | undefined;
}

/** Buffers of a message beside the one that is kept: the program's own, and one that the batch outgrew. */
const COPIES = 2;

/** A call of `publish`. */
interface Call {
  readonly topic: string;
  readonly data: Uint8Array;
  readonly options: PublishOptions;
  /** Monotonic milliseconds. */
  readonly deadline: number;
  readonly resolve: (published: Published) => void;
  readonly reject: (error: Error) => void;
  /** It waits, and this is how it gives up. */
  readonly onWaiting: (giveUp: (error: Error) => void) => void;
}

export class Topics {
  readonly #options: TopicsOptions;
  readonly #subscriptions = new Map<SubscriptionNumber, TopicSubscription>();
  /** Calls of `subscribe` that wait until others have heard of it. */
  readonly #subscribing = new Map<SubscriptionNumber, (error?: Error) => void>();
  readonly #interests = new Map<MemberId, readonly Interest[]>();
  readonly #room = new Room();
  readonly #publishing: Publishing;
  readonly #lines: Lines;
  /** The names of those that keep their place. */
  readonly #durable = new Map<SubscriptionNumber, string>();
  readonly #beginning = new Set<string>();
  readonly #recoveries: Recoveries;
  #store: TopicsStore | undefined;
  /** Messages that wait to be safe and were published since the last batch left. */
  #fresh = 0;
  #mine: readonly Interest[] = NOBODY;
  /** What is being spread, or has been. */
  #said: { readonly number: number; readonly body: Uint8Array } | undefined;
  #member: TopicsMember | undefined;
  #driver: TopicsDriver | undefined;

  constructor(options: TopicsOptions) {
    const { now } = options;
    this.#options = options;
    this.#publishing = new Publishing({
      now,
      missing: (log, number) => this.#running.topics.missing(log, number),
      nameOf: (id) => this.#running.nameOf(id),
    });
    this.#recoveries = new Recoveries({
      onAlarm: options.onAlarm,
      machine: {
        seek: (number) => this.#running.topics.seek(number),
        give: (batch) => this.#driver?.input((machine, at) => machine.recover(batch, at)) ?? true,
        recovered: (number) => this.#driver?.input((machine, at) => machine.recovered(number, at)),
        keptElsewhere: (patterns) => this.#member?.topics.keptElsewhere(patterns),
      },
    });
    this.#lines = new Lines({
      now,
      reach: (to) => this.#running.reach(to),
      received: (from, packets) => this.#receive(from, packets),
      lost: (to) => this.#driver?.input((machine, at) => machine.unreachable(to, at)),
    });
  }

  // --- Of the program ---

  /** As `Client.publish`. */
  publish(topic: string, data: Uint8Array, options: PublishOptions): Promise<Published> {
    let giveUp: (error: Error) => void = () => {};
    const published = new Promise<Published>((resolve, reject) => {
      requirePublish(topic, data, options);
      const { timeout = PUBLISH_TIMEOUT_MS, whenFull = "wait" } = options;
      const deadline = this.#options.now() + timeout;
      const onWaiting: Call["onWaiting"] = (stop) => {
        giveUp = stop;
      };
      const call = { topic, data, options, resolve, reject, deadline, onWaiting };
      const fullness = this.#room.awaited(topic) ?? this.#publish(call);
      if (fullness === undefined) return;
      if (whenFull === "reject") throw full(fullness, topic);
      const kept = { ...call, data: data.slice() }; // The program may write to its own while this waits.
      giveUp = this.#room.wait({
        ...{ topic, bytes: data.length, timeoutMs: timeout, reject, fullness },
        publish: () => this.#publish(kept),
      });
    });
    // A signal may outlive many calls: none of them stays with it.
    if (options?.signal === undefined) return published;
    return published.finally(onAbort(options.signal, () => giveUp(new FirefliesError("cancelled"))));
  }

  /** As `Client.subscribe`. */
  async subscribe(pattern: string, said: SubscribeOptions): Promise<TopicSubscription> {
    const options = checkedSubscribe(pattern, said);
    const { signal, durable } = options;
    const kept = durable === undefined ? undefined : await this.#places(durable);
    const isRecovering = kept?.isResumed === true && !this.#recoveries.isEmpty;
    const given = { ...machineOptions(options), ...kept, isRecovering };
    const subscribed = this.#running.topics.subscribe(pattern, given, this.#options.now());
    if (!subscribed.ok) throw refused(pattern, subscribed);
    const { subscription: number } = subscribed;
    if (durable !== undefined) this.#durable.set(number, durable);
    const subscription = this.#made(pattern, number, options);
    this.#subscriptions.set(number, subscription);
    this.#recoveries.begin(number, pattern, kept?.isResumed ? kept.lastAt : wall(), isRecovering);
    const heard = this.#untilHeard(number, signal);
    this.#settle();
    try {
      await heard;
    } catch (error) {
      await subscription.unsubscribe();
      throw error;
    }
    onAbort(signal, () => void subscription.unsubscribe());
    return subscription;
  }

  async #places(name: string) {
    if (this.#beginning.has(name) || [...this.#durable.values()].includes(name)) {
      throw new FirefliesError("name-taken", `A subscription of this member is durable as "${name}" already.`);
    }
    this.#beginning.add(name);
    try {
      return await this.#stored.begin(name);
    } finally {
      this.#beginning.delete(name);
    }
  }

  /** Throws "topics-store-failed" for a member that keeps nothing on disk. */
  get #stored(): TopicsStore {
    if (this.#store !== undefined) return this.#store;
    throw new FirefliesError("topics-store-failed", "This member has no directory, so nothing of it is durable.", {
      advice: "Give the client a `dir`.",
    });
  }

  /** As `Client.useTopicHistory`. */
  useHistory(history: TopicHistory): () => void {
    return this.#recoveries.use(history);
  }

  /** As `Client.subscribers`. */
  subscribers(topic: string): Subscriber[] {
    const { topics, id: me } = this.#running;
    return topics.subscribers(topic).flatMap((id) => {
      const interests = id === me ? this.#mine : (this.#interests.get(id) ?? NOBODY);
      const matching = interests.filter(({ pattern }) => matches(pattern, topic));
      return matching.map(({ pattern, queue }) => ({ id, name: this.#running.nameOf(id), pattern, queue }));
    });
  }

  /** What there is of each topic here. */
  figures(): TopicInfo[] {
    return this.#running.topics.topics();
  }

  // --- Of the member ---

  /** Runs on this member from now on. */
  begin(member: TopicsMember, directory: string | undefined): void {
    const { checks } = this.#options;
    this.#member = member;
    this.#recoveries.tell();
    if (directory !== undefined) this.#store = this.#newStore(join(directory, STORE_FILE));
    this.#driver = new TopicsDriver({
      ...{ machine: member.topics, handlers: this.#handlers(), now: this.#options.now },
      isSigned: ({ signer, body, signature }) => {
        const certificate = member.certificateOf(signer);
        if (certificate === undefined) return undefined;
        const isRight = verify(certificate.publicKey, "topic-batch", certificate.networkId, body, signature);
        if (checks) checks[isRight ? "right" : "wrong"] += 1;
        return isRight;
      },
    });
    void this.#resume();
  }

  #newStore(path: string): TopicsStore {
    const { onAlarm } = this.#options;
    const logs = new LogReader(sha256, 1);
    return new TopicsStore({
      ...{ path, onAlarm, wall },
      stored: ({ tag }, through) => this.#driver?.input((machine, now) => machine.stored(tag, through, now)),
      failed: (batches, error) => {
        for (const { log, first, last } of batches) this.#publishing.refuse(log, first, last, error);
      },
      logOf: (id) => logs.read(new ByteReader(id)),
    });
  }

  /** What earlier lives published as durable is sent on. */
  async #resume(): Promise<void> {
    try {
      const batches = (await this.#store?.resume()) ?? [];
      if (batches.length > 0) this.#driver?.input((machine, now) => machine.resume(batches, now));
    } catch (error) {
      this.#options.onAlarm(asFirefliesError(error, "topics-store-failed"));
    }
  }

  /** Messages are kept otherwise from now on: as `TopicsMember.topics` was made to look it up. */
  keepingChanged(): void {
    this.#driver?.input((machine, now) => machine.keepingChanged(now));
  }

  /** A member is in the view. */
  appeared(id: MemberId): void {
    this.#driver?.input((machine, now) => machine.appeared(id, now));
  }

  gone(id: MemberId): void {
    this.#interests.delete(id);
    this.#lines.drop(id);
    this.#driver?.input((machine, now) => machine.gone(id, now));
  }

  /** What another member subscribes to, as its newest statement has it; undefined when it has none. */
  interested(id: MemberId, body: Uint8Array | undefined): void {
    const interests = (body && parseInterests(body)) ?? NOBODY;
    this.#interests.set(id, interests);
    this.#driver?.input((machine, now) => machine.interested(id, interests, now));
  }

  /** Others have what this member has declared. It may be older than what was said last, which waits for its turn then. */
  spread(): void {
    const said = this.#said;
    const declared = this.#running.declared();
    if (said === undefined || declared === undefined || !equalBytes(said.body, declared)) return;
    this.#driver?.input((machine, now) => machine.spread(said.number, now));
  }

  accept(from: MemberId, duplex: ByteDuplex): void {
    this.#lines.accept(from, duplex);
  }

  /** To be called about once a second. */
  tidy(): void {
    this.#lines.tidy();
  }

  /** Hands out nothing more. Resolves when handlers have ended, `publish` has settled, and others know of both. */
  async drain(): Promise<void> {
    const resting = [...this.#subscriptions.values()].map((subscription) => subscription.rest());
    await Promise.all([...resting, this.#publishing.settled()]);
    await this.#store?.flushed();
    // What was done last is told now, not when it is gathered: else others of a queue would do it again.
    this.#driver?.input((machine, now) => machine.tellAll(now));
    await this.#lines.finish();
  }

  /** How many messages that cuts. */
  cut(): number {
    const error = new FirefliesError("member-stopping");
    const handled = [...this.#subscriptions.values()].reduce((sum, { inFlight }) => sum + inFlight, 0);
    return handled + this.#publishing.cut(error) + this.#room.cut(error);
  }

  close(error: FirefliesError): void {
    this.#driver?.stop();
    void this.#store?.close();
    this.#publishing.cut(error);
    this.#room.cut(error);
    for (const heard of [...this.#subscribing.values()]) heard(error);
    this.#recoveries.close();
    for (const subscription of this.#subscriptions.values()) subscription.ended();
    this.#subscriptions.clear();
    this.#lines.close(error);
  }

  get #running(): TopicsMember {
    if (this.#member === undefined) throw new FirefliesError("not-started");
    return this.#member;
  }

  #settle(): void {
    this.#driver?.settle();
  }

  #receive(from: MemberId, packets: readonly Uint8Array[]): void {
    const { topics } = this.#running;
    const now = this.#options.now();
    for (const packet of packets) topics.receive(from, packet, now);
    this.#settle();
  }

  /** What is full, when there is no room. Throws what the program got wrong. */
  #publish(call: Call): Fullness | undefined {
    const { topic, data, options, resolve, reject, deadline, onWaiting } = call;
    const { ack: level = "some", durable = false } = options;
    if (durable) void this.#stored;
    const published = this.#running.topics.publish(topic, data, { level, durable }, this.#options.now());
    if (published.ok) {
      const { log, number } = published;
      onWaiting(this.#publishing.add(log, level, { number, deadline, resolve, reject }));
      this.#fresh += 1;
      handedOut(COPIES * data.length);
    }
    // While an earlier batch is under way more come, and all of them leave together.
    this.#driver?.settle(level !== "none" && this.#publishing.size > this.#fresh);
    if (published.ok) return undefined;
    const { reason } = published;
    if (reason === "overloaded" || reason === "topic-full") return reason;
    throw reason === "topic-invalid" ? noTopic(topic) : tooMany();
  }

  #made(topic: string, number: SubscriptionNumber, options: CheckedSubscribe): TopicSubscription {
    const { sender, failures, onAlarm, now } = this.#options;
    const input = (run: (machine: Machine, now: number) => void) => this.#driver?.input(run);
    return new TopicSubscription({
      ...{ topic, options, sender, failures, onAlarm, now },
      settling: {
        acknowledge: (log, first, last) => input((machine, at) => machine.acknowledge(number, log, first, last, at)),
        fail: (log, failed, last) => input((machine, at) => machine.fail(number, log, failed, last, at)),
        unsubscribe: () => input((machine, at) => machine.unsubscribe(number, at)),
        drain: () => input((machine, at) => machine.drain(number, at)),
      },
      prove: (batch, of) => this.#prove(batch, of),
    });
  }

  #untilHeard(number: SubscriptionNumber, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = onAbort(signal, () => heard(new FirefliesError("cancelled")));
      const heard = (error?: Error) => {
        stop();
        this.#subscribing.delete(number);
        if (error === undefined) resolve();
        else reject(error);
      };
      this.#subscribing.set(number, heard);
    });
  }

  #prove(batch: Batch, number: number): Uint8Array {
    const certificate = this.#running.certificateOf(batch.log.publisher);
    if (certificate === undefined) throw new FirefliesError("proof-unavailable");
    return messageProof(certificate, batch, number);
  }

  // --- What the machine says ---

  #handlers(): EffectHandlers {
    const subscriptions = this.#subscriptions;
    return {
      send: ({ to, frame, rest }) => {
        const whole = rest === undefined ? frame : Buffer.concat([frame, rest]);
        for (const id of to) this.#lines.send(id, whole);
      },
      interest: ({ number, interests }) => this.#declare(number, interests),
      subscribed: ({ subscription }) => this.#subscribing.get(subscription)?.(),
      deliver: ({ subscription, batch, first, last, attempt }) =>
        subscriptions.get(subscription)?.deliver(batch, first, last, attempt),
      lost: ({ subscription, log, first, last }) => subscriptions.get(subscription)?.lost(log, last - first + 1),
      missed: ({ subscription }) => this.#recoveries.missed(subscription),
      dead: ({ subscription, batch, number, attempts }) =>
        subscriptions.get(subscription)?.dead(batch, number, attempts),
      ended: ({ subscription }) => {
        subscriptions.get(subscription)?.ended();
        subscriptions.delete(subscription);
        this.#durable.delete(subscription);
        this.#recoveries.end(subscription);
      },
      sent: ({ log, through }) => {
        this.#fresh = 0;
        this.#publishing.reached(log, "none", through);
      },
      safe: ({ log, level, through }) => this.#publishing.reached(log, level, through),
      room: () => this.#room.opened(),
      store: ({ batch }) => this.#store?.store(batch),
      forget: ({ log, through }) => this.#store?.forget(log, through),
      place: ({ subscription, place }) => {
        const name = this.#durable.get(subscription);
        if (name !== undefined) this.#store?.place(name, place);
      },
      equivocation: ({ proof }) => this.#forked(proof),
      rejected: ({ what, reason }) => this.#options.onRejected(`topics ${what}: ${reason}`),
    };
  }

  #declare(number: number, interests: readonly Interest[]): void {
    const body = encodeInterests(interests);
    if (!(body instanceof Uint8Array)) throw new Error(`interests that have no body: ${body}`);
    this.#mine = interests;
    this.#said = { number, body };
    this.#running.declareInterest(body);
  }

  /** Told to those whom its topic concerns. */
  #forked({ publisher, heads }: Equivocation): void {
    const [{ log, first }] = heads;
    const { topic } = log;
    const certificate = this.#running.certificateOf(publisher);
    if (certificate === undefined) return;
    const proof = forkProof(certificate, heads);
    const event = { kind: "forked", topic, from: this.#options.sender(publisher), sequence: first, proof } as const;
    for (const subscription of this.#subscriptions.values()) {
      if (matches(subscription.topic, topic)) subscription.tell(event);
    }
  }
}

function machineOptions({ queue, last = false, attempts, maxInFlight, handler }: CheckedSubscribe) {
  const inFlightMax = handler === undefined ? maxInFlight : Math.max(maxInFlight, AHEAD);
  return { ...(queue !== undefined && { queue }), last, attemptsMax: attempts, inFlightMax };
}

function refused(pattern: string, { reason }: Extract<Subscribed, { readonly ok: false }>): FirefliesError {
  if (reason === "pattern-invalid") return noTopic(pattern);
  return new FirefliesError("overloaded", "This member has as many subscriptions as it may.", {
    advice: "Subscribe to a pattern that stands for several topics.",
  });
}

function tooMany(): FirefliesError {
  return new FirefliesError("overloaded", "This member publishes on as many topics as it may.", {
    advice: "Use fewer topics: what differs from message to message belongs into the data.",
  });
}
