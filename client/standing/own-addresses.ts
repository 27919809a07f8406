/**
 * What a member tells the others to dial: as the configuration says, as the program says later, or as follows from what it
 * listens on and the addresses that its machine has meanwhile.
 */

import type { Address, Interfaces } from "../../net/index.js";
import { advertisedAddresses, advertiseOf, isAuto, isDerived, type MemberConfig } from "../config/index.js";
import { AddressWatch } from "./address-watch.js";

type Config = Pick<MemberConfig, "advertise" | "listen">;

export interface OwnAddressesOptions {
  readonly config: Config;
  /** As os.networkInterfaces(). */
  readonly interfaces: () => Interfaces;
  /** The member that tells them; it listens. */
  readonly member: {
    readonly listeners: readonly Address[];
    readonly addresses: readonly string[];
    advertise(addresses: readonly string[], how: { readonly wasThere: boolean; readonly isAuto?: boolean }): void;
  };
  /** The others are told another address from now on. */
  readonly onMoved: (addresses: readonly string[]) => void;
}

export class OwnAddresses {
  readonly #options: OwnAddressesOptions;
  #watch: AddressWatch;

  constructor(options: OwnAddressesOptions) {
    this.#options = options;
    const { config } = options;
    this.#watch = this.#watching(config);
    if (isDerived(config)) this.#watch.start();
  }

  stop(): void {
    this.#watch.stop();
  }

  /** These from now on, as the key `advertise` takes them. Throws "address-invalid". */
  set(addresses: readonly string[]): void {
    const { config, interfaces, member } = this.#options;
    const advertise = advertiseOf(addresses);
    const changed = { ...config, advertise };
    this.#watch.stop();
    this.#watch = this.#watching(changed);
    const found = advertisedAddresses(changed, member.listeners, interfaces());
    this.#tell(found, { wasThere: true, isAuto: isAuto(changed) });
    if (isDerived(changed)) this.#watch.start();
  }

  #watching(config: Config): AddressWatch {
    const { interfaces, member } = this.#options;
    return new AddressWatch({
      config,
      listeners: member.listeners,
      current: () => member.addresses,
      interfaces,
      onMoved: (addresses) => this.#tell(addresses, { wasThere: false }),
    });
  }

  #tell(addresses: readonly string[], how: { readonly wasThere: boolean; readonly isAuto?: boolean }): void {
    this.#options.member.advertise(addresses, how);
    this.#options.onMoved(addresses);
  }
}
