/** A member's place in a LAN in memory: all that it reaches others with. */
import { isIP } from "node:net";
import type { HostPort } from "../address.js";
import type { Resolver } from "../dialling/resolver.js";
import type { HostNetwork, Interfaces } from "../network.js";
import { DialError } from "../transports/dial-error.js";
import type { Transport } from "../transports/transport.js";
import type { DatagramCarrier } from "../udp/carrier.js";
import type { Place } from "./topology.js";

interface MemoryHostOptions {
  readonly place: Place;
  readonly transport: Transport;
  readonly bindDatagrams: (at: HostPort) => Promise<DatagramCarrier>;
  /** The address of a host of this network, by its name. */
  readonly addressOf: (name: string) => string | undefined;
}

/** For `new Client({ network })`: TCP, datagrams, names and addresses of one host, none of them the system's. */
export class MemoryHost implements HostNetwork {
  readonly place: Place;
  readonly transports: readonly Transport[];
  readonly bindDatagrams: (at: HostPort) => Promise<DatagramCarrier>;
  readonly resolver: Resolver;
  /** Its IPv4 address. */
  readonly host: string;

  /** By `lan.host()` and `lan.add()`. */
  constructor({ place, transport, bindDatagrams, addressOf }: MemoryHostOptions) {
    this.place = place;
    this.transports = [transport];
    this.bindDatagrams = bindDatagrams;
    this.host = place.host ?? place.name;
    const known = (name: string) => {
      const address = isIP(name) === 0 ? addressOf(name) : name;
      return address === undefined ? undefined : [address];
    };
    this.resolver = {
      known,
      addresses: async (name) => known(name) ?? Promise.reject(new DialError("unresolved", name)),
    };
  }

  /** As others name it. */
  get name(): string {
    return this.place.name;
  }

  readonly interfaces = (): Interfaces => ({
    memory: [
      {
        ...{ address: this.host, netmask: "255.255.0.0", family: "IPv4", mac: "00:00:00:00:00:00" },
        ...{ internal: false, cidr: `${this.host}/16` },
      },
    ],
  });
}
