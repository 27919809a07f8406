/**
 * What a member tells the others to dial: as the configuration says, as the program says later, or as follows from what it
 * listens on and the addresses that its machine has meanwhile.
 */
import { advertisedAddresses, advertisedBy, type Interfaces, isAuto, type MemberConfig } from "../config/index.js";
import { AddressWatch } from "./address-watch.js";

export interface OwnAddressesOptions {
  readonly config: Pick<MemberConfig, "advertise" | "listen">;
  /** As os.networkInterfaces(). */
  readonly interfaces: () => Interfaces;
  /** The member that tells them; it listens. */
  readonly member: {
    readonly port: number;
    readonly addresses: readonly string[];
    advertise(addresses: readonly string[], how: { readonly wasThere: boolean; readonly isAuto?: boolean }): void;
  };
  /** The others are told another address from now on. */
  readonly onMoved: (addresses: readonly string[]) => void;
}

export class OwnAddresses {
  readonly #options: OwnAddressesOptions;
  readonly #watch: AddressWatch;

  constructor(options: OwnAddressesOptions) {
    this.#options = options;
    const { config, interfaces, member } = options;
    this.#watch = new AddressWatch({
      config: { ...config, advertise: [] },
      port: member.port,
      current: () => member.addresses,
      interfaces,
      onMoved: (addresses) => this.#tell(addresses, { wasThere: false }),
    });
    if (config.advertise.length === 0) this.#watch.start();
  }

  stop(): void {
    this.#watch.stop();
  }

  /** These from now on; none of them: as follows from what is listened on. Throws "address-invalid". */
  set(addresses: readonly string[]): void {
    const { config, interfaces, member } = this.#options;
    const advertise = advertisedBy(addresses, member.port);
    const derived = { ...config, advertise: [] };
    this.#watch.stop();
    if (advertise.length > 0) {
      this.#tell(advertise, { wasThere: true, isAuto: false });
      return;
    }
    const found = advertisedAddresses(derived, member.port, interfaces());
    this.#tell(found, { wasThere: true, isAuto: isAuto(derived) });
    this.#watch.start();
  }

  #tell(addresses: readonly string[], how: { readonly wasThere: boolean; readonly isAuto?: boolean }): void {
    this.#options.member.advertise(addresses, how);
    this.#options.onMoved(addresses);
  }
}
