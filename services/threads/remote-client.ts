/**
 * A client of another thread or process: its view is mirrored here and read without waiting; everything else is asked for there.
 * Code for a `Client` runs with it as far as `RemoteClient` goes, `fireflies/coordination` as well.
 */
import type { Client } from "../../client/client.js";
import { closest } from "../../client/offers/closest.js";
import { requireName } from "../../client/offers/name.js";
import { ChangeFeed } from "../../client/program/changes.js";
import { untilMembers } from "../../client/program/members.js";
import { requireBytes, requireCount, requireHandler, requireTimeout } from "../../client/talk/misuse.js";
import { SEND_TIMEOUT_MS } from "../../client/timeouts.js";
import type { PublishOptions, SubscribeOptions } from "../../client/topics/types.js";
import type {
  Change,
  ChangesOptions,
  Member,
  MessageHandler,
  Metadata,
  SendOptions,
  SendToAnyOptions,
  ServeOptions,
} from "../../client/types.js";
import { type MemberFilter, matcherOf } from "../../client/view/member-filter.js";
import { FirefliesError, wrongType } from "../../identity/index.js";
import { onAbort } from "../../net/abort.js";
import type { MemberId } from "../../rings/index.js";
import type { AskedOfClient, Batch, State, ThreadAnswers } from "./asked.js";
import { type CallOptions, Calls } from "./calls.js";
import { type Line, lineOver, type Message, type SharingPort } from "./line.js";
import { RemoteSubscription, type ThreadSubscription } from "./remote-subscription.js";
import { errorOf, type Said, tight } from "./wire.js";

/** Between two tries to be heard, milliseconds: the other end may not listen yet. */
const HELLO_MS = 200;
const HELLO_TIMEOUT_MS = 10_000;
/** The client ends a call by its own time-out; this much later the thread does, milliseconds, as when the client's stands still. */
const GRACE_MS = 2_000;
/** Of `publish`, as docs/topics.md has it. */
const PUBLISH_TIMEOUT_MS = 10_000;

export interface ClientOverOptions {
  /** Milliseconds until the other end has to answer: 10,000 by default. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told of a service that the client did not take ("name-taken"). Without it that is an unhandled rejection of the process. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** What a thread has of a client. Without: streams, gRPC, datagrams, gossip, proofs, `onProof`, and figures. */
export type RemoteClient = Pick<
  Client,
  | "id"
  | "self"
  | "member"
  | "members"
  | "closeTo"
  | "pick"
  | "changes"
  | "waitForMembers"
  | "sendToId"
  | "sendToAny"
  | "serve"
  | "publish"
  | "setMetadata"
  | "stopping"
> & {
  subscribe(topic: string, options?: SubscribeOptions): Promise<ThreadSubscription>;
  /** Gives back what this thread serves and subscribes to; the client goes on. */
  close(): Promise<void>;
} & AsyncDisposable;

/**
 * The client that is shared over this port: `await clientOver(parentPort)` in a thread of which the other end has called
 * `shareClient(client, worker)`, `await clientOver(process)` in a process. Rejects with "timeout", "cancelled", and a TypeError for
 * what is no port, or brings no bytes.
 */
export async function clientOver(
  port: SharingPort | null,
  { timeoutMs = HELLO_TIMEOUT_MS, signal, onError }: ClientOverOptions = {},
): Promise<RemoteClient> {
  if (port === null) throw wrongType("This is the main thread: it has no port to another one.");
  requireTimeout(timeoutMs);
  return await new Promise((resolve, reject) => {
    const hello = () => line.post({ kind: "hello", probe: Uint8Array.of(1) } as Message);
    let client: Remote | undefined;
    const settled = () => {
      clearInterval(timer);
      clearTimeout(deadline);
      unwatch();
    };
    const fail = (error: Error) => {
      settled();
      line.close();
      reject(error);
    };
    const take = (message: Message) => {
      const said = message as Said;
      if (client) client.take(said);
      else if (said.kind === "refusal") fail(errorOf(said.error));
      else if (said.kind === "welcome") {
        settled();
        client = new Remote(line, said.state as State, onError);
        resolve(client);
      }
    };
    const line = lineOver(port, take, () => (client ? client.ended() : fail(lost())));
    const timer = setInterval(hello, HELLO_MS);
    const late = () => fail(new FirefliesError("timeout", "Nobody shares a client over this port."));
    const deadline = setTimeout(late, timeoutMs);
    let unwatch = () => {};
    unwatch = onAbort(signal, () => fail(new FirefliesError("cancelled", undefined, { cause: signal?.reason })));
    hello();
  });
}

class Remote implements RemoteClient {
  readonly id: MemberId;
  readonly #line: Line;
  readonly #calls: Calls;
  readonly #feed = new ChangeFeed();
  readonly #members: Map<string, Member>;
  readonly #stopping = new AbortController();
  readonly #handlers = new Map<string, MessageHandler>();
  readonly #subscriptions = new Map<number, RemoteSubscription>();
  readonly #onError: ((error: unknown) => void) | undefined;
  #self: Member;
  #isolated: Change | undefined;
  #isEnded = false;
  #nextSubscription = 0;

