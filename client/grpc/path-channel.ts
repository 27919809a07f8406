/**
 * The gRPC channel of a member's stubs: one connection at a time, over the best session. When another session is better, the
 * calls that run end where they are, and what is called from then on goes over a connection of its own.
 */
import type { Channel, ChannelInterface, ServiceError } from "@grpc/grpc-js";
import { type CallCount, writeTrace } from "./counting.js";
import { PATHS_MAX } from "./limits.js";

type CreateCall = Parameters<ChannelInterface["createCall"]>;
export type Call = ReturnType<ChannelInterface["createCall"]>;
type Listener = Parameters<Call["start"]>[1];
type Status = Pick<ServiceError, "code" | "details" | "metadata">;

/** One channel of grpc-js, and the connection below it. */
interface Route {
  readonly channel: Channel;
  /** Calls that have no status yet. */
  calls: number;
  /** Its session is not the best one. */
  isSuperseded: boolean;
}

/** What says of one connection that its session is no longer the best one. */
export type Superseded = () => void;

export class PathChannel implements ChannelInterface {
  readonly #make: (onSuperseded: Superseded) => Channel;
  readonly #begin: (path: string) => CallCount;
  /** Those that calls run on; the newest one takes new ones. */
  readonly #routes = new Set<Route>();
  #current: Route;
  /** Makes the calls from then on. */
  #dead: (() => Call) | undefined;

  /** `make` makes a channel whose connections tell when their session is no longer the best one. `begin` counts a call. */
  constructor(make: (onSuperseded: Superseded) => Channel, begin: (path: string) => CallCount) {
    this.#make = make;
    this.#begin = begin;
    this.#current = this.#newRoute();
  }

  createCall(...args: CreateCall): Call {
    if (this.#dead) return this.#dead();
    // One whose calls do not end keeps its connection: a member takes a few of them.
    if (this.#current.isSuperseded && this.#routes.size < PATHS_MAX) this.#current = this.#newRoute();
    return this.#counted(this.#current, this.#current.channel.createCall(...args), this.#begin(args[0]));
  }

  /** Calls that are made later are of `dead`. */
  end(dead: () => Call): void {
    this.#dead = dead;
    this.close();
  }

  close(): void {
    for (const { channel } of this.#routes) channel.close();
    this.#routes.clear();
  }

  getTarget(): string {
    return this.#current.channel.getTarget();
  }

  getConnectivityState(tryToConnect: boolean): ReturnType<Channel["getConnectivityState"]> {
    return this.#current.channel.getConnectivityState(tryToConnect);
  }

  watchConnectivityState(...args: Parameters<Channel["watchConnectivityState"]>): void {
    this.#current.channel.watchConnectivityState(...args);
  }

  getChannelzRef(): ReturnType<Channel["getChannelzRef"]> {
    return this.#current.channel.getChannelzRef();
  }

  #newRoute(): Route {
    const channel = this.#make(() => {
      route.isSuperseded = true;
      this.#drop(route);
    });
    const route: Route = { channel, calls: 0, isSuperseded: false };
    this.#routes.add(route);
    return route;
  }

  #counted(route: Route, call: Call, count: CallCount): Call {
    const { start, cancelWithStatus, sendMessageWithContext } = call;
    call.sendMessageWithContext = (context, message) => {
      count.tally.bytesOut += message.length;
      sendMessageWithContext.call(call, context, message);
    };
    // In the turn in which HTTP/2 begins a call its reset is lost (Node keeps it for a write that does not come): the called
    // side would run on, and hold one of its places.
    call.cancelWithStatus = (...why) => void setImmediate(() => cancelWithStatus.apply(call, why));
    call.start = (metadata, listener) => {
      route.calls += 1;
      writeTrace(metadata, count.followed?.context);
      start.call(call, metadata, this.#watched(route, listener, count));
    };
    return call;
  }

  #watched(route: Route, listener: Listener, count: CallCount): Listener {
    return {
      onReceiveMetadata: (metadata) => listener.onReceiveMetadata(metadata),
      onReceiveMessage: (message) => {
        count.tally.bytesIn += (message as Buffer).length;
        listener.onReceiveMessage(message);
      },
      onReceiveStatus: (status: Status) => {
        route.calls -= 1;
        count.end(status.code);
        this.#drop(route);
        listener.onReceiveStatus(status);
      },
    };
  }

  /** Closes what another one has replaced, once nothing runs on it. */
  #drop(route: Route): void {
    if (route.calls > 0 || !route.isSuperseded) return;
    if (route === this.#current) this.#current = this.#newRoute();
    if (this.#routes.delete(route)) route.channel.close();
  }
}
