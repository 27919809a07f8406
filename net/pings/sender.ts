/** Pings and summonses to members by the addresses of their notes; names are looked up now and then, never per ping. */
import { isIP } from "node:net";
import type { MemberId } from "../../rings/index.js";
import { type Address, formatHostPort, type HostPort, parseAddress } from "../address.js";
import type { Resolver } from "../dialling/resolver.js";
import type { SummonsFields } from "./codec.js";
import type { PingPeer, Pings } from "./pings.js";
import type { PingTable } from "./table.js";

export interface NotePingsOptions {
  readonly pings: () => Pings | undefined;
  readonly table: PingTable;
  readonly resolver: Pick<Resolver, "known">;
  /** May datagrams go to this address? Asked for addresses whose host is an IP address. */
  readonly mayDial: (address: Address) => boolean;
  /** The host at which a session with the member was made: of several it is the one that works. */
  readonly preferred: (id: MemberId) => string | undefined;
}

export class NotePings {
  readonly #options: NotePingsOptions;

  constructor(options: NotePingsOptions) {
    this.#options = options;
  }

  /** Returns where it went, "IP:port"; undefined when it went nowhere. */
  ping(to: MemberId, addresses: readonly string[], nonce: bigint): string | undefined {
    return this.#toFirst(to, addresses, (pings, peer, target) => pings.ping(peer, target, nonceBytes(nonce)));
  }

  summon(to: MemberId, addresses: readonly string[], summons: SummonsFields): void {
    this.#toFirst(to, addresses, (pings, peer, target) => pings.summon(peer, target, summons));
  }

  /** Where datagrams to a member may go: the addresses of its note that may be dialled, the one that works first. */
  places(to: MemberId, addresses: readonly string[]): readonly HostPort[] {
    const allowed = addresses.flatMap((text) => this.#resolved(to, text)).filter(this.#options.mayDial);
    const host = this.#options.preferred(to);
    return [
      ...allowed.filter((address) => address.host === host),
      ...allowed.filter((address) => address.host !== host),
    ];
  }

  #toFirst(
    to: MemberId,
    addresses: readonly string[],
    send: (pings: Pings, peer: PingPeer, target: string) => void,
  ): string | undefined {
    const { pings, table } = this.#options;
    const peer = table.ofMember(to);
    const socket = pings();
    const target = this.#target(to, addresses);
    if (!socket || !peer || target === undefined) return undefined;
    send(socket, peer, target);
    return target;
  }

  /** An address that may be used. A name that is not known yet costs this ping: the next one finds the address. */
  #target(to: MemberId, addresses: readonly string[]): string | undefined {
    const [target] = this.places(to, addresses);
    return target && formatHostPort(target.host, target.port);
  }

  #resolved(to: MemberId, text: string): Address[] {
    const address = parseAddress(text);
    if (address === undefined) return [];
    const hosts = isIP(address.host) === 0 ? (this.#options.resolver.known(address.host, to) ?? []) : [address.host];
    return hosts.map((host) => ({ ...address, host }));
  }
}

function nonceBytes(nonce: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, nonce);
  return bytes;
}

export function nonceOf(bytes: Uint8Array): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0);
}
