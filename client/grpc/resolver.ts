/**
 * Names nothing up: a target is one IP address already, and carries the signal that cuts its connection. gRPC would
 * wait for an address that drops packets until the system gives up, minutes after the dial has failed.
 */
import { type ChannelOptions, experimental } from "@grpc/grpc-js";
import { parseAddress } from "../address.js";

const SCHEME = "fireflies-link";
const CUT_OPTION = "fireflies.cut";

type Uri = experimental.GrpcUri;

class OneAddressResolver implements experimental.Resolver {
  readonly #target: Uri;
  readonly #listener: experimental.ResolverListener;
  readonly #options: ChannelOptions;
  #isTold = false;

  constructor(target: Uri, listener: experimental.ResolverListener, options: ChannelOptions) {
    this.#target = target;
    this.#listener = listener;
    this.#options = options;
  }

  /**
   * Tells its address once. gRPC asks again whenever a connection fails, and takes an answer as leave to try at once:
   * told each time, it would try a dead member without end, and the process would do nothing else.
   */
  updateResolution(): void {
    if (this.#isTold) return;
    this.#isTold = true;
    // The object reaches net.connect as it is: `signal` is one of its options.
    const address = { ...parseAddress(this.#target.path)!, signal: this.#options[CUT_OPTION] };
    const found = experimental.statusOrFromValue([{ addresses: [address] }]);
    process.nextTick(() => {
      if (this.#isTold) this.#listener(found, {}, null, "");
    });
  }

  /** gRPC destroys a resolver when the channel goes idle, and asks the same one when it wakes. */
  destroy(): void {
    this.#isTold = false;
  }

  static getDefaultAuthority(target: Uri): string {
    return target.path;
  }
}

let registered = false;

/** The gRPC target of an IP address and port ("host:port"), and the channel option that goes with it. */
export function targetOf(
  address: string,
  cut: AbortSignal,
): { readonly target: string; readonly options: ChannelOptions } {
  if (!registered) experimental.registerResolver(SCHEME, OneAddressResolver);
  registered = true;
  return { target: `${SCHEME}:${address}`, options: { [CUT_OPTION]: cut } };
}