  constructor(line: Line, { id, self, members, isolated, isStopping }: State, onError: ClientOverOptions["onError"]) {
    this.#line = line;
    this.id = id;
    this.#self = self;
    this.#members = new Map(members.map((member) => [member.id, member]));
    this.#onError = onError;
    if (isolated) this.#isolated = { kind: "isolated", ...isolated, at: isolated.since } as Change;
    const answers = this.#answers;
    this.#calls = new Calls(line, (name, argument, signal) => {
      if (!Object.hasOwn(answers, name)) throw new TypeError(`A thread is not asked for ${name}.`);
      return answers[name as keyof ThreadAnswers](argument, signal);
    });
    if (isStopping) this.#stopping.abort();
    void this.#follow();
  }

  take(said: Said): void {
    if (said.kind === "call" || said.kind === "answer" || said.kind === "cancel") this.#calls.take(said);
    else if (said.kind === "stopping") this.#stopping.abort();
    else if (said.kind === "bye") this.ended();
  }

  ended(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#line.close();
    this.#calls.end(lost());
    this.#stopping.abort();
    this.#feed.close();
    for (const subscription of this.#subscriptions.values()) subscription.closeHere();
  }

  async close(): Promise<void> {
    this.#line.post({ kind: "bye" });
    this.ended();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  get self(): Member {
    return this.#self;
  }

  members(filter?: MemberFilter): Member[] {
    const all = [...this.#members.values()];
    if (filter === undefined) return all;
    const { isNamed, isOffering, isWanted } = matcherOf(filter);
    return all.filter((member) => isNamed(member.name) && isOffering(member.services) && isWanted(member));
  }

  member(idOrName: string): Member | undefined {
    const lower = idOrName.toLowerCase();
    if (lower === this.id || idOrName === this.#self.name) return this.#self;
    return this.#members.get(lower) ?? this.members().find(({ name }) => name === idOrName);
  }

  closeTo(key: string | Uint8Array, count: number): Member[] {
    requireCount(count);
    return closest(key, [this.#self, ...this.#members.values()], count);
  }

  pick(service: string, key: string | Uint8Array): Member | undefined {
    const offering = [this.#self, ...this.#members.values()].filter(({ services }) => services.includes(service));
    return closest(key, offering, 1)[0];
  }

  changes({ signal }: ChangesOptions = {}): AsyncIterableIterator<Change> {
    const joined = this.members().map((member): Change => ({ kind: "joined", member, at: member.since }));
    const feed = this.#feed.subscribe(this.#isolated ? [...joined, this.#isolated] : joined, signal);
    if (this.#isEnded) this.#feed.close();
    return feed;
  }

  waitForMembers(count: number, { signal }: { readonly signal?: AbortSignal } = {}): Promise<Member[]> {
    return untilMembers(this, count, signal);
  }

  async sendToId(id: string, data: Uint8Array, options: SendOptions = {}): Promise<Uint8Array> {
    const { service, timeout, signal } = options;
    requireBytes(data);
    requireTimeout(timeout);
    const argument = { id, data: tight(data), service, timeout };
    return await this.#ask("send", argument, callOptions(data, timeout ?? SEND_TIMEOUT_MS, signal));
  }

  async sendToAny(service: string, data: Uint8Array, options: SendToAnyOptions = {}): Promise<Uint8Array> {
    const { key, timeout, signal, among } = options;
    requireBytes(data);
    requireTimeout(timeout);
    if (among !== undefined) throw wrongType("`among` is a function, and does not cross to another thread.");
    const argument = { service, data: tight(data), key, timeout };
    return await this.#ask("sendToAny", argument, callOptions(data, timeout ?? SEND_TIMEOUT_MS, signal));
  }

  serve(service: string, handler: MessageHandler, { signal, announce, messagesPerPeer }: ServeOptions = {}): void {
    requireName(service, "service");
    requireHandler(handler);
    if (this.#handlers.has(service))
      throw new FirefliesError("name-taken", `The service ${service} is handled in this thread already.`);
    if (signal?.aborted) return;
    this.#handlers.set(service, handler);
    const taken = this.#ask("serve", { service, announce, messagesPerPeer }).then((self) => {
      this.#self = self;
    });
    const forget = () => {
      if (this.#handlers.get(service) !== handler) return;
      this.#handlers.delete(service);
      void taken
        .then(() => this.#ask("unserve", { service }, { isOwn: true }))
        .then((self) => {
          this.#self = self;
        })
        .catch(() => {}); // The other end has ended, and has taken it out.
    };
    onAbort(signal, forget);
    taken.catch((error: unknown) => {
      if (this.#isEnded) return;
      this.#handlers.delete(service);
      if (this.#onError === undefined) throw error;
      this.#onError(error);
    });
  }

  async publish(topic: string, data: Uint8Array, { signal, ...options }: PublishOptions = {}) {
    requireBytes(data);
    requireTimeout(options.timeout);
    const argument = { topic, data: tight(data), options };
    return await this.#ask("publish", argument, callOptions(data, options.timeout ?? PUBLISH_TIMEOUT_MS, signal));
  }

  async subscribe(topic: string, options: SubscribeOptions = {}): Promise<ThreadSubscription> {
    const { signal, deadLetter, onEvent } = options;
    const number = this.#nextSubscription++;
    const subscription = new RemoteSubscription(topic, options, async (isDrained) => {
      await this.#ask("unsubscribe", { subscription: number, isDrained }, { isOwn: true });
      this.#subscriptions.delete(number);
    });
    this.#subscriptions.set(number, subscription);
    const [hasDeadLetter, hasOnEvent] = [deadLetter !== undefined, onEvent !== undefined];
    const argument = { subscription: number, topic, options: subscription.asked, hasDeadLetter, hasOnEvent };
    try {
      await this.#ask("subscribe", argument, { signal });
    } catch (error) {
      this.#subscriptions.delete(number);
      void this.#ask("unsubscribe", { subscription: number, isDrained: false }, { isOwn: true }).catch(() => {});
      throw error;
    }
    onAbort(signal, () => void subscription.unsubscribe().catch(() => {}));
    return subscription;
  }

  async setMetadata(metadata: Metadata): Promise<void> {
    this.#self = await this.#ask("setMetadata", { metadata });
  }

  readonly #answers: ThreadAnswers = {
    alive: () => {},
    handle: async ({ service, data, from }, signal) => {
      const handler = this.#handlers.get(service);
      if (handler === undefined) throw new FirefliesError("handler-missing");
      const reply = await handler(data, { from, signal, proof: noProof });
      return reply && tight(reply);
    },
    message: async ({ subscription, message }, signal) => {
      const found = this.#subscriptions.get(subscription);
      if (found === undefined) throw new FirefliesError("handler-missing");
      await found.take(message, signal);
    },
    deadLetter: async ({ subscription, message, reason }) => {
      await this.#subscriptions.get(subscription)?.dead(message, reason);
    },
    event: ({ subscription, event }) => this.#subscriptions.get(subscription)?.told(event),
  };

  /** One batch of changes after the other, each asked for when the one before is done with. */
  async #follow(): Promise<void> {
    try {
      for (;;) {
        const batch = await this.#ask("changes", undefined, { isOwn: true });
        if (batch === undefined) return;
        this.#apply(batch);
      }
    } catch {
      this.ended();
    }
  }

  #apply({ changes, self, members }: Batch): void {
    this.#self = self;
    for (const change of changes) {
      this.#mirror(change);
      if (change.kind !== "dropped") this.#feed.publish(change);
    }
    if (members === undefined) return;
    this.#members.clear();
    for (const member of members) this.#members.set(member.id, member);
    const [count] = changes.flatMap((change) => (change.kind === "dropped" ? [change.count] : []));
    this.#feed.publish({ kind: "dropped", count: count ?? 1, at: Date.now() });
  }

  #mirror(change: Change): void {
    if (change.kind === "isolated") this.#isolated = change;
    else if (change.kind === "back") this.#isolated = undefined;
    else if (change.kind === "left" || change.kind === "failed") this.#members.delete(change.member.id);
    else if ("member" in change) this.#members.set(change.member.id, change.member);
  }

  async #ask<Name extends keyof AskedOfClient>(
    name: Name,
    argument: Parameters<AskedOfClient[Name]>[0],
    options: CallOptions = {},
  ): Promise<ReturnType<AskedOfClient[Name]>> {
    return (await this.#calls.call(name, argument, options)) as ReturnType<AskedOfClient[Name]>;
  }
}

function callOptions({ length }: Uint8Array, timeoutMs: number, signal: AbortSignal | undefined): CallOptions {
  return { bytes: length, timeoutMs: timeoutMs + GRACE_MS, signal };
}

function noProof(): never {
  throw new FirefliesError("proof-unavailable", "Proofs do not cross to other threads.", {
    advice: "Serve it in the thread of the client to keep proofs.",
  });
}

function lost(): FirefliesError {
  return new FirefliesError("link-closed", "The client of the other thread is not shared any more.");
}
