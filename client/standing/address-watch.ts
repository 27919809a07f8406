/**
 * Watches the addresses of this machine for a member that derives its own from them: after a new lease, a VPN, another
 * network, or a container that moved, the others must be told where the member is now.
 */
import type { Address, Interfaces } from "../../net/index.js";
import { type MemberConfig, movedAddresses } from "../config/index.js";

/** Between two looks, milliseconds: a look takes some microseconds per interface, and a member that moved is back within 5 s. */
export const INTERFACES_MS = 2_000;

export interface AddressWatchOptions {
  readonly config: Pick<MemberConfig, "advertise" | "listen">;
  /** What is bound. */
  readonly listeners: readonly Address[];
  /** "host:port" that the others hold now. */
  readonly current: () => readonly string[];
  /** As os.networkInterfaces(). */
  readonly interfaces: () => Interfaces;
  /** The machine no longer has the address that the others hold; these are the new ones. */
  readonly onMoved: (addresses: readonly string[]) => void;
}

export class AddressWatch {
  readonly #options: AddressWatchOptions;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: AddressWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.stop();
    this.#timer = setInterval(() => this.look(), INTERFACES_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  look(): void {
    const { config, listeners, current, onMoved } = this.#options;
    const interfaces = this.#interfaces();
    const moved = interfaces && movedAddresses(current(), config, listeners, interfaces);
    if (moved) onMoved(moved);
  }

  /** A system that does not say, because it is out of descriptors, is asked again soon. */
  #interfaces(): Interfaces | undefined {
    try {
      return this.#options.interfaces();
    } catch {
      return undefined;
    }
  }
}
