/**
 * The transport through a relay as a subject of the transports' contract: callers, a relay and the member that they want, with
 * real sessions between them. The relay has its usual limits, so there are several callers, and they keep to its pace.
 */
import type { Duplex } from "node:stream";
import type { Identity } from "../../identity/index.js";
import {
  type Address,
  type Bound,
  DialError,
  type DialTarget,
  deadlineIn,
  formatAddress,
  Protocols,
  pause,
  RELAY_SCHEME,
  type Session,
  type Transport,
  tcpTransport,
} from "../../net/index.js";
import { OPENS, RELAY_LIMITS, RELAY_RESERVE } from "../../net/relays/limits.js";
import { decodeReservation, encodeWish } from "../../net/relays/messages.js";
import { Relaying } from "../../net/relays/relaying.js";
import { Taking } from "../../net/relays/taking.js";
import { Through } from "../../net/relays/through.js";
import { relayTransport } from "../../net/relays/transport.js";
import type { Protocol } from "../../net/session/protocol.js";
import { Buckets, type MemberId } from "../../rings/index.js";
import type { TransportEnds, TransportSubject } from "../../testing/index.js";
import { loneStack } from "./lone-stack.js";
import { TestNetwork } from "./test-network.js";

/** A relay lets four connections of one caller to one member through at once, and the contract makes fifty. */
const CALLERS = 16;

type OnConnection = (connection: Duplex, from: Address) => void;

const now = () => performance.now();
const soon = () => ({ deadline: deadlineIn(15_000) });

export class RelayPlace {
  readonly #stacks: ReturnType<typeof loneStack>[] = [];
  readonly #paces = new Buckets<Transport>(OPENS, CALLERS);
  readonly #callers: Transport[] = [];
  readonly #network: TestNetwork;
  #address = "";
  #relaying: Relaying | undefined;
  #relay!: MemberId;
  #wanted!: MemberId;
  #next = 0;
  #onConnection: OnConnection | undefined;
  static async open(): Promise<RelayPlace> {
    const network = await TestNetwork.create();
    const place = new RelayPlace(network);
    const relay = await network.member();
    place.#relay = relay.certificate.id;
    place.#address = await place.#openRelay(relay);
    for (let count = 0; count < CALLERS; count++) await place.#call(await network.member());
    return place;
  }

  private constructor(network: TestNetwork) {
    this.#network = network;
  }

  /** Another member is wanted in each test: what one has dialled does not come to the next. */
  get subject(): TransportSubject {
    return { create: () => this.#ends(), host: this.#relay, hasPorts: false };
  }

  async #ends(): Promise<TransportEnds> {
    const close = await this.#want();
    const dialling = { ...this.#callers[0]!, dial: (to: Address, target: DialTarget) => this.#dial(to, target) };
    const listening = { ...dialling, listen: async (_: unknown, taken: OnConnection) => this.#listen(taken) };
    return { dialling, listening, close };
  }

  async close(): Promise<void> {
    this.#relaying?.close();
    for (const stack of this.#stacks.splice(0)) await stack[Symbol.asyncDispose]();
  }

  #stack(identity: Identity, spoken: readonly Protocol[]) {
    const protocols = new Protocols();
    for (const protocol of spoken) protocols.register(protocol);
    const stack = loneStack(identity, { protocols, transports: [tcpTransport()] });
    this.#stacks.push(stack);
    return stack;
  }

  async #openRelay(identity: Identity): Promise<string> {
    let sessionWith = (_: MemberId): Session | undefined => undefined;
    const relaying = new Relaying({
      ...{
        self: this.#relay,
        limits: RELAY_LIMITS,
        now,
        isWilling: () => true,
        declines: () => false,
        isMine: () => true,
      },
      directWith: (id) => sessionWith(id),
      reachDirect: () => Promise.reject(new DialError("no-route", "there is one relay")),
    });
    this.#relaying = relaying;
    // What it opens is registered as well.
    const stack = this.#stack(identity, [
      ...new Taking({ isRelayOfMine: () => false, accept: () => {}, dial: noConduit }).protocols,
      ...relaying.protocols,
    ]);
    sessionWith = (id) => stack.links.get(id)?.sessions.find(({ closed }) => !closed);
    const { address } = await stack.listen({ host: "127.0.0.1", port: 0 });
    return formatAddress(address);
  }

  /** A member with a reservation. Nobody takes what comes while nobody listens. Returns the way to end it. */
  async #want(): Promise<() => Promise<void>> {
    const identity = await this.#network.member();
    const { id } = identity.certificate;
    this.#wanted = id;
    const taking = new Taking({
      isRelayOfMine: (relay) => relay === this.#relay && this.#wanted === id && this.#onConnection !== undefined,
      accept: (connection, from) => this.#onConnection?.(connection, from),
      dial: noConduit,
    });
    const stack = this.#stack(identity, [...taking.protocols, ...(this.#relaying?.protocols ?? [])]);
    const session = await stack.links.reach({ id: this.#relay, addresses: [this.#address] }, soon());
    const answer = decodeReservation(await session.call(RELAY_RESERVE, encodeWish("reserve"), soon()));
    if (answer?.kind !== "granted") throw new Error("the relay grants no place");
    return async () => {
      this.#stacks.splice(this.#stacks.indexOf(stack), 1);
      await stack[Symbol.asyncDispose]();
    };
  }

  async #call(identity: Identity): Promise<void> {
    const stack = this.#stack(identity, this.#relaying?.protocols ?? []);
    const reachDirect = () => stack.links.reach({ id: this.#relay, addresses: [this.#address] }, soon());
    await reachDirect();
    const { id } = identity.certificate;
    this.#callers.push(relayTransport(new Through({ self: id, reachDirect, nearby: () => [], now })));
  }

  #listen(onConnection: OnConnection): Bound {
    this.#onConnection = onConnection;
    const close = async () => {
      if (this.#onConnection === onConnection) this.#onConnection = undefined;
    };
    return { address: { scheme: RELAY_SCHEME, host: this.#relay, port: 0 }, close };
  }

  async #dial(to: Address, target: DialTarget): Promise<Duplex> {
    const caller = this.#callers[this.#next++ % CALLERS]!;
    for (;;) {
      const waitMs = this.#paces.take(caller, now());
      if (waitMs === 0) return await caller.dial(to, { ...target, member: this.#wanted });
      await pause(waitMs, target.signal);
    }
  }
}

/** It is about the connections that sessions with the relay carry. */
function noConduit(): Promise<never> {
  return Promise.reject(new DialError("no-route", "there are no conduits"));
}
